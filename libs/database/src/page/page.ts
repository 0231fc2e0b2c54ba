import type { SqlQuery } from '../sql-query.js';

export interface Page<Row> {
  readonly rows: Row[];
  /** The sort key to continue after; absent on the last page. */
  readonly after?: readonly string[];
}

/** What runs the statements: an open transaction of the tenant. */
export interface StatementRunner {
  run<Row extends object>(query: SqlQuery): Promise<Row[]>;
}
