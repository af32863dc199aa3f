import type { SqlCell } from './engine.ts';
import { identifier } from './sqlTokens.ts';

export interface TableColumn {
  readonly name: string;
  readonly type: string;
}

/**
 * A cell as text. NULL is the bare word NULL; text that would read as NULL, or holds a separator, a quote or a
 * line break, stands in double quotes (doubled inside), so a rendered table can be read back without loss.
 */
function renderCell(cell: SqlCell): string {
  if (cell === null) return 'NULL';
  if (typeof cell === 'number') return renderNumber(cell);
  if (typeof cell === 'bigint') return String(cell);
  const needsQuotes = cell === 'NULL' || cell === '' || /[",\r\n]/.test(cell) || cell.trim() !== cell;
  return needsQuotes ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** Shortest text that gives the same double; whole numbers without a fraction. */
function renderNumber(value: number): string {
  if (Object.is(value, -0)) return '0';
  return String(value);
}

/** The canonical rendering of a table: a line of column names, then a line a row, cells separated by commas. */
export function renderTable(columns: readonly TableColumn[], rows: Iterable<readonly SqlCell[]>): string {
  const lines = [columns.map((column) => renderCell(column.name)).join(',')];
  for (const row of rows) lines.push(row.map(renderCell).join(','));
  return lines.join('\n');
}

/** Query that reads all of a table in its stored order. */
export function tableQuery(table: string, limit: number): string {
  return `SELECT * FROM ${identifier(table)} LIMIT ${limit}`;
}

/** A query result as an answer: one row a line, cells separated by ` | `; a single value stands alone. */
export function renderResult(rows: readonly (readonly SqlCell[])[]): string {
  return rows.map((row) => row.map(resultCell).join(' | ')).join('\n');
}

function resultCell(cell: SqlCell): string {
  if (cell === null) return 'NULL';
  if (typeof cell === 'number')
    return renderNumber(Math.abs(cell) < 1e15 ? Number(cell.toPrecision(15)) : cell);
  return String(cell).replace(/\s*[\r\n]+\s*/g, ' ');
}
