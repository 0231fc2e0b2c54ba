import type { Bench, BenchPart } from '../bench-part.js';
import { LockWatch } from '../lock-watch.js';
import { relateTurns } from '../measure.js';
import { countUses } from './audit-census.js';
import { KINDS } from './kinds.js';
import { SigningKey } from './signing-key.js';

const TENANT = 'bench-processes';

/** Of each process. */
const CONNECTIONS = 32;
/** More often than other parts: something must hold of it that noise is larger than. */
const TURNS = 1.5;

/** One API process and two with as much load each, for one tenant: the worst case for an ordered log. */
async function run({ stage, meter, report, scale }: Bench): Promise<void> {
  const [first, second] = await Promise.all([stage.start(), stage.start()]);
  const client = await stage.client(first, TENANT);
  const key = await SigningKey.create(client, KINDS[0]!);
  const load = { token: client.token, requests: key.signRequests('raw') };
  for (const server of [first, second]) {
    await meter.warmUp({ ...load, servers: [server], connections: CONNECTIONS });
  }
  const before = await countUses(stage, TENANT);
  const watch = await LockWatch.start(stage);
  const outcomes = await meter.compare(
    {
      one: { ...load, servers: [first], connections: CONNECTIONS },
      two: { ...load, servers: [first, second], connections: 2 * CONNECTIONS },
    },
    Math.ceil(TURNS * scale.turns),
  );
  const waited = await watch.stop();
  const ratio = relateTurns(outcomes.two, outcomes.one, (two, one) => two / one);
  report.row('P-256 raw sign, 1 process', outcomes.one.figures);
  report.row('P-256 raw sign, 2 processes', outcomes.two.figures, { '1 process': ratio });
  report.demand('CPU per request: 2 processes ÷ 1', ratio, 1.15);
  report.demand('share of the time in which somebody waits for a lock', waited.share, 0.05);
  const answered = outcomes.one.answered + outcomes.two.answered;
  const recorded = (await countUses(stage, TENANT)) - before;
  report.proof(
    'each signature is recorded',
    recorded === answered,
    `${answered} answers, ${recorded} records`,
  );
  report.proof('the locks were looked at', waited.looks > 20, `${waited.looks} looks`);
  await stage.stop(second);
  await stage.stop(first);
}

export const PROCESSES: BenchPart = { name: 'processes', title: 'Two processes', run };
