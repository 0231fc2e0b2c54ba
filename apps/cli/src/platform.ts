import { AuditLog, CheckpointKey, Checkpointer } from '#audit';
import type { Config } from '#config';
import type { RootRing } from '#crypto';
import type { Database } from '#database';
import { RootKeys, TenantService } from '#tenants';
import type { CommandContext } from './command.js';
import { openRootRing } from './root-ring.js';

/** The services that an operator's commands call, the same that the API calls. */
export interface Platform {
  readonly root: RootRing;
  readonly audit: AuditLog;
  readonly tenants: TenantService;
  readonly rootKeys: RootKeys;
}

/** For commands that only read. Throws `RootRingError`. */
export async function composePlatform(config: Config, database: Database): Promise<Platform> {
  const root = await openRootRing(config);
  const audit = new AuditLog(database);
  return {
    root,
    audit,
    tenants: new TenantService(database, root, audit),
    rootKeys: new RootKeys(database, root, audit),
  };
}

/**
 * For commands that change something: what they append to the audit log is signed by a checkpoint before they end.
 * Throws `RootRingError`, and `unavailable` where the ring is not the one that the database was made with.
 */
export async function openPlatform(
  config: Config,
  database: Database,
  context: CommandContext,
): Promise<Platform> {
  const platform = await composePlatform(config, database);
  await platform.rootKeys.register();
  const key = await CheckpointKey.open(database, platform.root);
  const checkpointer = new Checkpointer(database, platform.audit, key, {
    file: config.auditCheckpointFile,
    log: () => undefined,
    onError: (error) => context.note(`no audit checkpoint was written: ${(error as Error).message}`),
  });
  context.closers.defer(async () => {
    await platform.audit.close();
    await checkpointer.close();
  });
  return platform;
}
