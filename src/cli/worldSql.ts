import { loadSqlite, SqlDatabase } from '../compile/sql/engine.ts';
import type { JsonValue } from '../core/json.ts';
import type { OpenSql } from '../world/makeWorld.ts';

/** Opens dumps in SQLite for the scripted agents; load once, then synchronous. */
export async function openWorldSql(): Promise<OpenSql> {
  const sqlite = await loadSqlite();
  return (dump) => {
    const database = new SqlDatabase(sqlite, null);
    database.load(dump);
    return {
      run: (sql) => {
        const result = database.query(sql);
        if (!result.ok) return { error: result.reason };
        const plain = (cell: unknown): JsonValue =>
          typeof cell === 'bigint' ? String(cell) : (cell as JsonValue);
        return { rows: result.result.rows.map((row) => row.map(plain)) };
      },
      close: () => database.close(),
    };
  };
}
