import pg from 'pg';
import { inject } from 'vitest';

/** Runs `work` with a connection of its own. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The superuser's URL of a test's database: who may do anything to it that a thief of the disk may. */
export const superuserUrl = (appUrl: string): string =>
  new URL(new URL(appUrl).pathname, inject('postgres').adminUrl).href;

/** SQLSTATE of what a statement is refused with; undefined where it is not. */
export const refusalOf = (client: pg.Client, text: string, values?: unknown[]): Promise<string | undefined> =>
  client.query(text, values).then(
    () => undefined,
    (error: { code?: string }) => error.code ?? 'no code',
  );

/** Every row of every table as text; bytes are in hex. */
export async function dumpDatabase(admin: pg.Client): Promise<string> {
  const { rows: tables } = await admin.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
      WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  );
  const parts: string[] = [];
  for (const { name } of tables) {
    const { rows } = await admin.query<{ row: string }>(`SELECT t::text AS row FROM ${name} t`);
    parts.push(...rows.map(({ row }) => row));
  }
  return parts.join('\n');
}
