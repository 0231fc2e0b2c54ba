import type pg from 'pg';
import type { EntityManager, QueryRunner } from 'typeorm';
import type { SqlQuery } from './sql-query.js';

/** An open transaction. Good only inside the function it was given to. */
export class Transaction {
  readonly #committed: (() => void)[] = [];
  readonly #runner: QueryRunner;
  readonly #client: pg.PoolClient;
  #ended = false;

  constructor(
    runner: QueryRunner,
    client: pg.PoolClient,
    /** Whose rows the transaction sees; undefined for the system role. */
    readonly tenantId: string | undefined,
  ) {
    this.#runner = runner;
    this.#client = client;
  }

  get manager(): EntityManager {
    this.#open();
    return this.#runner.manager;
  }

  /** Runs one statement and gives its rows. */
  async query<Row extends pg.QueryResultRow>(text: string, params: readonly unknown[] = []): Promise<Row[]> {
    return (await this.#open().query<Row>(text, [...params])).rows;
  }

  /**
   * The same for a statement that is parsed once a connection, under `name`, and soon planned once: for the few on
   * hot paths, whose text never varies.
   */
  async prepared<Row extends pg.QueryResultRow>(
    name: string,
    text: string,
    params: readonly unknown[],
  ): Promise<Row[]> {
    return (await this.#open().query<Row>({ name, text, values: [...params] })).rows;
  }

  /** Runs a built statement. */
  run<Row extends pg.QueryResultRow>(query: SqlQuery): Promise<Row[]> {
    return this.query<Row>(query.text, query.params);
  }

  /** Rows that an INSERT, UPDATE or DELETE touched. */
  async execute(text: string, params: readonly unknown[] = []): Promise<number> {
    return (await this.#open().query(text, [...params])).rowCount ?? 0;
  }

  /** Runs `effect` after the commit, and not at all when the transaction fails. */
  afterCommit(effect: () => void): void {
    this.#committed.push(effect);
  }

  /** Called by the database once the work is done: from here on, the connection is another transaction's. */
  end(): void {
    this.#ended = true;
  }

  /** Called by the database once the commit is durable. */
  committed(): void {
    for (const effect of this.#committed) effect();
  }

  /** The connection. Another tenant's statements may run on it once this transaction has ended. */
  #open(): pg.PoolClient {
    if (this.#ended) throw new TypeError('a statement in a transaction that has ended');
    return this.#client;
  }
}
