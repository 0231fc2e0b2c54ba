import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

/** The same as `imports` of package.json under the condition `source`, for every environment Vite runs code in. */
const alias = [
  { find: '#migrations', replacement: resolve('migrations/index.ts') },
  ...readdirSync('libs').map((lib) => ({
    find: `#${lib}`,
    replacement: resolve(`libs/${lib}/src/index.ts`),
  })),
];

export default defineConfig({
  resolve: { alias },
  test: {
    environment: 'node',
    pool: 'forks',
    // Files wait for databases and clocks half of their time.
    maxWorkers: 2,
    setupFiles: ['test/harness/setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{apps,libs}/**/*.spec.ts', 'test/fakes/**/*.spec.ts'],
          exclude: ['**/*.int.spec.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          // Each file has a database of its own, and none replaces a module: importing the product once is enough.
          isolate: false,
          include: ['libs/**/*.int.spec.ts', 'test/e2e/**/*.spec.ts'],
          globalSetup: ['test/harness/postgres.global.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'program',
          include: ['test/program/**/*.spec.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        extends: true,
        test: { name: 'chaos', include: ['test/chaos/**/*.spec.ts'], testTimeout: 60_000 },
      },
    ],
  },
});
