/**
 * `npm run check`: whatever can be said about the sources without running them. `npm run check -- lint types`
 * runs some parts only.
 */
import { availableParallelism } from 'node:os';
import { reportStep, runStep } from './run-step.mjs';

const CACHE = 'node_modules/.cache';

/** The longest first, so that two cores end together. */
const PARTS = {
  lint: ['eslint', '--cache', '--cache-strategy', 'content', '--cache-location', `${CACHE}/eslint/`, '.'],
  'dead-code': ['knip', '--include-libs', '--no-progress'],
  types: ['tsc', '-p', 'tsconfig.json', '--incremental', '--tsBuildInfoFile', `${CACHE}/tsc.tsbuildinfo`],
  format: [
    'prettier',
    '--check',
    '--log-level=warn',
    '--cache',
    '--cache-location',
    `${CACHE}/prettier/cache.json`,
    '.',
  ],
  boundaries: [
    'depcruise',
    '--config',
    '.dependency-cruiser.cjs',
    '--output-type',
    'err-long',
    'apps',
    'libs',
    'migrations',
    'bench',
    'test',
  ],
  rules: ['node', 'scripts/prove-rules.mjs'],
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(PARTS, name));
if (unknown.length > 0) {
  process.stderr.write(`no such part: ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}\n`);
  process.exit(2);
}

const waiting = Object.entries(PARTS).filter(([name]) => asked.length === 0 || asked.includes(name));
const started = performance.now();
let failed = 0;

async function work() {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const [name, [command, ...args]] = next;
    const result = await runStep(command, args);
    reportStep(name, result);
    if (!result.ok) failed += 1;
  }
}

await Promise.all(Array.from({ length: Math.max(2, Math.min(4, availableParallelism())) }, work));
process.stdout.write(
  `check: ${failed === 0 ? 'all hold' : `${failed} failed`}, ${((performance.now() - started) / 1000).toFixed(1)} s\n`,
);
process.exitCode = failed === 0 ? 0 : 1;
