/** Where a chain stands: the number and hash of its last record. */
export interface ChainHead {
  readonly tenant: string;
  readonly lane: number;
  readonly seq: number;
  /** SHA-256, hex. */
  readonly hash: string;
}

/** One appended record as audit_append() answers; `ord` counts from 1 in the order of the batch. */
export interface AppendedRow {
  readonly ord: number;
  readonly seq: string;
  readonly hash: Buffer;
}

/** A record of a tenant that is being revoked at this moment: not appended, to be tried again. */
export interface DeferredRow {
  readonly ord: number;
  readonly seq: null;
  readonly hash: null;
}

export const APPEND =
  'SELECT ord, seq, hash FROM audit_append($1::smallint, $2, $3::text[], $4::text[], $5::text[])';
export const RELEASE = 'SELECT audit_release($1::text[])';

/** Lane 0 takes what commits with its own transaction; a process's signatures go to a lane of its own. */
export const TRANSACTION_LANE = 0;

const LANE_LOCK = 4_827_303;
/** Lanes 1 to 63 are for processes. */
export const LANES = 63;
export const CLAIM_LANE = `SELECT n FROM generate_series(1, ${LANES}) n WHERE pg_try_advisory_lock(${LANE_LOCK}, n) LIMIT 1`;
