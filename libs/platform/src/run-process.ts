import { ConfigError, loadConfig, loadConfigFor, type Config, type ConfigPart } from '#config';
import { RootRingError } from '#crypto';
import { AppError } from '#kernel';
import { createLogger, type Logger } from '#observability';

/** What a process has when it starts. */
export interface ProcessStart {
  readonly config: Config;
  readonly logger: Logger;
  /** What was started, newest last; ended in reverse. */
  readonly closers: (() => Promise<void>)[];
  /** Ends the process with 1: something it cannot go on without is lost. */
  readonly fail: (reason: string) => void;
}

/** One sentence for the operator where we know what is wrong, else the whole error. */
const explain = (error: unknown): string =>
  error instanceof ConfigError || error instanceof RootRingError || error instanceof AppError
    ? error.message
    : error instanceof Error && (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
      ? `${error.message}: another program listens there; set CLAVIGER_PORT`
      : String((error as Error).stack ?? error);

async function run(
  start: (given: ProcessStart) => Promise<void>,
  parts: readonly ConfigPart[] | undefined,
): Promise<void> {
  // Slices of one pool would have the bytes of different tenants beside each other, and one slice in use keeps all of it.
  Buffer.poolSize = 0;
  const config = parts ? loadConfigFor(parts) : loadConfig();
  const logger = createLogger({ level: config.logLevel });
  const closers: (() => Promise<void>)[] = [];
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
    await start({ config, logger, closers, fail });
  } catch (error) {
    await end(1);
    throw error;
  }
}

/**
 * Runs a process from its start to its end, by the environment. Ends it with 1 where it cannot start. `parts` are what
 * it stands on, where that is not everything.
 */
export function runProcess(
  start: (given: ProcessStart) => Promise<void>,
  parts?: readonly ConfigPart[],
): void {
  run(start, parts).catch((error: unknown) => {
    process.stderr.write(`claviger: ${explain(error)}\n`);
    process.exit(1);
  });
}
