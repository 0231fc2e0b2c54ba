import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedPostgres } from '#database';
import { makeDataFolder } from '../../libs/database/test/data-folder.js';

/** A PostgreSQL of the operator's own, for DATABASE_URL to name: roles and an empty database, nothing migrated. */
export class DatabaseServer {
  private constructor(
    private readonly server: EmbeddedPostgres,
    readonly dataDir: string,
    private readonly removeFolder: () => void,
  ) {}

  static async start(): Promise<DatabaseServer> {
    const { dataDir, remove } = makeDataFolder();
    const server = await EmbeddedPostgres.start({ dataDir, owner: 'api', log: () => undefined });
    return new DatabaseServer(server, dataDir, remove);
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

  async stop(): Promise<void> {
    await this.server.stop();
    this.removeFolder();
  }
}
