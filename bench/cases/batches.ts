import { randomBytes } from 'node:crypto';
import type { Bench, BenchPart } from '../bench-part.js';
import { countUses } from './audit-census.js';
import { KINDS } from '../kinds.js';
import { SigningKey } from '../signing-key.js';

const CONNECTIONS = 4;
const ITEMS = 100;
const BATCHES = 8;

/** A hundred signatures a request. Figures are per signature. */
async function run({ stage, meter, pairs, speeds, report }: Bench): Promise<void> {
  const { api, client } = await pairs.current();
  const kind = KINDS[0]!;
  const key = await SigningKey.create(client, kind);
  const item = (): object => ({ key: key.key.key_id, ...key.item('raw', randomBytes(64)) });
  const requests = Array.from({ length: BATCHES }, () => ({
    method: 'POST' as const,
    path: '/api/kms/v1/keys/batch/sign',
    body: JSON.stringify(Array.from({ length: ITEMS }, item)),
  }));
  const load = { servers: [api], token: client.token, requests, connections: CONNECTIONS };
  await meter.warmUp(load);
  const before = await countUses(stage, client.tenant);
  const { signUs } = await speeds.measure(kind.speed);
  const { figures, answered, kept } = await meter.measure({ ...load, keep: 1 });
  const each = {
    ...figures,
    requests: figures.requests * ITEMS,
    perSecond: figures.perSecond * ITEMS,
    cpuUs: figures.cpuUs / ITEMS,
    databaseCpuUs: figures.databaseCpuUs / ITEMS,
  };
  report.row(`${kind.title}: one of ${ITEMS} in a batch`, each, { openssl: each.cpuUs / signUs });
  const recorded = (await countUses(stage, client.tenant)) - before;
  report.proof(
    'each signature is recorded',
    recorded === answered * ITEMS,
    `${answered * ITEMS} signatures, ${recorded} records`,
  );
  const signed = (JSON.parse(kept[0]?.body ?? '[]') as { signature?: string }[]).filter(
    (one) => one.signature,
  );
  report.proof('each item is signed', signed.length === ITEMS, `${signed.length} of ${ITEMS}`);
}

export const BATCH_SIGNING: BenchPart = { name: 'batch', title: 'Batches', paired: true, run };
