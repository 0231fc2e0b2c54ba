import type { Bench, BenchPart } from '../bench-part.js';
import { timeStatement } from '../bare-statement.js';
import { countUses } from './audit-census.js';
import { KINDS } from '../kinds.js';
import { SigningKey } from '../signing-key.js';

const TENANT = 'bench-keys';
const KEYS = '/api/kms/v1/keys';
const NEW_KEY = {
  algorithm: 'ECDSA',
  size: 256,
  name: 'bench created',
  tags: ['bench', 'created'],
  metadata: { owner: 'bench', purpose: 'creation' },
};

/** Making a key and reading one. */
async function run({ stage, meter, report, scale }: Bench): Promise<void> {
  const api = await stage.start();
  const client = await stage.client(api, TENANT);
  const { key } = await SigningKey.create(client, KINDS[0]!);
  const load = { servers: [api], token: client.token, connections: 8 };

  const creation = {
    ...load,
    requests: [{ method: 'POST' as const, path: KEYS, body: JSON.stringify(NEW_KEY) }],
    status: 201,
  };
  await meter.warmUp(creation);
  const before = await countUses(stage, TENANT, 'kms.key.create');
  const created = await meter.measure(creation);
  report.row('create P-256, with two tags and two metadata', created.figures);
  const recorded = (await countUses(stage, TENANT, 'kms.key.create')) - before;
  report.proof(
    'each key made is recorded',
    recorded === created.answered,
    `${created.answered} keys, ${recorded} records`,
  );

  const app = await stage.connectAsApp();
  const statement = {
    tenant: TENANT,
    text: 'SELECT * FROM kms_key WHERE tenant_id = $1 AND key_id = $2',
    params: [TENANT, key.key_id],
  };
  const bare = await timeStatement(app, statement, scale.seconds / 2);
  await app.end();
  report.row('the statement alone, one at a time', bare);
  const reading = { ...load, requests: [{ method: 'GET' as const, path: `${KEYS}/${key.key_id}` }] };
  await meter.warmUp(reading);
  const one = await meter.measure({ ...reading, connections: 1 });
  report.row('get a key, one at a time', one.figures, { 'bare statement': one.figures.p50Ms / bare.p50Ms });
  const many = await meter.measure({ ...reading, connections: 32 });
  report.row('get a key, 32 at a time', many.figures);
  await stage.stop(api);
}

export const KEY_MAKING: BenchPart = { name: 'keys', title: 'Making and reading keys', run };
