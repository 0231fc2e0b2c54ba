import { findKeySpec } from '#crypto';
import type { Engine, EngineRegistry, StoredEngineKey } from '#engines';
import { AppError } from '#kernel';
import type { KeyEntity } from './key.entity.js';

/** A stored key as its engine wants it. */
export function engineKey(key: KeyEntity, handle: Buffer): StoredEngineKey {
  const spec = findKeySpec(key.algorithm, key.size);
  if (!spec) throw new AppError('unsupported_by_engine', { detail: 'This kind of key cannot sign here.' });
  const { tenantId, keyId, spki, fingerprint } = key;
  return { tenantId, keyId, spki, fingerprint, spec, handle };
}

/** The engine that holds a key. Throws `unavailable` where the operator has taken it out of the configuration. */
export function engineOf(engines: EngineRegistry, key: Pick<KeyEntity, 'engineId'>): Engine {
  const engine = engines.find(key.engineId);
  if (engine) return engine;
  throw new AppError('unavailable', {
    detail: 'The engine that holds the key is not configured.',
    retryAfterS: 60,
  });
}
