import type { JsonValue } from '../../core/json.ts';
import { loadSqlite, SqlDatabase, type SqlCell } from './engine.ts';

/** Reads a database made from a dump; owned by who opened it. */
export interface SqlSession {
  readonly run: (
    sql: string,
  ) => { readonly rows: readonly (readonly JsonValue[])[] } | { readonly error: string };
  close(): void;
}

const plain = (cell: SqlCell): JsonValue => (typeof cell === 'bigint' ? String(cell) : cell);

/** Loads SQLite once; what it gives opens dumps without waiting. */
export async function sqlSessions(): Promise<(dump: string) => SqlSession> {
  const sqlite = await loadSqlite();
  return (dump) => {
    const database = new SqlDatabase(sqlite, null);
    database.load(dump);
    return {
      run: (sql) => {
        const made = database.query(sql);
        return made.ok ? { rows: made.result.rows.map((row) => row.map(plain)) } : { error: made.reason };
      },
      close: () => database.close(),
    };
  };
}
