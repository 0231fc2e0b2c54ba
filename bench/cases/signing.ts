import type { Bench, BenchPart } from '../bench-part.js';
import { median, merge, relateTurns, type Figures, type LoadCase, type Outcome } from '../measure.js';
import { openSslOnAllCores } from '../openssl.js';
import { signaturesOf } from './audit-census.js';
import { KINDS } from '../kinds.js';
import { SigningKey, type MessageType } from '../signing-key.js';

const SAMPLE = 3;

async function run(bench: Bench): Promise<void> {
  const { pairs, scale } = bench;
  for (const kind of KINDS) {
    const key = await SigningKey.create((await pairs.current()).client, kind);
    const measured = [await measure(bench, key)];
    while (measured.length < Math.ceil(kind.processes * scale.turns)) {
      await pairs.fresh();
      measured.push(await measure(bench, key));
    }
    const whole = together(measured);
    const isSlow = kind.aboveEmpty !== undefined;
    tell(bench, key, whole, isSlow ? await rareRoute(bench, key, whole) : undefined);
    await prove(bench, key, whole);
  }
}

type Outcomes = Readonly<{ empty: Outcome; raw: Outcome; digest?: Outcome }>;

interface Measured {
  readonly outcomes: Outcomes;
  /** What `openssl` needs for a signature, for each turn: measured between turns where something must hold of it, else once. */
  readonly signUs: readonly number[];
}

async function measure(bench: Bench, key: SigningKey): Promise<Measured> {
  const { api, empty, client, load } = await bench.pairs.current();
  const { kind } = key;
  const besideOpenSsl = kind.aboveEmpty !== undefined;
  const signing = (type: MessageType, by = key): LoadCase => ({
    ...load,
    servers: [api],
    requests: by.signRequests(type),
    keep: SAMPLE,
  });
  for (let time = 0; time < kind.warmUps; time += 1) {
    // By another key: what is recorded of the measured one is counted.
    await bench.meter.warmUp(signing('raw', await SigningKey.create(client, kind)));
  }
  const measuredUs: number[] = [];
  const compareWith = async (): Promise<void> =>
    void measuredUs.push((await bench.speeds.measure(kind.speed)).signUs);
  const outcomes = await bench.meter.compare(
    {
      empty: { ...load, servers: [empty], requests: key.emptyRequests() },
      raw: signing('raw'),
      ...(kind.hash && { digest: signing('digest') }),
    },
    Math.ceil(kind.turns * bench.scale.turns),
    besideOpenSsl ? compareWith : undefined,
  );
  // Of a turn, what was measured before it and after it: a signature's window is as far from either.
  await compareWith();
  const signUs = outcomes.raw.turns.map((_, turn) =>
    median(besideOpenSsl ? measuredUs.slice(turn, turn + 2) : measuredUs),
  );
  return { outcomes, signUs };
}

function together(measured: readonly Measured[]): Measured {
  const of = (pick: (outcomes: Outcomes) => Outcome | undefined): Outcome[] =>
    measured.map(({ outcomes }) => pick(outcomes)).filter((outcome) => outcome !== undefined);
  const digest = of((outcomes) => outcomes.digest);
  return {
    outcomes: {
      empty: merge(of(({ empty }) => empty)),
      raw: merge(of(({ raw }) => raw)),
      ...(digest.length > 0 && { digest: merge(digest) }),
    },
    signUs: measured.flatMap((one) => one.signUs),
  };
}

/**
 * The empty route asked as seldom as a slow signature is made, in groups as large as those that are recorded together,
 * with `openssl` keeping the cores as busy as the signatures do. Under full load it runs from warm caches; what it costs
 * here is what a signature's request costs without the signature.
 */
async function rareRoute(bench: Bench, key: SigningKey, { outcomes }: Measured): Promise<Figures> {
  const { empty, load, client } = await bench.pairs.current();
  const { records, commits } = await signaturesOf(bench.stage, client.tenant, key.key.key_id);
  const pace = { perSecond: outcomes.raw.figures.perSecond, group: Math.round(records / commits) };
  const rare = { ...load, servers: [empty], requests: key.emptyRequests(), pace };
  const turns: Outcome[] = [];
  for (let turn = 0; turn < Math.ceil(bench.scale.turns / 2); turn += 1) {
    const busy = openSslOnAllCores(key.kind.speed);
    turns.push(await bench.meter.measure(rare));
    await busy;
  }
  const { figures } = merge(turns);
  bench.report.row(`${key.kind.title}: empty route asked as seldom, ${pace.group} at once`, figures);
  return figures;
}

/** `rare`: the empty route's figures when it is asked as seldom. */
function tell({ report }: Bench, { kind }: SigningKey, { outcomes, signUs }: Measured, rare?: Figures): void {
  const { empty, raw, digest } = outcomes;
  const { title, algorithm, aboveEmpty: limit } = kind;
  const openssl = (turn: number): number => signUs[turn]!;
  const toEmpty = (one: Outcome): number => relateTurns(one, empty, (sign, route) => sign / route);
  const aboveEmpty = (one: Outcome): number =>
    relateTurns(one, empty, (sign, route, turn) => (sign - route) / openssl(turn));
  const compared = (one: Outcome): Record<string, number> => ({
    'empty route': toEmpty(one),
    'openssl above empty': aboveEmpty(one),
    ...(rare && {
      'openssl above empty as seldom': relateTurns(
        one,
        one,
        (sign, _, turn) => (sign - rare.cpuUs) / openssl(turn),
      ),
    }),
  });
  report.row(`${title}: openssl speed, all cores busy`, { cpuUs: median(signUs) });
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
async function prove(bench: Bench, key: SigningKey, { outcomes }: Measured): Promise<void> {
  const { title } = key.kind;
  const signed = (['raw', 'digest'] as const).filter((type) => outcomes[type]);
  const answered = signed.reduce((sum, type) => sum + outcomes[type]!.answered, 0);
  const { client } = await bench.pairs.current();
  const { records } = await signaturesOf(bench.stage, client.tenant, key.key.key_id);
  bench.report.proof(
    `${title}: each signature is recorded`,
    records === answered,
    `${answered} answers, ${records} records`,
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

export const SIGNING: BenchPart = { name: 'sign', title: 'Signing', paired: true, run };
