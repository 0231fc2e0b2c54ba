import type { FastifyReply } from 'fastify';
import { newKeyId, type RequestContext } from '#kernel';
import type { KeyReadingService, KeyView } from '#keys';
import type { Idempotency } from '../edge/idempotency.js';
import { tagged } from './tagged.js';

/** Answers requests with the key that they make. */
export class KeyAnswers {
  constructor(
    private readonly idempotency: Idempotency,
    private readonly reading: KeyReadingService,
  ) {}

  /** Makes one key, under the id given to `make`, however often a request with an `Idempotency-Key` is sent. */
  once(
    ctx: RequestContext,
    reply: FastifyReply,
    make: (keyId: string) => Promise<KeyView>,
  ): Promise<KeyView> {
    return this.idempotency.answer(ctx, reply, {
      newId: newKeyId,
      find: async (keyId) => {
        const key = await this.reading.findMade(ctx, keyId);
        return key && tagged(reply, key);
      },
      make: async (keyId) => tagged(reply, await make(keyId)),
    });
  }
}
