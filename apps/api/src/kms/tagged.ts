import type { FastifyReply } from 'fastify';
import { entityTag } from '#keys';

/** Sets the strong `ETag` of the version of what is answered, and gives it. */
export function tagged<View extends { readonly version: number }>(reply: FastifyReply, view: View): View {
  void reply.header('etag', entityTag(view));
  return view;
}
