/**
 * A process that starts the embedded PostgreSQL of the folder in its first argument, prints the owner's URL,
 * and holds it until it is killed.
 */
import { createViteServer } from 'vitest/node';

const conditions = ['source', 'node', 'import', 'module', 'default'];
const vite = await createViteServer({
  configFile: false,
  appType: 'custom',
  logLevel: 'error',
  server: { middlewareMode: true, ws: false, watch: null },
  resolve: { conditions },
  ssr: { noExternal: [/^#/], resolve: { conditions } },
  optimizeDeps: { noDiscovery: true },
});
const { EmbeddedPostgres } = await vite.ssrLoadModule('/libs/database/src/embedded/embedded-postgres.ts');
const server = await EmbeddedPostgres.start({
  dataDir: process.argv[2],
  owner: 'api',
  log: () => undefined,
});
process.stdout.write(`${server.ownerUrl}\n`);
