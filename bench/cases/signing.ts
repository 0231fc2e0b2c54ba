import { cpus } from 'node:os';
import type { Bench, BenchPart } from '../bench-part.js';
import { openSslSpeed } from '../openssl.js';
import { median, relateTurns, type LoadCase, type Outcome } from '../measure.js';
import { countUses } from './audit-census.js';
import { KINDS, type Kind } from './kinds.js';
import { SigningKey, type MessageType } from './signing-key.js';

const TENANT = 'bench-signing';
const CONNECTIONS = 64;
const SAMPLE = 20;
async function run(bench: Bench): Promise<void> {
  const { stage, meter } = bench;
  const api = await stage.start();
  const empty = await stage.start('dist/bench/servers/empty-route.js');
  const client = await stage.client(api, TENANT);
  const load = { connections: CONNECTIONS, token: client.token };
  const warm = await SigningKey.create(client, KINDS[0]!);
  await meter.warmUp(
    { ...load, servers: [empty], requests: warm.emptyRequests() },
    { ...load, servers: [api], requests: warm.signRequests('raw') },
  );
  for (const kind of KINDS) {
    const key = await SigningKey.create(client, kind);
    const besideOpenSsl = kind.aboveEmpty !== undefined;
    const signing = (type: MessageType): LoadCase => ({
      ...load,
      servers: [api],
      requests: key.signRequests(type),
      keep: SAMPLE,
    });
    const recordedBefore = await countUses(stage, TENANT);
    const allBusy = async (): Promise<number> => (await openSslSpeed(kind.speed, cpus().length)).signUs;
    const busy = besideOpenSsl ? [] : [await allBusy()];
    const outcomes = await meter.compare(
      {
        empty: { ...load, servers: [empty], requests: key.emptyRequests() },
        raw: signing('raw'),
        ...(kind.hash && { digest: signing('digest') }),
      },
      Math.ceil(kind.turns * bench.scale.turns),
      async () => void (besideOpenSsl && busy.push(await allBusy())),
    );
    bench.report.row(`${kind.title}: openssl speed, all cores busy`, { cpuUs: median(busy) });
    tell(bench, kind, outcomes, busy);
    await prove(bench, key, outcomes, recordedBefore);
  }
  await stage.stop(empty);
  await stage.stop(api);
}

type Outcomes = Readonly<{ empty: Outcome; raw: Outcome; digest?: Outcome }>;

/** `signUs`: of openssl, turn by turn where something must hold of it, else once. */
function tell(
  { report }: Bench,
  { title, algorithm, aboveEmpty: limit }: Kind,
  { empty, raw, digest }: Outcomes,
  signUs: readonly number[],
): void {
  const toEmpty = (one: Outcome): number => relateTurns(one, empty, (sign, route) => sign / route);
  const aboveEmpty = (one: Outcome): number =>
    relateTurns(one, empty, (sign, route, turn) => (sign - route) / (signUs[turn] ?? signUs[0]!));
  const compared = (one: Outcome): Record<string, number> => ({
    'empty route': toEmpty(one),
    'openssl above empty': aboveEmpty(one),
  });
  report.row(`${title}: empty route`, empty.figures);
  report.row(`${title}: sign raw`, raw.figures, compared(raw));
  if (digest) report.row(`${title}: sign digest`, digest.figures, compared(digest));
  if (title === 'P-256') {
    report.demand('P-256 raw sign: CPU ÷ empty route', toEmpty(raw), 2);
    report.demand('P-256 raw sign: p99 ÷ p50', raw.figures.p99Ms / raw.figures.p50Ms, 10);
  }
  if (limit !== undefined)
    report.demand(`${title} sign above the empty route ÷ openssl`, aboveEmpty(raw), limit);
  if (digest) {
    const ratio = relateTurns(digest, raw, (one, other) => one / other);
    report.demand(`${title} digest: CPU ÷ raw`, ratio, algorithm === 'RSA' ? 1.1 : 1.3);
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
