import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedPostgres } from '#database';
import { makeDataFolder } from '../../libs/database/test/data-folder.js';
import { isDatabase, killNow, processesOn } from './process-census.js';

/** A PostgreSQL of the operator's own, for DATABASE_URL to name: roles and an empty database, nothing migrated. */
export class DatabaseServer {
  private constructor(
    private server: EmbeddedPostgres,
    readonly dataDir: string,
    private readonly removeFolder: () => void,
  ) {}

  static async start(): Promise<DatabaseServer> {
    const { dataDir, remove } = makeDataFolder();
    return new DatabaseServer(await DatabaseServer.#run(dataDir), dataDir, remove);
  }

  static #run(dataDir: string): Promise<EmbeddedPostgres> {
    return EmbeddedPostgres.start({ dataDir, owner: 'api', log: () => undefined });
  }

  /** As the application. */
  get appUrl(): string {
    return this.server.appUrl;
  }

  /** As the owner of the tables. */
  get ownerUrl(): string {
    return this.server.ownerUrl;
  }

  get superuserUrl(): string {
    const passwords = JSON.parse(readFileSync(join(this.dataDir, 'database.json'), 'utf8')) as {
      superuser: string;
    };
    const url = new URL(this.ownerUrl);
    url.username = 'postgres';
    url.password = passwords.superuser;
    return url.href;
  }

  get port(): number {
    return Number(new URL(this.appUrl).port);
  }

  /** kill -9 of all its processes. */
  kill(): void {
    killNow(
      processesOn(this.dataDir)
        .filter(isDatabase)
        .map(({ pid }) => pid),
    );
  }

  /** Starts it again, on another port, with what it had committed. */
  async recover(): Promise<void> {
    this.server = await DatabaseServer.#run(this.dataDir);
  }

  async stop(): Promise<void> {
    await this.server.stop();
    this.removeFolder();
  }
}
