import { join } from 'node:path';
import { AppError } from '#kernel';
import { clusterPath, ensureCluster, makeDataFolder } from './cluster-folder.js';
import { DatabaseAccount } from './database-account.js';
import { readPasswords } from './database-passwords.js';
import { ensureRoles } from './embedded-roles.js';
import { removeOwnerRecord, writeOwnerRecord, type OwnerRecord } from './owner-record.js';
import { findBinaries } from './postgres-binaries.js';
import { Postmaster } from './postmaster.js';
import { removeMistakenPidFile } from './postmaster-pid-file.js';
import { ServerLog } from './server-log.js';

export interface EmbeddedServerOptions {
  /** Absolute path of the folder that keeps everything. */
  readonly dataDir: string;
  readonly log: (message: string) => void;
  /** Called once when the server of this process ends and nobody stopped it. */
  readonly onExit?: (reason: AppError) => void;
}

/** A server that this process runs, with its roles made and its record written. */
export class EmbeddedServer {
  private constructor(
    private readonly dataDir: string,
    private readonly postmaster: Postmaster,
  ) {}

  /** Undefined where another start was first, or a predecessor is not quite gone. Throws `unavailable`. */
  static async start(
    options: EmbeddedServerOptions,
    kind: OwnerRecord['kind'],
  ): Promise<EmbeddedServer | undefined> {
    const { dataDir, log } = options;
    await makeDataFolder(dataDir);
    const account = await DatabaseAccount.choose(clusterPath(dataDir));
    const binaries = await findBinaries(account, log);
    const cluster = await ensureCluster({ dataDir, account, binaries, log });
    await removeMistakenPidFile(cluster);
    const logFile = join(dataDir, 'postgres.log');
    const postmaster = await Postmaster.start({ binaries, account, cluster, log: new ServerLog(logFile) });
    if (!postmaster) return undefined;
    const server = new EmbeddedServer(dataDir, postmaster);
    void postmaster.exited.then((how) => {
      if (postmaster.isStopping) return;
      const detail = `the embedded PostgreSQL ended by itself (${how}): see ${logFile}`;
      options.onExit?.(new AppError('unavailable', { detail }));
    });
    await server.#open(kind).catch(async (error: unknown) => {
      await server.stop();
      throw error;
    });
    log(
      `PostgreSQL ${binaries.version} runs on 127.0.0.1:${server.port} as process ${postmaster.pid}, ${account.name}`,
    );
    return server;
  }

  get port(): number {
    return this.postmaster.port;
  }

  async stop(): Promise<void> {
    if (!this.postmaster.isStopping) await removeOwnerRecord(this.dataDir);
    await this.postmaster.stop();
  }

  async #open(kind: OwnerRecord['kind']): Promise<void> {
    const { port, pid } = this.postmaster;
    try {
      await ensureRoles(port, await readPasswords(this.dataDir));
    } catch (cause) {
      if ((cause as { code?: string }).code !== '28P01') throw cause;
      throw new AppError('unavailable', {
        detail: `the passwords in ${this.dataDir}/database.json are not those of its database`,
        cause,
      });
    }
    await writeOwnerRecord(this.dataDir, { kind, pid: process.pid, postmasterPid: pid, port });
  }
}
