/**
 * Writes the table of docs/engines.md, what each engine can do with each kind of key, from the tests of the conformance
 * suite that passed (`node scripts/build.mjs` first: a token lives in a built program). With --check it writes nothing and
 * fails where the committed table differs. Arguments are JSON reports of vitest that hold these tests; without any the
 * tests are run, also under Node 24 where this runtime has no ML-DSA.
 *
 * A cell says what a test declares that it shows (libs/engines/src/conformance/evidence.ts), if that test was run and
 * passed. One that failed or was skipped in any of the reports leaves no table at all.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { NODE24, ROOT, runStep } from './run-step.mjs';

const FILE = join(ROOT, 'docs/engines.md');
const MARKERS = ['<!-- engine-table: written by `npm run generate` -->', '<!-- engine-table: end -->'];
/** A column each. */
const SPECS = [
  'libs/engines/src/software/software.engine.spec.ts',
  'libs/engines/src/pkcs11/pkcs11.engine.int.spec.ts',
  'libs/engines/src/aws-kms/aws-kms.conformance.spec.ts',
];
/** In the order a cell names them. */
const ABILITIES = ['generate', 'import', 'raw', 'digest', 'any salt', 'one salt'];

const { KEY_SPECS, SIGNATURE_TABLE, fits, runtimeKeySpecs } = await import(
  new URL('../dist/libs/crypto/src/index.js', import.meta.url)
);

/** Runs the suite, and gives the reports. */
async function runSuite(scratch) {
  const run = async (name, [command, ...args], ...files) => {
    const report = join(scratch, `${name}.json`);
    const vitest = [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ];
    const { ok, output } = await runStep(command, [...args, ...vitest, ...files]);
    if (!ok) throw new Error(`the conformance suite failed:\n${output}`);
    return report;
  };
  const reports = [await run('here', ['node'], ...SPECS)];
  if (runtimeKeySpecs().length < KEY_SPECS.length) {
    reports.push(await run('node24', NODE24, '--project', 'unit', ...SPECS));
  }
  return reports;
}

/** The tests of the suite in these reports, by the file they are of. */
function* testsIn(reports) {
  for (const report of reports) {
    for (const { name, status, assertionResults } of JSON.parse(readFileSync(report, 'utf8')).testResults) {
      const spec = relative(ROOT, name);
      if (!SPECS.includes(spec)) continue;
      if (status !== 'passed') throw new Error(`${spec} failed, and shows nothing`);
      for (const test of assertionResults) yield { spec, ...test };
    }
  }
}

const cellName = (spec, key, algorithm) => [spec, key, algorithm].join('\n');

/** What was shown: the heading of each column, and the abilities in each cell. */
function readEvidence(reports) {
  const headings = new Map();
  const cells = new Map();
  for (const { spec, status, meta, ancestorTitles, fullName } of testsIn(reports)) {
    headings.set(spec, ancestorTitles[0]);
    if (!meta.shows) continue;
    if (status !== 'passed') throw new Error(`${fullName} was ${status}, and shows nothing`);
    const { key, algorithms, abilities } = meta.shows;
    for (const algorithm of algorithms) {
      const cell = cellName(spec, key, algorithm);
      cells.set(cell, new Set([...(cells.get(cell) ?? []), ...abilities]));
    }
  }
  return { headings, cells };
}

function renderTable({ headings, cells }) {
  const line = (...columns) => `| ${columns.join(' | ')} |`;
  const columns = SPECS.map((spec) => {
    if (!headings.has(spec)) throw new Error(`no test of ${spec} was run`);
    return headings.get(spec);
  });
  const body = KEY_SPECS.flatMap((keySpec) => {
    const key = `${keySpec.algorithm} ${keySpec.size}`;
    return SIGNATURE_TABLE.filter((row) => fits(row, keySpec)).map(({ name }) => {
      const shown = SPECS.map((spec) => cells.get(cellName(spec, key, name)) ?? new Set());
      return line(key, name, ...shown.map((one) => ABILITIES.filter((a) => one.has(a)).join(', ') || '–'));
    });
  });
  return [
    line('key', 'algorithm', ...columns),
    line('---', '---', ...columns.map(() => '---')),
    ...body,
  ].join('\n');
}

/** The document with the table that the reports show. */
async function renderDocument(text, reports) {
  const [start, end] = MARKERS.map((marker) => text.indexOf(marker));
  if (start < 0 || end < start) throw new Error('docs/engines.md lacks the marks of its table');
  const table = renderTable(readEvidence(reports));
  const whole = `${text.slice(0, start)}${MARKERS[0]}\n\n${table}\n\n${text.slice(end)}`;
  return format(whole, { ...(await resolveConfig(FILE)), parser: 'markdown' });
}

/** The lines that only one of two texts has. */
function difference(before, after) {
  const [old, now] = [before, after].map((text) => text.split('\n'));
  return [
    ...old.filter((line) => !now.includes(line)).map((line) => `- ${line}`),
    ...now.filter((line) => !old.includes(line)).map((line) => `+ ${line}`),
  ].join('\n');
}

const [check, given] = [
  process.argv.includes('--check'),
  process.argv.slice(2).filter((argument) => argument !== '--check'),
];
const scratch = mkdtempSync(join(tmpdir(), 'claviger-engine-table-'));
try {
  const text = readFileSync(FILE, 'utf8');
  const rendered = await renderDocument(text, given.length > 0 ? given : await runSuite(scratch));
  if (rendered !== text && check) {
    console.error(`docs/engines.md is not what the conformance suite shows:\n${difference(text, rendered)}`);
    console.error('run `npm run generate` and commit docs/engines.md');
    process.exitCode = 1;
  } else if (!check) writeFileSync(FILE, rendered);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
