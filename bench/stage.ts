import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { EmbeddedPostgres } from '#database';
import { ApiClient } from './api-client.js';
import { LoadGenerator } from './load/load-generator.js';
import { treeCpuSeconds } from './process-usage.js';
import { ServerProcess } from './servers/server-process.js';

export const API = 'dist/apps/api/src/main.js';
const CLI = 'dist/apps/cli/src/main.js';
const SCOPE =
  'kms:keys:read kms:keys:write kms:keys:sign kms:keys:verify kms:keys:delete kms:engines:admin audit:read';

/** A database of its own, and the servers that run on it. */
export class Stage {
  readonly load = new LoadGenerator();
  readonly #servers: ServerProcess[] = [];
  #started = 0;
  #closing: Promise<void> | undefined;

  private constructor(
    private readonly folder: string,
    private readonly keepFolder: boolean,
    private readonly database: EmbeddedPostgres,
    /** The schema's owner: for filling tables and looking at what the server does. */
    readonly owner: pg.Client,
    private readonly postmasterPid: number,
  ) {}

  /** `folder` is kept, and used again by the next run that names it; without it, one is made and removed. */
  static async open(folder?: string): Promise<Stage> {
    const home = folder ? resolve(folder) : mkdtempSync(join(tmpdir(), 'claviger-bench-'));
    mkdirSync(home, { recursive: true });
    // The database's user passes through it.
    chmodSync(home, 0o711);
    const dataDir = join(home, 'data');
    const database = await EmbeddedPostgres.start({
      dataDir,
      owner: 'api',
      log: () => undefined,
      onExit: (reason) => {
        throw reason;
      },
    });
    const owner = new pg.Client(database.ownerUrl);
    await owner.connect();
    const pid = Number(readFileSync(join(dataDir, 'pg', 'postmaster.pid'), 'utf8').split('\n')[0]);
    return new Stage(home, folder !== undefined, database, owner, pid);
  }

  get #env(): Record<string, string> {
    return {
      CLAVIGER_DATA_DIR: join(this.folder, 'data'),
      DATABASE_URL: this.database.appUrl,
      CLAVIGER_MIGRATION_DATABASE_URL: this.database.ownerUrl,
      CLAVIGER_PORT: '0',
    };
  }

  async start(program = API, more: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
    this.#started += 1;
    const logFile = join(this.folder, `server-${process.pid}-${this.#started}.log`);
    const server = await ServerProcess.start({ program, env: { ...this.#env, ...more }, logFile });
    this.#servers.push(server);
    return server;
  }

  /** A token of the tenant, which is made where it is missing; good for as long as the bench runs. */
  async token(tenant: string): Promise<string> {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [CLI, '--json', 'token', '--tenant', tenant, '--scope', SCOPE, '--ttl', '2h'],
      { env: { ...process.env, ...this.#env } },
    );
    return (JSON.parse(stdout) as { token: string }).token;
  }

  async client(server: ServerProcess, tenant: string): Promise<ApiClient> {
    return new ApiClient(server, tenant, await this.token(tenant));
  }

  /** A connection as the application's role, under row-level security. */
  async connectAsApp(): Promise<pg.Client> {
    const client = new pg.Client(this.database.appUrl);
    await client.connect();
    return client;
  }

  /** One more connection as the schema's owner. */
  async connectAsOwner(): Promise<pg.Client> {
    const client = new pg.Client(this.database.ownerUrl);
    await client.connect();
    return client;
  }

  /** User and system time of the database's processes so far, in seconds. */
  databaseCpuSeconds(): number {
    return treeCpuSeconds(this.postmasterPid);
  }

  async stop(server: ServerProcess): Promise<void> {
    this.#servers.splice(this.#servers.indexOf(server), 1);
    await server.stop();
  }

  /** Ends all that was started, however often it is called. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const server of this.#servers.splice(0)) await server.stop();
    await this.load.stop();
    await this.owner.end();
    await this.database.stop();
    if (this.keepFolder) return;
    rmSync(realpathSync(join(this.folder, 'data', 'pg')), { recursive: true });
    rmSync(this.folder, { recursive: true });
  }
}
