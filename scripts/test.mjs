/**
 * `npm test`: everything that must hold, one step after the other, and some beside each other at the end. `npm test -- --only unit integration` runs some
 * steps only. The last line says how many tests passed and failed: each single test of vitest counts, and each other
 * step as one.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkCompose } from './compose.mjs';
import { NODE24, ROOT, reportStep, runStep } from './run-step.mjs';

/** What a shell configures for running Claviger must not reach its tests; nor its love of colours their output. */
const ENVIRONMENT = {
  ...Object.fromEntries(
    Object.keys(process.env)
      .filter((name) =>
        /^(CLAVIGER_.*|DATABASE_URL|REDIS_URL|SOFTHSM2_CONF|AWS_.*|NODE_ENV|NODE_OPTIONS|FORCE_COLOR)$/.test(
          name,
        ),
      )
      .map((name) => [name, undefined]),
  ),
  NO_COLOR: '1',
};

const run = (command, ...args) => runStep(command, args, ENVIRONMENT);
const node = (...args) => run('node', ...args);
const found = async (command, ...args) => (await run(command, ...args)).ok;

/** A step that counts as one. */
const single = (result) => ({ ...result, passed: result.ok ? 1 : 0, failed: result.ok ? 0 : 1, skipped: 0 });

/** Programs that the tests run, and the Debian packages that have them. */
const PROGRAMS = {
  openssl: 'openssl',
  'softhsm2-util': 'softhsm2',
  'redis-server': 'redis-server',
};

/** The tests check signatures with openssl, and keep keys in a real token and jobs in a real Redis. */
async function tools() {
  const missing = [];
  for (const [program, packageName] of Object.entries(PROGRAMS)) {
    if (!(await found('sh', '-c', `command -v ${program}`))) missing.push(packageName);
  }
  if (missing.length === 0) return single(await run('openssl', 'version'));
  const install = `apt-get update && apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
    return single(await runStep('sh', ['-c', install], { DEBIAN_FRONTEND: 'noninteractive' }));
  }
  return single({
    ok: false,
    seconds: 0,
    output: `the tests need ${missing.join(', ')}; as root: ${install}`,
  });
}

/** The compose file, where there is something that reads it. */
async function compose() {
  const result = await checkCompose(scratch, ENVIRONMENT);
  if (result) return single(result);
  const note = 'skipped: neither docker-compose nor docker compose is here';
  return { ok: true, output: '', seconds: 0, passed: 0, failed: 0, skipped: 1, note };
}

/** What vitest says it ran. A file that cannot be loaded, an error outside of tests and no test at all are failures. */
function countTests(file, ok) {
  let report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const broken = report.testResults.filter(
    (one) => one.status === 'failed' && !one.assertionResults.some((test) => test.status === 'failed'),
  ).length;
  const passed = report.numPassedTests;
  const failed = report.numFailedTests + broken;
  return {
    passed,
    failed: failed === 0 && (!ok || passed === 0) ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** Runs vitest by `command`, whose arguments end where those of vitest begin. */
async function vitest(name, command, ...args) {
  const file = join(scratch, `${name}.json`);
  const result = await run(
    ...command,
    'node_modules/vitest/vitest.mjs',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
    ...args,
  );
  const counts = countTests(file, result.ok);
  const note = `${counts.passed} passed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`;
  return { ...result, ...counts, ok: counts.failed === 0, note };
}

const project = (name) => () => vitest(name, ['node'], '--project', name);

const STEPS = {
  tools,
  // The benchmark as well: built later, it would move the programs from under those that run them.
  build: async () => single(await node('scripts/build.mjs', 'bench')),
  check: async () => single(await node('scripts/check.mjs')),
  openapi: async () => single(await node('scripts/openapi.mjs', '--check')),
  'error-pages': async () => single(await node('scripts/error-pages.mjs', '--check')),
  compose,
  unit: project('unit'),
  integration: project('integration'),
  program: project('program'),
  // A few kills of those that `npm run chaos` has.
  chaos: project('chaos'),
  // Too short to say how fast anything is: it must run, and show that nothing was left out.
  bench: async () => {
    const small = '--only sign,processes,token,list --seconds 0.2 --turns 1 --keys 3000 --tenants 3'.split(
      ' ',
    );
    return single(await node('dist/bench/main.js', ...small, '--out', scratch));
  },
  node24: () => vitest('node24', NODE24, '--project', 'unit', 'libs/engines'),
  // The tests that it stands on were run above; asked for alone, it runs them itself.
  'engine-table': async () => {
    const reports = ['unit', 'integration', 'node24'].map((name) => join(scratch, `${name}.json`));
    const known = reports.every((file) => existsSync(file)) ? reports : [];
    return single(await node('scripts/engine-table.mjs', '--check', ...known));
  },
};

/** The programs' tests wait a third of the time, which the others use: two lanes of about one length. */
const BESIDE_EACH_OTHER = [['program'], ['chaos', 'node24', 'bench']];
/** Needs what others report. */
const LAST = 'engine-table';

function chosenSteps([option, ...names]) {
  if (option === undefined) return Object.keys(STEPS);
  const unknown = names.filter((name) => !Object.hasOwn(STEPS, name));
  if (option === '--only' && names.length > 0 && unknown.length === 0)
    return Object.keys(STEPS).filter((name) => names.includes(name));
  process.stderr.write(
    `usage: npm test -- --only <step> …, where a step is one of ${Object.keys(STEPS).join(', ')}\n`,
  );
  process.exit(2);
}

const chosen = chosenSteps(process.argv.slice(2));
const scratch = mkdtempSync(join(tmpdir(), 'claviger-run-'));
const totals = { passed: 0, failed: 0, skipped: 0 };
const started = performance.now();

async function runOne(name) {
  process.stdout.write(`${name} …\n`);
  const result = await STEPS[name]();
  reportStep(name, result, result.note);
  for (const kind of Object.keys(totals)) totals[kind] += result[kind];
}

async function runAll(names) {
  for (const name of names) if (chosen.includes(name)) await runOne(name);
}

const apart = new Set([...BESIDE_EACH_OTHER.flat(), LAST]);
try {
  await runAll(chosen.filter((name) => !apart.has(name)));
  await Promise.all(BESIDE_EACH_OTHER.map(runAll));
  await runAll([LAST]);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.stdout.write(`\nall in ${((performance.now() - started) / 1000).toFixed(0)} s\n`);
const { passed, failed, skipped } = totals;
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
