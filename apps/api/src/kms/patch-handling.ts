import type { FastifyReply } from 'fastify';
import type { PatchHandling } from '#keys';

const LENIENT = /(?:^|[,;])\s*handling\s*=\s*"?lenient"?\s*(?:$|[,;])/i;

/** `Prefer: handling=lenient` (RFC 7240 §4.4), acknowledged in the answer; strict otherwise. */
export function handlingOf(prefer: string | undefined, reply: FastifyReply): PatchHandling {
  if (!prefer || !LENIENT.test(prefer)) return 'strict';
  void reply.header('preference-applied', 'handling=lenient');
  return 'lenient';
}
