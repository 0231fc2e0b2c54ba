import type { Bench, BenchPart } from '../bench-part.js';
import { LockWatch } from '../lock-watch.js';
import { median, merge, type LoadCase, type Outcome } from '../measure.js';
import type { ServerProcess } from '../servers/server-process.js';
import { countUses } from './audit-census.js';
import { KINDS } from '../kinds.js';
import { SigningKey } from '../signing-key.js';

const TENANT = 'bench-processes';

/** Of each process. */
const CONNECTIONS = 32;
/** More often than other parts: something must hold of it that noise is larger than. */
const TURNS = 2;

/** What a request costs of two processes that have a processor each: the quicker one answers more of them. */
const ofBoth = (one: number, other: number): number => 2 / (1 / one + 1 / other);

/**
 * Two API processes with as much load each as one alone, for one tenant: the worst case for an ordered log. Each of the
 * two is measured alone as well: V8 makes something else of the same code in each process, and two of them must not be
 * compared with the luckier one.
 */
async function run({ stage, meter, report, scale }: Bench): Promise<void> {
  const [first, second] = await Promise.all([stage.start(), stage.start()]);
  const client = await stage.client(first, TENANT);
  const key = await SigningKey.create(client, KINDS[0]!);
  const load = { token: client.token, requests: key.signRequests('raw') };
  const alone = (server: ServerProcess): LoadCase => ({
    ...load,
    servers: [server],
    connections: CONNECTIONS,
  });
  await meter.warmUp(alone(first), alone(second));
  const before = await countUses(stage, TENANT);
  const watch = new LockWatch(stage);
  const together = { ...load, servers: [first, second], connections: 2 * CONNECTIONS };
  const turns: { one: Outcome; both: Outcome; other: Outcome }[] = [];
  while (turns.length < TURNS * scale.turns) {
    const one = await meter.measure(alone(first));
    const both = await watch.during(() => meter.measure(together));
    turns.push({ one, both, other: await meter.measure(alone(second)) });
  }
  const ratio = median(
    turns.map(({ one, both, other }) => both.figures.cpuUs / ofBoth(one.figures.cpuUs, other.figures.cpuUs)),
  );
  const apart = merge(turns.flatMap(({ one, other }) => [one, other]));
  const both = merge(turns.map((turn) => turn.both));
  const { share, looks } = watch.waits;
  report.row('P-256 raw sign, 1 process, either alone', apart.figures);
  report.row('P-256 raw sign, 2 processes', both.figures, { '1 process': ratio });
  report.demand('CPU per request: 2 processes ÷ 1', ratio, 1.15);
  report.demand('share of the time in which somebody waits for a lock', share, 0.05);
  const answered = apart.answered + both.answered;
  const recorded = (await countUses(stage, TENANT)) - before;
  report.proof(
    'each signature is recorded',
    recorded === answered,
    `${answered} answers, ${recorded} records`,
  );
  report.proof('the locks were looked at', looks > 20, `${looks} looks`);
  await stage.stop(second);
  await stage.stop(first);
}

export const PROCESSES: BenchPart = { name: 'processes', title: 'Two processes', run };
