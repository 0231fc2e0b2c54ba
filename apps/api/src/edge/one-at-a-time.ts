import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/**
 * Begins a pipelined request only when the answer before it on its connection has left (RFC 9112 §9.3.2). Its own
 * answer would wait behind that one, finished but unsent, while a key it was signed with is being revoked.
 */
export function serveOneAtATime(fastify: FastifyInstance): void {
  const latest = new WeakMap<Socket, ServerResponse>();
  fastify.addHook('onRequest', async (request, reply) => {
    const { socket } = request.raw;
    const previous = latest.get(socket);
    latest.set(socket, reply.raw);
    if (previous && !previous.closed)
      await new Promise<void>((resolve) => void previous.once('close', resolve));
  });
}
