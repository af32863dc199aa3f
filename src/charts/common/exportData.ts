import type { ChartGeometry, ChartTable } from './geometry.ts';

function csvField(value: string | number | null): string {
  if (value === null) return '';
  const text = String(value);
  // A leading '=', '+', '-' or '@' in text would be run as a formula by spreadsheet programs.
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** The exact values as CSV (RFC 4180, header row). */
export function chartCsv(table: ChartTable): string {
  return [table.columns, ...table.rows].map((row) => row.map(csvField).join(',')).join('\r\n') + '\r\n';
}

/** Values, words and origin as JSON. */
export function chartJson(geometry: ChartGeometry, footer: string): string {
  const { name, title, subtitle, table } = geometry;
  return JSON.stringify({ chart: name, title, subtitle, madeFrom: footer, ...table }, null, 2) + '\n';
}
