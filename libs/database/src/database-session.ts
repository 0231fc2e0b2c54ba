import type pg from 'pg';
import type { DataSource } from 'typeorm';
import { translatePgError } from './pg-errors.js';

/** One connection held by one owner: prepared statements by name, session-level locks, notifications. */
export class DatabaseSession {
  #lost = false;

  private constructor(private readonly client: pg.PoolClient) {
    client.on('error', this.#onError);
  }

  static async open(dataSource: DataSource): Promise<DatabaseSession> {
    const pool = (dataSource.driver as unknown as { master: pg.Pool }).master;
    try {
      return new DatabaseSession(await pool.connect());
    } catch (error) {
      throw translatePgError(error);
    }
  }

  /** True once the connection broke; such a session is closed and replaced. */
  get lost(): boolean {
    return this.#lost;
  }

  /** Runs a statement that is parsed once a session under `name`. */
  async prepared<Row extends pg.QueryResultRow>(
    name: string,
    text: string,
    values: readonly unknown[],
  ): Promise<Row[]> {
    try {
      return (await this.client.query<Row>({ name, text, values: [...values] })).rows;
    } catch (error) {
      throw translatePgError(error);
    }
  }

  /** Gives the connection up. It is never reused: whatever it held (locks) ends with it. */
  close(): void {
    this.client.off('error', this.#onError);
    this.client.on('error', () => undefined);
    this.client.release(true);
  }

  readonly #onError = (): void => {
    this.#lost = true;
  };
}
