import type { FastifyReply } from 'fastify';
import type { IdempotencyService, Making } from '#idempotency';
import type { RequestContext } from '#kernel';

/** An answer as it is kept, to be given again. */
interface KeptAnswer<Body> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Body;
}

/** The headers that belong to an answer rather than to its request. */
const KEPT_HEADERS = ['etag', 'location', 'preference-applied'] as const;

function keptAnswer<Body>(reply: FastifyReply, body: Body): KeptAnswer<Body> {
  const headers = KEPT_HEADERS.map((name) => [name, reply.getHeader(name)]);
  return {
    status: reply.statusCode,
    headers: Object.fromEntries(headers.filter(([, value]) => value !== undefined)) as Record<string, string>,
    body,
  };
}

/** Answers requests that make something, each once for an `Idempotency-Key`. */
export class Idempotency {
  constructor(private readonly service: IdempotencyService) {}

  /**
   * Gives what `making` makes, or made for this key before; then `reply` gets status and headers of that time. `find` and
   * `make` set theirs on `reply`. Throws as `IdempotencyService.once` does.
   */
  async answer<Body>(ctx: RequestContext, reply: FastifyReply, making: Making<Body>): Promise<Body> {
    const { idempotencyKey: key, method, url, headers, body } = reply.request;
    if (key === null) return making.make(making.newId());
    // With another preference it is another kind of thing that is made.
    const content = [method, url, headers['if-match'] ?? null, headers['prefer'] ?? null, body ?? null];
    const { answer, replayed } = await this.service.once<KeptAnswer<Body>>(
      ctx,
      { key, content },
      {
        newId: making.newId,
        find: async (id) => {
          const found = await making.find(id);
          return found === undefined ? undefined : keptAnswer(reply, found);
        },
        make: async (id) => keptAnswer(reply, await making.make(id)),
      },
    );
    if (replayed) {
      void reply.status(answer.status).headers(answer.headers).header('idempotency-replayed', 'true');
    }
    return answer.body;
  }
}
