import type { FastifyReply } from 'fastify';
import type { Answer } from '#kernel';

/** The answer to an HTTP request: it has left once its response is closed. */
export class HttpAnswer implements Answer {
  #left: Promise<void> | undefined;

  constructor(private readonly reply: FastifyReply) {}

  /** Made on demand: most requests are never waited for. */
  get left(): Promise<void> {
    const response = this.reply.raw;
    return (this.#left ??= response.closed
      ? Promise.resolve()
      : new Promise((resolve) => void response.once('close', resolve)));
  }

  abandon(): void {
    this.reply.raw.destroy();
  }
}
