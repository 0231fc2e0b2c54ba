/**
 * `npm run chaos`: kills the API, the worker, the token's child process, Redis and PostgreSQL at random moments while
 * keys are made in a token, and looks at what is left. `-- --kills 50 --seed 7` says how often, and repeats a run's
 * choices.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '50' }, seed: { type: 'string' } },
});

const env = {
  ...process.env,
  CHAOS_KILLS: values.kills,
  ...(values.seed !== undefined && { CHAOS_SEED: values.seed }),
};
const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'chaos', '--reporter=verbose'];
const [code] = await once(spawn(process.execPath, vitest, { env, stdio: 'inherit' }), 'exit');
process.exitCode = code ?? 1;
