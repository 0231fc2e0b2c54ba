import type pg from 'pg';
import type { EntityManager, QueryRunner } from 'typeorm';
import type { SqlQuery } from './sql-query.js';

/** An open transaction. Good only inside the function it was given to. */
export class Transaction {
  readonly #committed: (() => void)[] = [];
  readonly #runner: QueryRunner;
  readonly #client: pg.PoolClient;
  #ended = false;
  /** Statements that are not answered yet, or have failed. */
  #unsettled = 0;

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
    // What becomes of its statements is not seen here.
    this.#unsettled += 1;
    return this.#runner.manager;
  }

  /** Runs one statement and gives its rows. */
  async query<Row extends pg.QueryResultRow>(text: string, params: readonly unknown[] = []): Promise<Row[]> {
    return (await this.#ask<Row>({ text, values: [...params] })).rows;
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
    return (await this.#ask<Row>({ name, text, values: [...params] })).rows;
  }

  /** Runs a built statement. */
  run<Row extends pg.QueryResultRow>(query: SqlQuery): Promise<Row[]> {
    return this.query<Row>(query.text, query.params);
  }

  /** Rows that an INSERT, UPDATE or DELETE touched. */
  async execute(text: string, params: readonly unknown[] = []): Promise<number> {
    return (await this.#ask({ text, values: [...params] })).rowCount ?? 0;
  }

  /** Whether each statement so far was answered, and none failed: then nothing can keep it from being committed as read. */
  get allAnswered(): boolean {
    return this.#unsettled === 0;
  }

  /** Runs `effect` after the commit (of one that only reads: at its end), and not at all when the transaction fails. */
  afterCommit(effect: () => void): void {
    this.#committed.push(effect);
  }

  /** Called by the database once the work is done: from here on, the connection is another transaction's. */
  end(): void {
    this.#ended = true;
  }

  /** Called by the database once the commit is durable, or all was read. */
  committed(): void {
    for (const effect of this.#committed) effect();
  }

  async #ask<Row extends pg.QueryResultRow>(query: pg.QueryConfig): Promise<pg.QueryResult<Row>> {
    const client = this.#open();
    this.#unsettled += 1;
    const result = await client.query<Row>(query);
    this.#unsettled -= 1;
    return result;
  }

  /** The connection. Another tenant's statements may run on it once this transaction has ended. */
  #open(): pg.PoolClient {
    if (this.#ended) throw new TypeError('a statement in a transaction that has ended');
    return this.#client;
  }
}
