import { LATEST_SCHEMA_VERSION, runMigrations } from 'bullmq';
import type { OwnerConnection } from '#database';
import { QUEUE_SCHEMA } from './queue-backend.js';

/**
 * What the application may do in the queue's schema: read and write rows, and call the functions. It makes nothing
 * there; BullMQ would, for jobs that it names itself (a sequence a queue) and for adding many at once (temporary
 * tables), and neither is done.
 */
const GRANTS = `
  GRANT USAGE ON SCHEMA ${QUEUE_SCHEMA} TO claviger_app;
  GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${QUEUE_SCHEMA} TO claviger_app;
  REVOKE INSERT, UPDATE, DELETE ON ${QUEUE_SCHEMA}.migration FROM claviger_app;
  GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${QUEUE_SCHEMA} TO claviger_app;
  REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ${QUEUE_SCHEMA} FROM PUBLIC;
  GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ${QUEUE_SCHEMA} TO claviger_app`;

/** For `migrate`: brings BullMQ's own schema up to date as its owner. Gives what it did, as a name. */
export async function migrateQueue(owner: OwnerConnection): Promise<string[]> {
  const [before] = await owner.query(`SELECT to_regclass('${QUEUE_SCHEMA}.migration') IS NOT NULL AS made`);
  const version = async (): Promise<unknown> =>
    (await owner.query(`SELECT max(version) AS version FROM ${QUEUE_SCHEMA}.migration`))[0]?.['version'];
  if (before?.['made'] === true && Number(await version()) >= LATEST_SCHEMA_VERSION) {
    // A start that was killed may have made the schema and granted nothing.
    await owner.query(GRANTS);
    return [];
  }
  await runMigrations(
    { query: async (text, params) => ({ rows: (await owner.query(text, params)) as never[] }) },
    QUEUE_SCHEMA,
  );
  await owner.query(GRANTS);
  return [`JobQueue${String(await version())}`];
}
