import type { EntityManager, ObjectLiteral, QueryRunner } from 'typeorm';
import type { SqlQuery } from './sql-query.js';

/** An open transaction. Good only inside the function it was given to. */
export class Transaction {
  readonly #committed: (() => void)[] = [];

  constructor(
    private readonly runner: QueryRunner,
    /** Whose rows the transaction sees; undefined for the system role. */
    readonly tenantId: string | undefined,
  ) {}

  get manager(): EntityManager {
    return this.runner.manager;
  }

  /** Runs one statement and gives its rows. */
  async query<Row extends ObjectLiteral>(text: string, params: readonly unknown[] = []): Promise<Row[]> {
    const result = (await this.runner.query(text, [...params], true)) as { records?: Row[] };
    return result.records ?? [];
  }

  /** Runs a built statement. */
  run<Row extends ObjectLiteral>(query: SqlQuery): Promise<Row[]> {
    return this.query<Row>(query.text, query.params);
  }

  /** Rows that an INSERT, UPDATE or DELETE touched. */
  async execute(text: string, params: readonly unknown[] = []): Promise<number> {
    const result = (await this.runner.query(text, [...params], true)) as { affected?: number };
    return result.affected ?? 0;
  }

  /** Runs `effect` after the commit, and not at all when the transaction fails. */
  afterCommit(effect: () => void): void {
    this.#committed.push(effect);
  }

  /** Called by the database once the commit is durable. */
  committed(): void {
    for (const effect of this.#committed) effect();
  }
}
