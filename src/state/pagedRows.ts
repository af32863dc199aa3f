/** Rows of a long list, held only around what is visible. Pages are of `pageSize` rows. */
export interface PagedRows<Row> {
  /** Rows that match the query; null while the first answer is under way. */
  readonly total: number | null;
  readonly pages: Readonly<Record<number, readonly Row[]>>;
  /** True when the rows belong to an older revision of the index and are being asked again. */
  readonly outdated: boolean;
}

export const pageSize = 100;
/** Pages kept around the visible ones. */
const keptPages = 24;

export const noRows: PagedRows<never> = { total: null, pages: {}, outdated: false };

/** A stretch of a query's rows, loaded or not. */
export interface RowRange {
  readonly offset: number;
  readonly limit: number;
}

export const everyRow: RowRange = { offset: 0, limit: Infinity };

/** The rows between two positions, both included, whichever comes first. */
export function rangeOf(from: number, to: number): RowRange {
  return { offset: Math.min(from, to), limit: Math.abs(to - from) + 1 };
}

/** The row at a position, or undefined while it is not loaded. */
export function rowAt<Row>(rows: PagedRows<Row>, position: number): Row | undefined {
  return rows.pages[Math.floor(position / pageSize)]?.[position % pageSize];
}

/** Numbers of the pages that cover rows [first, last] and are not held. */
export function missingPages<Row>(rows: PagedRows<Row>, first: number, last: number): number[] {
  // An outdated total says nothing about how many rows there are now.
  const end = rows.total === null || rows.outdated ? last : Math.min(last, rows.total - 1);
  const missing: number[] = [];
  for (let page = Math.floor(Math.max(0, first) / pageSize); page * pageSize <= end; page++) {
    if (rows.outdated || !rows.pages[page]) missing.push(page);
  }
  return missing;
}

/** Adds a loaded page, lets go of the farthest ones, and drops the rest when the list has changed since. */
export function withPage<Row>(
  rows: PagedRows<Row>,
  page: number,
  loaded: readonly Row[],
  total: number,
): PagedRows<Row> {
  const pages: Record<number, readonly Row[]> = {};
  const near = Object.entries(rows.outdated ? {} : rows.pages)
    .map(([number, held]) => [Number(number), held] as const)
    .sort((a, b) => Math.abs(a[0] - page) - Math.abs(b[0] - page))
    .slice(0, keptPages - 1);
  for (const [number, held] of near) pages[number] = held;
  pages[page] = loaded;
  return { total, pages, outdated: false };
}
