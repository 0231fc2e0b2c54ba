/** Where a chain stands: the number and hash of its last record. */
export interface ChainHead {
  readonly tenant: string;
  readonly lane: number;
  readonly seq: number;
  /** SHA-256, hex. */
  readonly hash: string;
}

/** What audit_append() did for one tenant of a batch. */
export interface AppendedTenant {
  /** The new head of its chain; null where nothing was appended. */
  readonly seq: string | null;
  readonly hash: Buffer | null;
  /** Gated records that were not appended, by their place in the batch, from 1. */
  readonly refused: number[];
  /** The tenant is being revoked at this moment: its gated records were not looked at, and are to be tried again. */
  readonly deferred: boolean;
}

/** Lane, hold, tenants to release; tenants in byte order, how many free and gated records each has; records as JSON. */
export const APPEND =
  'SELECT seq, hash, refused, deferred FROM audit_append($1::smallint, $2, $3::text[], $4::text[], $5::int[], $6::int[], $7::json)';
export const RELEASE = 'SELECT audit_release($1::text[])';

/** Lane 0 takes what commits with its own transaction; a process's signatures go to a lane of its own. */
export const TRANSACTION_LANE = 0;

const LANE_LOCK = 4_827_303;
/** Lanes 1 to 63 are for processes. */
export const LANES = 63;
export const CLAIM_LANE = `SELECT n FROM generate_series(1, ${LANES}) n WHERE pg_try_advisory_lock(${LANE_LOCK}, n) LIMIT 1`;
