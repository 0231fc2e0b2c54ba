import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '#kernel';
import { DATABASE_ENVIRONMENT, withoutSetpriv, type DatabaseAccount } from './database-account.js';
import type { PostgresBinaries } from './postgres-binaries.js';
import { findPostmaster } from './postmaster-pid-file.js';
import type { ServerLog } from './server-log.js';

const POLL_MS = 20;
/** Recovery after a crash is part of a start. */
const READY_WITHIN_MS = 120_000;
/** After that a fast shutdown becomes an immediate one, which costs a recovery at the next start. */
const STOP_WITHIN_MS = 15_000;

/** Another start was first, its predecessor's last processes are still there, or the port was taken in between. */
const LOST_RACE =
  /lock file "postmaster\.pid"|pre-existing shared memory block|could not (bind|create any TCP\/IP socket)/;

/**
 * Defaults of PostgreSQL stay what they are: fsync and synchronous_commit are on. Messages of statements
 * (log level ERROR) are the client's, who gets them, and not the log's: they quote values.
 */
const SETTINGS = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'max_connections=200',
  'shared_buffers=128MB',
  'jit=off',
  'log_min_messages=log',
  'log_min_error_statement=panic',
  'log_checkpoints=off',
];

export interface PostmasterPlan {
  readonly binaries: PostgresBinaries;
  readonly account: DatabaseAccount;
  /** Real path of the database's folder. */
  readonly cluster: string;
  readonly log: ServerLog;
}

/** A PostgreSQL server that lives as long as this process. */
export class Postmaster {
  /** Settles when the server has ended, with how. */
  readonly exited: Promise<string>;
  #stopping: Promise<void> | undefined;

  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {
    this.exited = once(child, 'exit').then(([code, signal]) => `${signal ?? `exit code ${code}`}`);
  }

  /**
   * Starts the server and waits until it takes connections. Undefined where it lost a race that can be tried
   * again. Throws `unavailable` with the server's last words where it cannot start.
   */
  static async start(plan: PostmasterPlan): Promise<Postmaster | undefined> {
    const port = await freePort();
    const settings = SETTINGS.flatMap((setting) => ['-c', setting]);
    const args = ['-D', plan.cluster, '-p', String(port), ...settings];
    const [file, argv] = plan.account.command('INT', plan.binaries.postgres, args);
    // A session of its own: Ctrl-C in our terminal is for us, who end the server after the last request.
    const child = spawn(file, argv, {
      cwd: '/',
      env: DATABASE_ENVIRONMENT,
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.on('data', (chunk: Buffer) => plan.log.write(chunk));
    await once(child, 'spawn').catch((error: unknown) => {
      throw withoutSetpriv(error);
    });
    const postmaster = new Postmaster(child, port);
    if (await postmaster.#becomesReady(plan.cluster)) return postmaster;
    if (LOST_RACE.test(plan.log.tail)) return undefined;
    throw new AppError('unavailable', {
      detail: `the embedded PostgreSQL in ${plan.cluster} did not start: ${plan.log.tail.trim() || (await postmaster.exited)}`,
    });
  }

  get pid(): number {
    return this.child.pid as number;
  }

  get isStopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** Ends the server: open connections are closed, what was committed is on disk. */
  stop(): Promise<void> {
    this.#stopping ??= this.#shutDown();
    return this.#stopping;
  }

  async #shutDown(): Promise<void> {
    this.child.kill('SIGINT');
    const patience = setTimeout(() => this.child.kill('SIGQUIT'), STOP_WITHIN_MS);
    await this.exited;
    clearTimeout(patience);
  }

  /** The server itself says so in its file: nobody else's server on that port is ever shown a password. */
  async #becomesReady(cluster: string): Promise<boolean> {
    const closed = once(this.child, 'close').then(() => false);
    const deadline = performance.now() + READY_WITHIN_MS;
    while (performance.now() < deadline) {
      const server = await findPostmaster(cluster);
      if (server?.pid === this.pid && server.isReady) return true;
      const ended = await Promise.race([closed, delay(POLL_MS, true)]);
      if (!ended) return false;
    }
    await this.stop();
    return false;
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
