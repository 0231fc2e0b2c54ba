import 'reflect-metadata';
import type { DynamicModule } from '@nestjs/common';
import type { Server } from 'node:http';
import { ConfigError, loadConfig, type Config } from '#config';
import { RootRingError } from '#crypto';
import { AppError } from '#kernel';
import { Metrics, createLogger, type Logger } from '#observability';
import { renderBanner } from './banner.js';
import { createHttpApp } from './http-app.js';
import { openRootRing } from './root-of-trust.js';
import { composeServices } from './services.js';
import { openStorage } from './storage.js';
import { startMetricsServer } from './system/metrics-server.js';
import { openAuthenticator } from './trust.js';

/** What was started, newest last; ended in reverse. */
type Closers = (() => Promise<void>)[];

/** Puts the API's module into another, which may have routes of its own. */
export type Surround = (api: DynamicModule) => DynamicModule;

async function start(
  config: Config,
  logger: Logger,
  closers: Closers,
  fail: (reason: string) => void,
  surround: Surround,
): Promise<void> {
  const storage = await openStorage(config, logger, fail);
  closers.push(() => storage.stop());
  const root = await openRootRing(config);
  const metrics = new Metrics();
  const authenticator = await openAuthenticator(config, logger);
  const services = await composeServices({
    config,
    database: storage.database,
    root,
    authenticator,
    logger,
    metrics,
    drivers: [],
  });
  closers.push(() => services.close());
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

const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });

/** One sentence for the operator where we know what is wrong, else the whole error. */
const explain = (error: unknown): string =>
  error instanceof ConfigError || error instanceof RootRingError || error instanceof AppError
    ? error.message
    : error instanceof Error && (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
      ? `${error.message}: another program listens there; set CLAVIGER_PORT`
      : String((error as Error).stack ?? error);

async function run(surround: Surround): Promise<void> {
  const config = loadConfig();
  const logger = createLogger({ level: config.logLevel });
  const closers: Closers = [];
  let ending: Promise<void> | undefined;
  const end = (exitCode: number): Promise<void> =>
    (ending ??= (async () => {
      const deadline = setTimeout(() => process.exit(1), config.shutdownGraceS * 1_000).unref();
      for (const close of closers.reverse())
        await close().catch((error: unknown) => logger.error({ err: error }, 'while ending'));
      clearTimeout(deadline);
      logger.flush();
      process.exitCode = exitCode;
    })());
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => void end(0).then(() => process.exit(process.exitCode)));
  }
  const fail = (reason: string): void => {
    logger.error(reason);
    void end(1).then(() => process.exit(1));
  };
  try {
    await start(config, logger, closers, fail, surround);
  } catch (error) {
    await end(1);
    throw error;
  }
}

/** Runs an API process from its start to its end, by the environment. Ends the process with 1 where it cannot start. */
export function runApi(surround: Surround = (api) => api): void {
  run(surround).catch((error: unknown) => {
    process.stderr.write(`claviger: ${explain(error)}\n`);
    process.exit(1);
  });
}
