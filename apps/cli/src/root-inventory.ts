import { constantTimeEqual, type RootWrapper } from '#crypto';
import type { Database } from '#database';

/** A root as the database knows it. */
export interface KnownRoot {
  readonly id: string;
  readonly check_value: Buffer;
  /** Keys wrapped by it: tenants' key-encryption keys and the platform's own. */
  readonly keys: number;
}

/** The roots that the database knows, oldest first. */
export const listKnownRoots = (database: Database): Promise<KnownRoot[]> =>
  database.system(
    'root-key list',
    (tx) =>
      tx.query<KnownRoot>(`
        SELECT r.id, r.check_value,
               ((SELECT count(*) FROM tenant_kek k WHERE k.root_id = r.id)
                + (SELECT count(*) FROM platform_key p WHERE p.root_id = r.id))::int AS keys
          FROM root_key r ORDER BY r.created_ts, r.id`),
    { readOnly: true },
  );

/** Whether the ring has that root, with the bytes that the database was made with. */
const has = (ring: RootWrapper, { id, check_value }: KnownRoot): boolean =>
  ring.ids().includes(id) && constantTimeEqual(check_value, ring.checkValue(id));

/** Ids of the roots that something hangs on and that the ring, if there is one, has not. */
export const lostRoots = (known: readonly KnownRoot[], ring: RootWrapper | undefined): string[] =>
  known.filter((root) => root.keys > 0 && !(ring && has(ring, root))).map(({ id }) => id);
