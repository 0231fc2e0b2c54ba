import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDataSource } from '#database';
import { ENTITIES } from '#platform';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';

interface ColumnRow {
  column_name: string;
  data_type: string;
  is_nullable: 'YES' | 'NO';
}

/** PostgreSQL's long names of the types that entities use. */
const TYPE_NAMES: Record<string, string> = { timestamptz: 'timestamp with time zone' };

describe('the entities', () => {
  let test: TestDatabase;
  let source: ReturnType<typeof createDataSource>;

  beforeAll(async () => {
    test = await createTestDatabase();
    source = createDataSource({ url: test.appUrl, poolSize: 2, applicationName: 't', entities: ENTITIES });
    await source.initialize();
  });

  afterAll(async () => {
    await source.destroy();
    await test.drop();
  });

  it('have exactly the columns that the migrations make', async () => {
    for (const { tableName, columns } of source.entityMetadatas) {
      const rows: ColumnRow[] = await source.query(
        `SELECT column_name, data_type, is_nullable FROM information_schema.columns
          WHERE table_schema = 'public' AND table_name = $1`,
        [tableName],
      );
      const inDatabase = rows.map((row) => `${row.column_name} ${row.data_type} ${row.is_nullable}`).sort();
      const inEntity = columns.map(({ databaseName, type, isArray, isNullable }) => {
        const name = isArray ? 'ARRAY' : (TYPE_NAMES[String(type)] ?? String(type));
        return `${databaseName} ${name} ${isNullable ? 'YES' : 'NO'}`;
      });
      expect({ [tableName]: inEntity.sort() }).toEqual({ [tableName]: inDatabase });
    }
    expect(source.entityMetadatas).toHaveLength(ENTITIES.length);
  });
});
