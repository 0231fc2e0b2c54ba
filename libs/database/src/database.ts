import { isTenantId, PLATFORM_CHAIN, type TenantScope } from '#kernel';
import type pg from 'pg';
import type { DataSource } from 'typeorm';
import { DatabaseSession } from './database-session.js';
import { isRetryable, translatePgError } from './pg-errors.js';
import { Transaction } from './transaction.js';

export interface TransactionOptions {
  /** Time a single statement may take, in milliseconds. */
  readonly statementTimeoutMs?: number;
  /** It writes nothing, and is answered when all is read: its end is not waited for. */
  readonly readOnly?: boolean;
  /** Plans that the transaction does without (`enable_…` of PostgreSQL). */
  readonly without?: readonly PlanType[];
}

export type PlanType = 'sort' | 'bitmapscan';

const ATTEMPTS = 4;

/**
 * The way to PostgreSQL. Every statement runs in a transaction that says for whom: a tenant, whose rows
 * alone row-level security then shows, or the system role for the few named jobs that cross tenants.
 */
export class Database {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Runs `work` in a transaction of the tenant (READ COMMITTED). Commits when it resolves, rolls back when it
   * throws. Deadlock victims are run again, so `work` has no effects of its own outside the transaction.
   * Throws `unavailable` when the database cannot be reached.
   */
  transaction<T>(
    scope: TenantScope,
    work: (tx: Transaction) => Promise<T>,
    options: TransactionOptions = {},
  ): Promise<T> {
    return this.#run(work, options, scope.tenantId);
  }

  /** Runs a named job as `claviger_system`, whose grants are only what such jobs need. */
  system<T>(
    _job: string,
    work: (tx: Transaction) => Promise<T>,
    options: TransactionOptions = {},
  ): Promise<T> {
    return this.#run(work, options, undefined);
  }

  /** A connection of one's own, for prepared statements and session locks. */
  openSession(): Promise<DatabaseSession> {
    return DatabaseSession.open(this.dataSource);
  }

  /** Throws `unavailable` when no statement can be run. */
  async ping(): Promise<void> {
    try {
      await this.dataSource.query('SELECT 1');
    } catch (error) {
      throw translatePgError(error);
    }
  }

  async close(): Promise<void> {
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }

  async #run<T>(
    work: (tx: Transaction) => Promise<T>,
    options: TransactionOptions,
    tenantId: string | undefined,
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#attempt(work, options, tenantId);
      } catch (error) {
        if (!isRetryable(error) || attempt === ATTEMPTS) throw translatePgError(error);
      }
    }
  }

  async #attempt<T>(
    work: (tx: Transaction) => Promise<T>,
    options: TransactionOptions,
    tenantId: string | undefined,
  ): Promise<T> {
    const runner = this.dataSource.createQueryRunner();
    const release = (): Promise<void> => runner.release().catch(() => undefined);
    let reading: Promise<unknown> | undefined;
    try {
      const client = (await runner.connect()) as pg.PoolClient;
      // Not waited for: the first statement of `work` follows at once, on the same wire.
      const begun = client.query(beginning(tenantId, options));
      begun.catch(() => undefined);
      // A plain member, though declared read-only: TypeORM would set it when it begins a transaction itself.
      (runner as { isTransactionActive: boolean }).isTransactionActive = true;
      const tx = new Transaction(runner, client, tenantId);
      try {
        const result = await upToItsEnd(tx, work);
        await begun;
        if (options.readOnly && tx.allAnswered) reading = endReading(client);
        else await commit(client);
        tx.committed();
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch(() => undefined);
        // Where the beginning failed, what came after only says that it did.
        await begun;
        throw error;
      }
    } finally {
      if (reading) void reading.then(release);
      else await release();
    }
  }
}

/**
 * Begins a transaction and says for whom, in one round trip. Were its first word lost, what follows would run
 * without a tenant, and row-level security show it nothing.
 */
function beginning(
  tenantId: string | undefined,
  { statementTimeoutMs, readOnly, without = [] }: TransactionOptions,
): string {
  const statements = [readOnly ? 'BEGIN READ ONLY' : 'BEGIN'];
  if (tenantId === undefined) statements.push('SET LOCAL ROLE claviger_system');
  // It stands in the text of a statement: nothing else may get there.
  else if (isTenantId(tenantId) || tenantId === PLATFORM_CHAIN)
    statements.push(`SET LOCAL claviger.tenant = '${tenantId}'`);
  else throw new TypeError('a transaction for what is no tenant');
  if (statementTimeoutMs !== undefined) {
    statements.push(`SET LOCAL statement_timeout = ${Math.trunc(statementTimeoutMs)}`);
  }
  for (const plan of without) statements.push(`SET LOCAL enable_${plan} = off`);
  return statements.join('; ');
}

async function upToItsEnd<T>(tx: Transaction, work: (tx: Transaction) => Promise<T>): Promise<T> {
  try {
    return await work(tx);
  } finally {
    tx.end();
  }
}

/** PostgreSQL answers the COMMIT of a transaction that failed by rolling it back, and calls that no error. */
async function commit(client: pg.PoolClient): Promise<void> {
  const { command } = await client.query('COMMIT');
  if (command !== 'COMMIT') throw new Error('a transaction whose statement failed was to be committed');
}

/**
 * The same for one that only read, which has nothing to lose: whoever asked has what it read, and does not wait until
 * the database has heard of the end. Resolves when it has, and the connection may be another's.
 */
const endReading = (client: pg.PoolClient): Promise<unknown> => client.query('COMMIT').catch(() => undefined);
