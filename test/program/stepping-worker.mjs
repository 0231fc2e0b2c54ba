/**
 * The built worker with a kind of job of its own, for test/program/worker.spec.ts: appends a line to the file that its
 * input names for each step, and one at its end. Past step 3, a first attempt goes on only when it is killed.
 */
import { appendFileSync } from 'node:fs';
import { runWorker } from '../../dist/apps/worker/src/run-worker.js';

const stepping = {
  kind: 'test.stepping',
  async run(job) {
    const { file, stall } = job.input;
    const say = (line) => appendFileSync(file, `${job.attempt} ${line}\n`);
    for (let step = job.done + 1; step <= job.total; step += 1) {
      say(`step ${step}`);
      await job.progress(step);
      if (stall && job.attempt === 1 && step === 3)
        await new Promise((_, reject) => {
          job.signal.addEventListener('abort', () => reject(job.signal.reason), { once: true });
        });
    }
    say('end');
    return { attempt: job.attempt };
  },
};

runWorker([stepping]);
