import type { Transaction } from '#database';

/** A request that somebody works on, and until when nobody else does. */
export interface Claim {
  readonly tenantId: string;
  /** Names the claim: the MAC of who asks and with which key. */
  readonly claimMac: Buffer;
  readonly requestMac: Buffer;
  /** The id of what is to be made, whoever comes to make it. */
  readonly objectId: string;
  readonly leaseTs: Date;
  readonly expiryTs: Date;
}

export interface StoredClaim extends Claim {
  /** JSON, once there is an answer. */
  readonly answer: string | null;
}

/** What is over is removed by whoever stores an answer, so many at a time: more than come in. */
const SWEEP = 16;

const valuesOf = ({ tenantId, claimMac, requestMac, objectId, leaseTs, expiryTs }: Claim): unknown[] => [
  ...[tenantId, claimMac, requestMac, objectId, leaseTs, expiryTs],
];

/** Gives false where the key is claimed already. */
export async function insertClaim(tx: Transaction, claim: Claim): Promise<boolean> {
  const inserted = await tx.execute(
    `INSERT INTO idempotency_key (tenant_id, claim_mac, request_mac, object_id, lease_ts, expiry_ts)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, claim_mac) DO NOTHING`,
    valuesOf(claim),
  );
  return inserted === 1;
}

/** Reads a claim and locks it until the transaction ends. */
export async function lockClaim(
  tx: Transaction,
  { tenantId, claimMac }: Claim,
): Promise<StoredClaim | undefined> {
  const [row] = await tx.query<Omit<StoredClaim, 'tenantId' | 'claimMac'>>(
    `SELECT request_mac AS "requestMac", object_id AS "objectId", lease_ts AS "leaseTs", expiry_ts AS "expiryTs", answer
       FROM idempotency_key WHERE tenant_id = $1 AND claim_mac = $2 FOR UPDATE`,
    [tenantId, claimMac],
  );
  return row && { ...row, tenantId, claimMac };
}

/** Puts a claim in the place of a locked one. */
export async function replaceClaim(tx: Transaction, claim: Claim): Promise<void> {
  await tx.execute(
    `UPDATE idempotency_key SET request_mac = $3, object_id = $4, lease_ts = $5, expiry_ts = $6, answer = NULL
      WHERE tenant_id = $1 AND claim_mac = $2`,
    valuesOf(claim),
  );
}

/** Keeps the answer until `expiryTs`, unless there is one, and removes some of what is over by `now`. */
export async function storeAnswer(
  tx: Transaction,
  { tenantId, claimMac, objectId }: Claim,
  answer: string,
  { now, expiryTs }: { readonly now: Date; readonly expiryTs: Date },
): Promise<void> {
  await tx.execute(
    `WITH swept AS (
       DELETE FROM idempotency_key
        WHERE tenant_id = $1 AND claim_mac IN (
          SELECT claim_mac FROM idempotency_key
           WHERE tenant_id = $1 AND expiry_ts <= $5 AND claim_mac <> $2
           ORDER BY expiry_ts LIMIT ${SWEEP} FOR UPDATE SKIP LOCKED))
     UPDATE idempotency_key SET answer = $4, expiry_ts = $6
      WHERE tenant_id = $1 AND claim_mac = $2 AND object_id = $3 AND answer IS NULL`,
    [tenantId, claimMac, objectId, answer, now, expiryTs],
  );
}

/** The rows that this very attempt holds: another attempt has another lease, and another object another id. */
const OWN = 'tenant_id = $1 AND claim_mac = $2 AND object_id = $3 AND lease_ts = $4 AND answer IS NULL';

const ownValues = ({ tenantId, claimMac, objectId, leaseTs }: Claim): unknown[] => [
  ...[tenantId, claimMac, objectId, leaseTs],
];

/** Forgets a claim: nothing was made. Leaves it where another attempt has taken it over. */
export async function removeClaim(tx: Transaction, claim: Claim): Promise<void> {
  await tx.execute(`DELETE FROM idempotency_key WHERE ${OWN}`, ownValues(claim));
}

/** Moves the end of the lease: on, or to this moment. Gives false where another attempt has taken the claim over. */
export async function moveLease(tx: Transaction, claim: Claim, leaseTs: Date): Promise<boolean> {
  const moved = await tx.execute(`UPDATE idempotency_key SET lease_ts = $5 WHERE ${OWN}`, [
    ...ownValues(claim),
    leaseTs,
  ]);
  return moved === 1;
}
