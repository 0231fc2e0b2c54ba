import { verifyEd25519 } from '#crypto';
import type { ChainHead } from './audit-sql.js';

/** What a checkpoint signs: where the chains stood that one process moved since its last one. */
export interface CheckpointBody {
  readonly id: string;
  readonly ts: string;
  readonly heads: readonly ChainHead[];
}

/** A line of the checkpoint file: the signed text, verbatim, its signature and the key that made it. */
export interface CheckpointLine {
  readonly body: string;
  /** Ed25519, base64. */
  readonly signature: string;
  /** SubjectPublicKeyInfo, base64 of DER. */
  readonly public_key: string;
}

/** The body of a checkpoint whose signature holds under `spki`, else undefined. */
export function openCheckpoint(spki: Buffer, body: string, signature: Buffer): CheckpointBody | undefined {
  if (!verifyEd25519(spki, Buffer.from(body), signature)) return undefined;
  return JSON.parse(body) as CheckpointBody;
}
