import { chartCsv } from './exportData.ts';
import type { ChartSnapshot } from './chartHost.ts';
import { lightPaint } from './palette.ts';
import { svgDocument } from './paintSvg.ts';

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => entities[sign] ?? sign);
}

export interface ReportTable {
  readonly caption: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Ids inside pictures of one page must differ. */
function withOwnIds(svg: string, index: number): string {
  return svg.replaceAll('chart-hatch', `chart-hatch-${index}`);
}

/**
 * A page of its own: notes, tables, charts as SVG with their numbers as CSV. Makes no request and runs no script;
 * all text is escaped.
 */
export function reportHtml(
  title: string,
  notes: string,
  tables: readonly ReportTable[],
  charts: readonly ChartSnapshot[],
  madeWith: string,
): string {
  const figures = charts.map(
    ({ geometry, footer }, index) =>
      `<figure>\n${withOwnIds(svgDocument(geometry, lightPaint, footer), index)}\n<details><summary>Values as CSV</summary><pre>${escapeHtml(chartCsv(geometry.table))}</pre></details></figure>`,
  );
  const tableHtml = tables.map(
    ({ caption, columns, rows }) =>
      `<table><caption>${escapeHtml(caption)}</caption><thead><tr>${columns.map((column) => `<th scope="col">${escapeHtml(column)}</th>`).join('')}</tr></thead><tbody>${rows
        .map((row) => `<tr>${row.map((value) => `<td>${escapeHtml(value)}</td>`).join('')}</tr>`)
        .join('\n')}</tbody></table>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 ${lightPaint.fontFamily}; color: ${lightPaint.ink}; }
figure { display: inline-block; margin: 1rem 1rem 1rem 0; max-width: 100%; vertical-align: top; break-inside: avoid; }
svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-size: 0.9rem; }
caption { text-align: start; font-weight: 600; }
th, td { padding: 0.2rem 0.8rem 0.2rem 0; border-bottom: 1px solid ${lightPaint.grid}; text-align: start; vertical-align: top; }
.notes { white-space: pre-wrap; }
pre { max-height: 20rem; overflow: auto; font-size: 0.8rem; }
@media print {
  html { font-size: 11.5px; }
  body { margin: 0; padding: 0; font-size: 1rem; }
  h1 { margin: 0 0 0.5rem; font-size: 18px; }
  table { margin: 0.5rem 0; }
  td, th { padding-block: 0.1rem; }
  figure { margin: 0.5rem 0.5rem 0 0; }
  details:not([open]) { display: none; }
}
footer { color: ${lightPaint.inkFaint}; font-size: 0.85rem; }
</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
${notes.trim() === '' ? '' : `<p class="notes">${escapeHtml(notes)}</p>`}
${tableHtml.join('\n')}
${figures.join('\n')}
<footer>${escapeHtml(madeWith)}</footer>
</body>
</html>
`;
}

/** The same as data. */
export function reportJson(
  notes: string,
  tables: readonly ReportTable[],
  charts: readonly ChartSnapshot[],
): string {
  return `${JSON.stringify(
    {
      notes,
      tables,
      charts: charts.map(({ geometry: { name, title, subtitle, table, notes: beside }, footer }) => ({ chart: name, title, subtitle, notes: beside ?? [], madeFrom: footer, ...table })), // prettier-ignore
    },
    null,
    2,
  )}\n`;
}
