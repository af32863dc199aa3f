import type { CatalogDatabase, DatabaseCatalog } from './catalog.ts';
import { significantTokens } from './sqlTokens.ts';

export interface DatabaseMatch {
  /** Databases that fit, best first; equal fits in name order. */
  readonly candidates: readonly CatalogDatabase[];
  /** How the choice was made, in words. */
  readonly reason: string;
}

/** The table's own name: the last part of `db.schema.table`. */
export function bareTable(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1).toLowerCase();
}

/**
 * The databases a run can have used: the one the log names, else those that have every table its queries name,
 * ordered by how many of the other names in its queries are columns of those tables.
 */
export function matchDatabase(
  catalog: DatabaseCatalog,
  named: string | null,
  tables: readonly string[],
  queries: readonly string[],
): DatabaseMatch {
  const wanted = [...new Set(tables.map(bareTable))];
  const hasAll = (database: CatalogDatabase): boolean => wanted.every((table) => database.tables.has(table));
  if (named !== null) {
    const byName = catalog.databases.filter(
      (database) => database.name.toLowerCase() === named.toLowerCase(),
    );
    const fitting = byName.filter(hasAll);
    if (fitting.length > 0) return { candidates: fitting, reason: `the log names the database ${named}` };
  }
  if (wanted.length === 0) return { candidates: [], reason: 'the queries name no table' };
  const fitting = catalog.databases.filter(hasAll);
  if (fitting.length === 0)
    return { candidates: [], reason: `no given database has the tables ${wanted.slice(0, 6).join(', ')}` };
  const names = new Set(queries.flatMap((sql) => namesIn(sql)));
  const scored = fitting
    .map((database) => ({ database, score: columnHits(database, wanted, names) }))
    .sort((a, b) => b.score - a.score);
  const best = scored[0]!.score;
  const candidates = scored.filter((item) => item.score === best).map((item) => item.database);
  return {
    candidates,
    reason: `matched by the tables ${wanted.slice(0, 6).join(', ')} and ${best} column names`,
  };
}

function namesIn(sql: string): string[] {
  return significantTokens(sql.slice(0, 100_000), 'mysql')
    .filter((token) => token.kind === 'word' || token.kind === 'quoted')
    .map((token) => token.value.toLowerCase());
}

function columnHits(
  database: CatalogDatabase,
  tables: readonly string[],
  names: ReadonlySet<string>,
): number {
  const columns = new Set(
    tables.flatMap((table) =>
      (database.tables.get(table)?.columns ?? []).map((column) => column.name.toLowerCase()),
    ),
  );
  let hits = 0;
  for (const column of columns) if (names.has(column)) hits++;
  return hits;
}
