import type { Bench, BenchPart } from '../bench-part.js';
import { KINDS } from '../kinds.js';
import { loopLag } from './loop-lag.js';
import { SigningKey } from '../signing-key.js';

const SAMPLE_MS = 500;

/** Memory and the event loop under full load for long, of the server that the parts before have worked with. */
async function run({ stage, pairs, report, scale }: Bench): Promise<void> {
  const { api, client, load } = await pairs.current();
  const key = await SigningKey.create(client, KINDS[0]!);
  const lag = loopLag(api);
  const samples: number[] = [];
  let sampling: NodeJS.Timeout | undefined;
  const result = await stage.load.run(
    {
      ...load,
      ports: [api.port],
      requests: key.signRequests('raw'),
      // Until then caches fill and what was compiled for other work is compiled for this.
      warmUpMs: scale.seconds * 3_000,
      until: { answers: scale.requests },
      keep: 0,
    },
    {
      opened: () => {
        void lag.begin();
        sampling = setInterval(() => samples.push(api.residentMiB()), SAMPLE_MS);
      },
      closed: () => clearInterval(sampling),
    },
  );
  const p99LagMs = await lag.p99Ms();
  const [least, most] = [Math.min(...samples), Math.max(...samples)];
  const middle = (least + most) / 2;
  const fifth = Math.ceil(samples.length / 5);
  const mean = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;
  const growth = mean(samples.slice(-fifth)) / mean(samples.slice(0, fifth));
  report.row(`P-256 raw sign, ${result.answers} requests`, {
    requests: result.answers,
    perSecond: (result.answers / result.windowMs) * 1_000,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    residentMiB: most,
  });
  report.row(
    `resident memory from ${least.toFixed(0)} to ${most.toFixed(0)} MiB`,
    {},
    { 'first fifth': growth },
  );
  report.demand('resident memory: ± of its middle', (most - middle) / middle, 0.1);
  report.demand('event loop delay p99, ms', p99LagMs, 20);
  const { 200: answered = 0, ...others } = result.statuses;
  report.proof('each request is answered', Object.keys(others).length === 0, `${answered} answers`);
}

export const MEMORY: BenchPart = {
  name: 'memory',
  title: 'Memory and the event loop',
  paired: true,
  run,
};
