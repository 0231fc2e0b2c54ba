import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '#kernel';
import { findCluster } from './cluster-folder.js';
import { readPasswords } from './database-passwords.js';
import { DATABASE_NAME } from './embedded-roles.js';
import { EmbeddedServer, type EmbeddedServerOptions } from './embedded-server.js';
import { findOwner, type OwnerRecord } from './owner-record.js';
import { findPostmaster, type RunningPostmaster } from './postmaster-pid-file.js';

const POLL_MS = 50;
/** How long a predecessor may take to end. */
const PATIENCE_MS = 10_000;
/** How long an operator's command may take, which runs the server meanwhile. */
const PATIENCE_WITH_CLI_MS = 30_000;

/**
 * The PostgreSQL that Claviger brings along, on loopback, for as long as this process lives: it ends with
 * `stop()`, and also when the process is killed. A data folder has one server, and no server is adopted that
 * another program started, save by the operator's tool that of a running API.
 */
export class EmbeddedPostgres {
  private constructor(
    /** URL of `claviger_owner`, which migrates. */
    readonly ownerUrl: string,
    /** URL of `claviger_app`. */
    readonly appUrl: string,
    private readonly server: EmbeddedServer | undefined,
  ) {}

  /**
   * Starts the server of a data folder, making both on the first start. Waits for a predecessor to end, up to
   * 10 s, or 30 s for an operator's command; then throws `unavailable`, as for all that prevents a start.
   */
  static async start(
    options: EmbeddedServerOptions & { readonly owner: OwnerRecord['kind'] },
  ): Promise<EmbeddedPostgres> {
    const server = await claim<never>(options, options.owner, () => undefined);
    return EmbeddedPostgres.#at(options.dataDir, server.port, server);
  }

  /** For the operator's tool: the server of the running API, which `stop()` leaves alone, or else one of its own. */
  static async joinOrStart(options: EmbeddedServerOptions): Promise<EmbeddedPostgres> {
    const result = await claim(options, 'cli', (owner) => (owner?.kind === 'api' ? owner : undefined));
    return EmbeddedPostgres.#at(
      options.dataDir,
      result.port,
      result instanceof EmbeddedServer ? result : undefined,
    );
  }

  static async #at(
    dataDir: string,
    port: number,
    server: EmbeddedServer | undefined,
  ): Promise<EmbeddedPostgres> {
    const { owner, app } = await readPasswords(dataDir);
    const url = (role: string, password: string): string =>
      `postgres://${role}:${password}@127.0.0.1:${port}/${DATABASE_NAME}`;
    return new EmbeddedPostgres(url('claviger_owner', owner), url('claviger_app', app), server);
  }

  /** Ends the server if it is ours; committed work is on disk then. May be called more than once. */
  async stop(): Promise<void> {
    await this.server?.stop();
  }
}

/** Starts a server as soon as the folder is free, or takes what `join` finds acceptable of the one that runs. */
async function claim<Joined>(
  options: EmbeddedServerOptions,
  kind: OwnerRecord['kind'],
  join: (owner: OwnerRecord | undefined) => Joined | undefined,
): Promise<EmbeddedServer | Joined> {
  const since = performance.now();
  for (let attempt = 1; ; attempt += 1) {
    const running = await findRunning(options.dataDir);
    const started = running ? undefined : await EmbeddedServer.start(options, kind);
    if (started) return started;
    const owner = running && (await findOwner(options.dataDir, running));
    const joined = join(owner);
    if (joined !== undefined) return joined;
    const patienceMs = owner?.kind === 'cli' ? PATIENCE_WITH_CLI_MS : PATIENCE_MS;
    if (performance.now() - since > patienceMs) throw alreadyRunning(options.dataDir, running, owner);
    if (attempt === 1) options.log(`waiting for another process to leave ${options.dataDir}`);
    await delay(POLL_MS);
  }
}

async function findRunning(dataDir: string): Promise<RunningPostmaster | undefined> {
  const cluster = await findCluster(dataDir);
  return cluster === undefined ? undefined : findPostmaster(cluster);
}

function alreadyRunning(dataDir: string, running?: RunningPostmaster, owner?: OwnerRecord): AppError {
  const holder = owner
    ? `process ${owner.pid} (claviger ${owner.kind})`
    : running
      ? `PostgreSQL process ${running.pid}`
      : 'another process';
  return new AppError('unavailable', {
    detail: `already running: ${holder} holds the data folder ${dataDir}`,
  });
}
