import type { SqlCell } from './engine.ts';

export type RowComparison = 'equal' | 'equal-in-another-order' | 'prefix' | 'different';

/** Environments that show a page of rows say so nowhere; from this many rows on, a part counts as a page. */
const leastPage = 10;

type Rows = readonly (readonly SqlCell[])[];

/**
 * Compares two results cell by cell: numbers by value (six significant digits where one side was rounded), text
 * without outer space, NULL equal to empty text. `prefix`: the second is cut (or a page of rows) and all of its
 * rows are among the first's.
 */
export function compareRows(rows: Rows, observed: Rows, observedIsCut: boolean): RowComparison {
  if (observed.length < rows.length && (observedIsCut || observed.length >= leastPage)) {
    return holdsAll(rows, observed) ? 'prefix' : 'different';
  }
  if (rows.length !== observed.length) return 'different';
  if (observed.every((row, index) => sameRow(rows[index]!, row))) return 'equal';
  const left = rows.map(rowKey).sort();
  const right = observed.map(rowKey).sort();
  return left.every((key, index) => key === right[index]) ? 'equal-in-another-order' : 'different';
}

/** True when the rows hold all observed ones, each as often as it was observed. */
function holdsAll(rows: Rows, observed: Rows): boolean {
  const left = new Map<string, number>();
  for (const row of rows) left.set(rowKey(row), (left.get(rowKey(row)) ?? 0) + 1);
  return observed.every((row) => {
    const count = left.get(rowKey(row)) ?? 0;
    left.set(rowKey(row), count - 1);
    return count > 0;
  });
}

function sameRow(a: readonly SqlCell[], b: readonly SqlCell[]): boolean {
  return a.length === b.length && a.every((cell, index) => sameCell(cell, b[index] ?? null));
}

function sameCell(a: SqlCell, b: SqlCell): boolean {
  const left = numeric(a);
  const right = numeric(b);
  if (left !== null && right !== null) {
    return Math.abs(left - right) <= 1e-4 * Math.max(1e-3, Math.abs(left), Math.abs(right));
  }
  return textKey(a) === textKey(b);
}

function numeric(cell: SqlCell): number | null {
  if (typeof cell === 'number') return cell;
  if (typeof cell === 'bigint') return Number(cell);
  if (cell === null || cell.trim() === '') return null;
  const value = Number(cell);
  return Number.isFinite(value) ? value : null;
}

function textKey(cell: SqlCell): string {
  return cell === null ? '' : String(cell).trim();
}

function rowKey(row: readonly SqlCell[]): string {
  return row
    .map((cell) => {
      const value = numeric(cell);
      return value === null ? textKey(cell) : String(Number(value.toPrecision(4)));
    })
    .join('\u0001');
}
