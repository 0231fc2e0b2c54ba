import { ConfigError, type Config } from '#config';
import type { JobKind } from '#jobs';
import { Metrics } from '#observability';
import {
  closeServer,
  composeServices,
  openRootRing,
  openStorage,
  runProcess,
  startMetricsServer,
  type ProcessStart,
} from '#platform';
import { startHealthServer } from './health-server.js';

/** The embedded database is the API's alone, and so are then the jobs in it. */
function requireDatabase(config: Config): void {
  if (config.database.url === undefined) {
    throw new ConfigError([
      'DATABASE_URL: set it to the PostgreSQL of the API; with the embedded one, the API runs the jobs itself',
    ]);
  }
}

async function start(
  { config, logger, closers, fail }: ProcessStart,
  jobKinds: readonly JobKind[],
): Promise<void> {
  requireDatabase(config);
  const storage = await openStorage(config, logger, { applicationName: 'claviger-worker', onLost: fail });
  closers.push(() => storage.stop());
  const root = await openRootRing(config);
  const metrics = new Metrics();
  const { database, url: databaseUrl } = storage;
  const services = await composeServices({ config, database, databaseUrl, root, logger, metrics, jobKinds });
  closers.push(() => services.close());
  await services.jobWorker.start();
  closers.push(() => services.jobWorker.close((config.shutdownGraceS * 1_000) / 2));
  const health = await startHealthServer({ config, database, queue: services.jobQueue });
  closers.push(() => closeServer(health));
  if (config.metricsPort !== undefined) {
    const server = await startMetricsServer(metrics, config.host, config.metricsPort);
    closers.push(() => closeServer(server));
  }
  process.stdout.write(`Claviger runs jobs\n  process   ${process.pid}\n`);
}

/** Runs a worker from its start to its end, by the environment. `jobKinds` are run beside those of the platform. */
export const runWorker = (jobKinds: readonly JobKind[] = []): void =>
  runProcess((given) => start(given, jobKinds), ['database', 'rootKey']);
