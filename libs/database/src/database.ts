import type { TenantScope } from '#kernel';
import type { DataSource } from 'typeorm';
import { DatabaseSession } from './database-session.js';
import { isRetryable, translatePgError } from './pg-errors.js';
import { Transaction } from './transaction.js';

export interface TransactionOptions {
  /** Time a single statement may take, in milliseconds. */
  readonly statementTimeoutMs?: number;
  readonly readOnly?: boolean;
  /** Settings of PostgreSQL for this transaction; names and values are trusted. */
  readonly settings?: Readonly<Record<string, string>>;
}

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
    return this.#run(work, options, scope.tenantId, async (tx) => {
      const settings = {
        'claviger.tenant': scope.tenantId,
        statement_timeout: String(options.statementTimeoutMs ?? 0),
        ...options.settings,
      };
      const each = Object.keys(settings).map((name, n) => `set_config('${name}', $${n + 1}, true)`);
      await tx.query(`SELECT ${each.join(', ')}`, Object.values(settings));
    });
  }

  /** Runs a named job as `claviger_system`, whose grants are only what such jobs need. */
  system<T>(
    _job: string,
    work: (tx: Transaction) => Promise<T>,
    options: TransactionOptions = {},
  ): Promise<T> {
    return this.#run(work, options, undefined, async (tx) => {
      await tx.query('SET LOCAL ROLE claviger_system');
    });
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
    enter: (tx: Transaction) => Promise<void>,
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#attempt(work, options, tenantId, enter);
      } catch (error) {
        if (!isRetryable(error) || attempt === ATTEMPTS) throw translatePgError(error);
      }
    }
  }

  async #attempt<T>(
    work: (tx: Transaction) => Promise<T>,
    options: TransactionOptions,
    tenantId: string | undefined,
    enter: (tx: Transaction) => Promise<void>,
  ): Promise<T> {
    const runner = this.dataSource.createQueryRunner();
    try {
      await runner.startTransaction();
      const tx = new Transaction(runner, tenantId);
      if (options.readOnly) await tx.query('SET TRANSACTION READ ONLY');
      await enter(tx);
      const result = await work(tx);
      await runner.commitTransaction();
      tx.committed();
      return result;
    } catch (error) {
      if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
      throw error;
    } finally {
      await runner.release().catch(() => undefined);
    }
  }
}
