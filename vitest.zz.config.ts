import { defineConfig } from 'vitest/config';

const conditions = ['source', 'node'];

export default defineConfig({
  resolve: { conditions },
  environments: { __vitest__: { resolve: { conditions } } },
  ssr: { resolve: { conditions, externalConditions: ['node'] } },
  test: {
    environment: 'node',
    pool: 'forks',
    setupFiles: ['test/harness/setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['{apps,libs}/**/*.spec.ts'], exclude: ['**/*.int.spec.ts'] },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['libs/**/*.int.spec.ts', 'test/e2e/**/*.spec.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'program',
          include: ['test/program/**/*.spec.ts'],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
