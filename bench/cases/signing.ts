import { cpus } from 'node:os';
import type { Bench, BenchPart } from '../bench-part.js';
import { openSslSpeed } from '../openssl.js';
import { median, type Outcome } from '../measure.js';
import { countUses } from './audit-census.js';
import { KINDS, SigningKey, type Kind, type MessageType } from './key-fixtures.js';

const TENANT = 'bench-signing';
const EMPTY = '/bench/empty';
const CONNECTIONS = 64;
const SAMPLE = 20;

async function run(bench: Bench): Promise<void> {
  const { stage } = bench;
  const api = await stage.start();
  const empty = await stage.start('dist/bench/servers/empty-route.js');
  const client = await stage.client(api, TENANT);
  const warm = await SigningKey.create(client, KINDS[0]!);
  const beginning = { connections: CONNECTIONS, token: client.token };
  await bench.meter.warmUp(
    { ...beginning, servers: [empty], requests: warm.bodiesTo(EMPTY) },
    { ...beginning, servers: [api], requests: warm.signRequests('raw') },
  );
  for (const kind of KINDS) {
    const key = await SigningKey.create(client, kind);
    const load = { connections: CONNECTIONS, token: client.token };
    const recordedBefore = await countUses(stage, TENANT);
    const alone = await openSslSpeed(kind.speed);
    const busy: number[] = [];
    const outcomes = await bench.meter.compare(
      {
        empty: { ...load, servers: [empty], requests: key.bodiesTo(EMPTY) },
        raw: { ...load, servers: [api], requests: key.signRequests('raw'), keep: SAMPLE },
        ...(kind.hash && {
          digest: { ...load, servers: [api], requests: key.signRequests('digest'), keep: SAMPLE },
        }),
      },
      kind.isDemanded ? bench.scale.turns : Math.min(2, bench.scale.turns),
      async () => void busy.push((await openSslSpeed(kind.speed, cpus().length)).signUs),
    );
    bench.report.row(`${kind.title}: openssl speed, one core busy`, { cpuUs: alone.signUs });
    bench.report.row(`${kind.title}: openssl speed, all cores busy`, { cpuUs: median(busy) });
    tell(bench, kind, outcomes, median(busy));
    await prove(bench, key, outcomes, recordedBefore);
  }
  await stage.stop(empty);
  await stage.stop(api);
}

type Outcomes = Readonly<{ empty: Outcome; raw: Outcome; digest?: Outcome }>;

function tell({ report }: Bench, kind: Kind, { empty, raw, digest }: Outcomes, signUs: number): void {
  const compared = (one: Outcome): Record<string, number> => ({
    'empty route': one.figures.cpuUs / empty.figures.cpuUs,
    'openssl above empty': (one.figures.cpuUs - empty.figures.cpuUs) / signUs,
  });
  report.row(`${kind.title}: empty route`, empty.figures);
  report.row(`${kind.title}: sign raw`, raw.figures, compared(raw));
  if (digest) report.row(`${kind.title}: sign digest`, digest.figures, compared(digest));
  const above = (raw.figures.cpuUs - empty.figures.cpuUs) / signUs;
  if (kind.title === 'P-256') {
    report.demand('P-256 raw sign: CPU ÷ empty route', raw.figures.cpuUs / empty.figures.cpuUs, 2);
    report.demand('P-256 raw sign: p99 ÷ p50', raw.figures.p99Ms / raw.figures.p50Ms, 10);
  }
  if (kind.title === 'RSA-2048') report.demand('RSA-2048 sign above the empty route ÷ openssl', above, 1.3);
  if (kind.title === 'RSA-4096') report.demand('RSA-4096 sign above the empty route ÷ openssl', above, 1.1);
  if (digest) {
    const limit = kind.algorithm === 'RSA' ? 1.1 : 1.3;
    report.demand(`${kind.title} digest: CPU ÷ raw`, digest.figures.cpuUs / raw.figures.cpuUs, limit);
  }
}

/** Every answer is recorded, and `openssl` accepts what was sampled. */
async function prove(bench: Bench, key: SigningKey, outcomes: Outcomes, before: number): Promise<void> {
  const { title } = key.kind;
  const signed = (['raw', 'digest'] as const).filter((type) => outcomes[type]);
  const answered = signed.reduce((sum, type) => sum + outcomes[type]!.answered, 0);
  const recorded = (await countUses(bench.stage, TENANT)) - before;
  bench.report.proof(
    `${title}: each signature is recorded`,
    recorded === answered,
    `${answered} answers, ${recorded} records`,
  );
  const sampled = (type: MessageType): number => outcomes[type]!.kept.length;
  const samples = signed.reduce((sum, type) => sum + sampled(type), 0);
  const good = signed.reduce((sum, type) => sum + key.countAccepted(type, outcomes[type]!.kept), 0);
  bench.report.proof(
    `${title}: openssl accepts the sample`,
    samples > 0 && good === samples,
    `${good} of ${samples}`,
  );
}

export const SIGNING: BenchPart = { name: 'sign', title: 'Signing', run };
