import 'reflect-metadata';
import type { DynamicModule } from '@nestjs/common';
import { Metrics } from '#observability';
import {
  closeServer,
  openRootRing,
  openStorage,
  runProcess,
  startMetricsServer,
  type ProcessStart,
} from '#platform';
import { composeApi } from './api-services.js';
import { renderBanner } from './banner.js';
import { createHttpApp } from './http-app.js';
import { openAuthenticator } from './trust.js';

/** Puts the API's module into another, which may have routes of its own. */
export type Surround = (api: DynamicModule) => DynamicModule;

async function start({ config, logger, closers, fail }: ProcessStart, surround: Surround): Promise<void> {
  const storage = await openStorage(config, logger, { applicationName: 'claviger-api', onLost: fail });
  closers.push(() => storage.stop());
  const root = await openRootRing(config);
  const metrics = new Metrics();
  const authenticator = await openAuthenticator(config, logger);
  const { database, url: databaseUrl } = storage;
  const services = await composeApi({ config, database, databaseUrl, root, logger, metrics }, authenticator);
  closers.push(() => services.close());
  if (config.jobs.embedded) {
    await services.jobWorker.start();
    closers.push(() => services.jobWorker.close((config.shutdownGraceS * 1_000) / 2));
  }
  const app = await createHttpApp(config, services, logger, surround);
  closers.push(() => app.close());
  await app.listen(config.port, config.host);
  if (config.metricsPort !== undefined) {
    const server = await startMetricsServer(metrics, config.host, config.metricsPort);
    closers.push(() => closeServer(server));
  }
  const { port } = app.getHttpServer().address() as { port: number };
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  process.stdout.write(renderBanner(config, `http://${host}:${port}`));
}

/** Runs an API process from its start to its end, by the environment. Ends the process with 1 where it cannot start. */
export const runApi = (surround: Surround = (api) => api): void =>
  runProcess((given) => start(given, surround));
