import type { FastifyRequest } from 'fastify';
import { AppError } from '#kernel';

declare module 'fastify' {
  interface FastifyRequest {
    /** The caller's `Idempotency-Key`, where there is one and the route goes by it. */
    idempotencyKey: string | null;
  }
}

/** A string of RFC 9651 §3.3.3, which is what the draft of the header asks for. */
const QUOTED = /^"((?:[ !#-[\]-~]|\\["\\])*)"$/;
/** What most clients send: the same without its quotes. No `,` and `;`, which are a list's and a parameter's. */
const BARE = /^[!#-+\--:<-[\]-~]+$/;
const MAX_LENGTH = 255;

/** The key that a header's text stands for, quoted or bare; undefined where it is none. */
export function parseIdempotencyKey(text: string): string | undefined {
  const key = QUOTED.exec(text)?.[1]?.replace(/\\(.)/g, '$1') ?? BARE.exec(text)?.[0];
  return key && key.length <= MAX_LENGTH ? key : undefined;
}

/**
 * The key of a request that may bear one. Throws `malformed_request` for what is none, and for any key where the route
 * does not go by it: its caller would send the request again and trust that it is done once. Reading twice does no harm.
 */
export function acceptIdempotencyKey(request: FastifyRequest, idempotent: boolean): string | null {
  const text = request.headers['idempotency-key'];
  if (text === undefined) return null;
  if (!idempotent) {
    if (request.method === 'GET' || request.method === 'HEAD') return null;
    throw new AppError('malformed_request', { detail: 'This route does not go by an Idempotency-Key.' });
  }
  const key = parseIdempotencyKey(String(text));
  if (key !== undefined) return key;
  throw new AppError('malformed_request', {
    detail: `Idempotency-Key must be 1 to ${MAX_LENGTH} printable ASCII characters, quoted where one is a space or any of " , ; \\.`,
  });
}
