import { spkiToPem } from '#crypto';
import { pkcs11Uri } from './key-reference.js';
import type { KeyEntity, KeyOrigin, Metadata } from './key.entity.js';

/** A key as the API shows it. */
export interface KeyView {
  key_id: string;
  pkcs11_uri: string;
  name: string;
  aliases: string[];
  engine_id: string;
  has_private_key: boolean;
  algorithm: string;
  size: number;
  /** Base64 of the PEM text. */
  public_key: string;
  creation_ts: string;
  updated_ts: string;
  tags: string[];
  metadata: Metadata;
  state: string;
  version: number;
  usages: string[];
  origin: KeyOrigin;
  exportable: false;
  fingerprint: string;
  rotated_from?: string;
  rotated_to?: string;
  /** When it is to be destroyed, unless it is restored. */
  deletion_ts?: string;
  last_used_ts?: string;
}

/** `public_key` of the API: base64 of the PEM text of the SPKI. */
export const publicKeyText = (spki: Buffer): string => Buffer.from(spkiToPem(spki)).toString('base64');

export function viewKey(key: KeyEntity, lastUsed?: Date): KeyView {
  return {
    key_id: key.keyId,
    pkcs11_uri: pkcs11Uri(key.engineId, key.keyId, key.hasPrivateKey),
    name: key.name,
    aliases: key.aliases,
    engine_id: key.engineId,
    has_private_key: key.hasPrivateKey,
    algorithm: key.algorithm,
    size: key.size,
    public_key: publicKeyText(key.spki),
    creation_ts: key.creationTs.toISOString(),
    updated_ts: key.updatedTs.toISOString(),
    tags: key.tags,
    metadata: key.metadata,
    state: key.state,
    version: key.version,
    usages: key.hasPrivateKey ? ['sign', 'verify'] : ['verify'],
    origin: key.origin,
    exportable: false,
    fingerprint: key.fingerprint,
    ...(key.rotatedFrom && { rotated_from: key.rotatedFrom }),
    ...(key.rotatedTo && { rotated_to: key.rotatedTo }),
    ...(key.state === 'pending_deletion' && { deletion_ts: key.deletionTs?.toISOString() }),
    ...(lastUsed && { last_used_ts: lastUsed.toISOString() }),
  };
}

/** Strong entity tag (RFC 9110 §8.8.3): the version. */
export const entityTag = (view: { readonly version: number }): string => `"${view.version}"`;
