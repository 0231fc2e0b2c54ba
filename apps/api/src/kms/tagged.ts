import type { FastifyReply } from 'fastify';
import { entityTag, type KeyView } from '#keys';

/** Sets the strong `ETag` of a key's version and gives the key. */
export function tagged(reply: FastifyReply, key: KeyView): KeyView {
  void reply.header('etag', entityTag(key));
  return key;
}
