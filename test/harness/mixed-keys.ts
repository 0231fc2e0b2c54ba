import { generateKeyPairSync } from 'node:crypto';
import type { TestApp } from './app.js';
import { type KmsCaller, keyPath } from './kms-caller.js';
import { plantKey, type PlantedKey } from './planted-keys.js';

/** Engines that the keys are of. */
export const MIXED_ENGINES = 'software,hsm';

const PLANTED: readonly PlantedKey[] = [
  {
    keyId: 'key-1',
    name: 'Alpha',
    engineId: 'software',
    algorithm: 'RSA',
    size: 2048,
    creationTs: '2025-01-01T00:00:00Z',
    aliases: ['primary', 'team/a'],
    tags: ['prod', 'sign'],
    metadata: { owner: 'team-a', retries: 3, enabled: true, location: { site: 'berlin' } },
  },
  {
    keyId: 'key-2',
    name: 'alpha-2',
    engineId: 'software',
    algorithm: 'ECDSA',
    size: 256,
    creationTs: '2025-01-02T12:00:00.500Z',
    aliases: ['secondary'],
    tags: ['PROD'],
    metadata: { owner: 'Team-A', retries: 10, enabled: 'true', location: { site: 'oslo', floor: 2 } },
  },
  {
    keyId: 'key-3',
    name: 'beta%',
    engineId: 'hsm',
    algorithm: 'ECDSA',
    size: 384,
    creationTs: '2025-02-01T00:00:00Z',
    tags: ['production'],
    metadata: { owner: 5, retries: '7', list: [1, 2, { site: 'berlin' }] },
  },
  {
    keyId: 'key-4',
    name: 'beta_1',
    engineId: 'hsm',
    algorithm: 'Ed25519',
    size: 256,
    creationTs: '2025-03-01T00:00:00Z',
    metadata: { owner: null, location: 'nowhere' },
  },
  {
    keyId: 'key-5',
    name: 'gamma;delta',
    engineId: 'software',
    algorithm: 'ECDSA_SECP256K1',
    size: 256,
    creationTs: '2025-04-01T00:00:00Z',
    tags: ['a;b', 'x,y'],
    metadata: { 'cost.center': '4711', owner: 'o"q', '': 'nameless' },
  },
];

/**
 * Six keys with ids that end in 1 to 6, in the order of their creation, that differ in whatever can be filtered and
 * sorted by: the fifth is disabled, the sixth verifies only and has no metadata.
 */
export async function plantMixedKeys(app: TestApp, client: KmsCaller, tenant: string): Promise<void> {
  for (const key of PLANTED) await plantKey(app, tenant, key);
  await client.act('key-5', 'disable');
  const { publicKey } = generateKeyPairSync('ed25519');
  const public_key = publicKey.export({ type: 'spki', format: 'der' });
  const { body } = await client.importKey({ public_key }, { name: 'Ωmega "six"' });
  await app.database.transaction({ tenantId: tenant }, (tx) =>
    tx.query(`UPDATE kms_key SET key_id = 'key-6' WHERE key_id = $1`, [body.key_id]),
  );
  const use = { algorithm: 'ES256', message: 'AAAA' };
  const signed = await client.call('POST', keyPath('key-2', '/sign'), use);
  if (signed.status !== 200) throw new Error(signed.text);
  await app.database.transaction({ tenantId: tenant }, (tx) =>
    tx.query(
      `INSERT INTO key_use (tenant_id, key_id, last_used_ts) VALUES ($1, 'key-2', '2025-06-01T00:00:00Z')`,
      [tenant],
    ),
  );
}
