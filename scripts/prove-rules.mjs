/**
 * Proves that each boundary rule can fail: runs dependency-cruiser over a small tree that breaks every rule once,
 * and ESLint over single lines, and compares what is reported with what must be.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';

const root = fileURLToPath(new URL('..', import.meta.url));
const config = join(root, '.dependency-cruiser.cjs');
const rules = createRequire(import.meta.url)(config).forbidden.map((rule) => rule.name);

const LIBS =
  'kernel config observability crypto database jobs engines identity audit tenants keys idempotency platform'.split(
    ' ',
  );

/** File → what it imports. Nothing here may be reported. */
const ALLOWED = {
  'libs/crypto/src/digest.ts': ['node:crypto', '#kernel'],
  'libs/engines/src/software/key.ts': ['node:crypto', '#crypto', '#database'],
  'libs/keys/src/key.entity.ts': ['typeorm'],
  'libs/keys/src/key.repository.ts': ['typeorm', './key.entity.js'],
  'libs/keys/src/signing.service.ts': ['#tenants', '#audit', '#engines', '#database', '#crypto', '#kernel'],
  'libs/keys/src/signing.service.spec.ts': ['./signing.service.js', 'vitest', 'node:crypto'],
  'libs/tenants/src/tenant.service.ts': ['#audit', '#config'],
  'libs/jobs/src/job-queue.ts': ['bullmq', '#database'],
  'libs/platform/src/services.ts': ['#keys', '#jobs', '#tenants'],
  'apps/api/src/main.ts': ['#keys', '#identity', '@nestjs/common'],
  'migrations/0001.ts': ['typeorm'],
};

/** Rule → the file that breaks it and the import that does. */
const FORBIDDEN = {
  'layers-kernel': ['libs/kernel/src/a.ts', '#config'],
  'layers-config': ['libs/config/src/a.ts', '#crypto'],
  'layers-observability': ['libs/observability/src/a.ts', '#config'],
  'layers-crypto': ['libs/crypto/src/a.ts', '#engines'],
  'layers-database': ['libs/database/src/a.ts', '#tenants'],
  'layers-jobs': ['libs/jobs/src/a.ts', '#audit'],
  'layers-engines': ['libs/engines/src/a.ts', '#keys'],
  'layers-identity': ['libs/identity/src/a.ts', '#tenants'],
  'layers-audit': ['libs/audit/src/a.ts', '#tenants'],
  'layers-tenants': ['libs/tenants/src/a.ts', '#keys'],
  'layers-keys': ['libs/keys/src/a.ts', '#identity'],
  'layers-idempotency': ['libs/idempotency/src/a.ts', '#keys'],
  'layers-platform': ['libs/platform/src/a.ts', '#common'],
  'lib-unknown-to-the-house': ['libs/common/src/index.ts', '#kernel'],
  'lib-by-its-name': ['libs/keys/src/b.ts', '../../audit/src/index.js'],
  'no-app-below': ['libs/keys/src/c.ts', '../../../apps/api/src/main.js'],
  'no-sideways-app': ['apps/cli/src/a.ts', '../../api/src/main.js'],
  'migrations-stand-alone': ['migrations/0002.ts', '#kernel'],
  'no-cycle': ['libs/keys/src/egg.ts', './hen.js'],
  'no-test-in-product': ['libs/keys/src/d.ts', './signing.service.spec.js'],
  'crypto-has-one-home': ['libs/keys/src/e.ts', 'node:crypto'],
  'database-has-one-home': ['libs/keys/src/f.service.ts', 'typeorm'],
  'queue-has-one-home': ['libs/keys/src/k.ts', 'bullmq'],
  'http-has-one-home': ['libs/keys/src/g.ts', '@nestjs/common'],
  'declared-dependencies-only': ['libs/keys/src/h.ts', 'undeclared'],
  'no-development-dependency-in-product': ['libs/keys/src/i.ts', 'vitest'],
  resolvable: ['libs/keys/src/j.ts', './nowhere.js'],
};

/** Each must be reported under its rule, and the same line not where it is at home. */
const LINT = [
  ['no-restricted-properties', 'process.env.HOME;', 'libs/keys/src/index.ts', 'libs/config/src/index.ts'],
  ['no-restricted-properties', 'crypto.subtle;', 'libs/keys/src/index.ts', 'libs/crypto/src/index.ts'],
  ['no-console', 'console.log(1);', 'apps/api/src/main.ts', 'scripts/prove-rules.mjs'],
  ['no-restricted-syntax', 'export default 1;', 'libs/keys/src/index.ts', 'eslint.config.js'],
  ['max-lines', '\n'.repeat(301), 'libs/keys/src/index.ts', 'libs/keys/src/json-patch.spec.ts'],
  ['@typescript-eslint/no-floating-promises', 'Promise.resolve();', 'libs/keys/src/index.ts'],
  [
    'no-restricted-imports',
    "import { Body } from '@nestjs/common';",
    'apps/api/src/kms/keys.controller.ts',
    'apps/api/src/edge/validation.pipe.ts',
  ],
  ['eqeqeq', 'export const f = (a: string) => a == "1";', 'libs/keys/src/index.ts'],
];

function writeTree(folder) {
  const write = (path, text) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const imports = { '#*': './libs/*/src/index.ts' };
  const dependencies = { typeorm: '1', bullmq: '1', '@nestjs/common': '1' };
  write(
    'package.json',
    JSON.stringify({ type: 'module', imports, dependencies, devDependencies: { vitest: '1' } }),
  );
  write('tsconfig.json', '{}');
  for (const name of ['typeorm', 'bullmq', '@nestjs/common', 'vitest', 'undeclared']) {
    write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'index.js' }));
    write(`node_modules/${name}/index.js`, '');
  }
  for (const lib of LIBS) write(`libs/${lib}/src/index.ts`, `export const ${lib} = 1;\n`);
  write('libs/keys/src/hen.ts', "import './egg.js';\n");
  for (const [path, list] of Object.entries(ALLOWED))
    write(path, list.map((name) => `import '${name}';\n`).join(''));
  for (const [path, name] of Object.values(FORBIDDEN)) write(path, `import '${name}';\n`);
}

function cruise(folder) {
  const program = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const run = spawnSync(
    process.execPath,
    [program, '--config', config, '--output-type', 'json', 'apps', 'libs', 'migrations'],
    { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 26 },
  );
  return JSON.parse(run.stdout).summary.violations;
}

/** One sentence for each difference between what is reported and what must be. */
function boundaryFaults() {
  const folder = mkdtempSync(join(tmpdir(), 'claviger-rules-'));
  try {
    writeTree(folder);
    const violations = cruise(folder);
    const reported = (rule, from) => violations.some((one) => one.rule.name === rule && one.from === from);
    return [
      ...rules.filter((rule) => !FORBIDDEN[rule]).map((rule) => `${rule}: no example breaks it`),
      ...Object.entries(FORBIDDEN)
        .filter(([rule, [from]]) => !reported(rule, from))
        .map(([rule, [from, to]]) => `${rule}: ${from} importing ${to} is not reported`),
      ...violations
        .filter((one) => ALLOWED[one.from])
        .map((one) => `${one.rule.name}: ${one.from} importing ${one.to} is reported, though allowed`),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function lintFaults() {
  const eslint = new ESLint({ cwd: root });
  const reports = async (rule, code, filePath) => {
    const [result] = await eslint.lintText(code, { filePath });
    return result.messages.some((message) => message.ruleId === rule);
  };
  const faults = [];
  for (const [rule, code, wrong, right] of LINT) {
    if (!(await reports(rule, code, wrong)))
      faults.push(`${rule}: ${code.trim()} in ${wrong} is not reported`);
    if (right && (await reports(rule, code, right)))
      faults.push(`${rule}: ${code.trim()} in ${right} is reported, though at home there`);
  }
  return faults;
}

const faults = [...boundaryFaults(), ...(await lintFaults())];
for (const fault of faults) console.error(fault);
console.log(
  `${rules.length} boundary rules and ${LINT.length} lint rules tried, ${faults.length} do not hold`,
);
process.exitCode = faults.length > 0 ? 1 : 0;
