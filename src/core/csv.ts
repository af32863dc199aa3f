import type { JsonObject } from './json.ts';

/** Rows of a CSV text (RFC 4180, header row) as objects of text. Quoted cells may hold line breaks. */
export function parseCsv(text: string, separator = ','): JsonObject[] {
  const records: string[][] = [];
  let record: string[] = [];
  let at = text.startsWith('\ufeff') ? 1 : 0;
  while (at < text.length) {
    let cell: string;
    if (text[at] === '"') {
      let value = '';
      at++;
      for (;;) {
        const quote = text.indexOf('"', at);
        if (quote < 0) {
          value += text.slice(at);
          at = text.length;
          break;
        }
        value += text.slice(at, quote);
        at = quote + 1;
        if (text[at] !== '"') break;
        value += '"';
        at++;
      }
      cell = value;
      while (at < text.length && text[at] !== separator && text[at] !== '\n' && text[at] !== '\r') at++;
    } else {
      const start = at;
      while (at < text.length && text[at] !== separator && text[at] !== '\n' && text[at] !== '\r') at++;
      cell = text.slice(start, at);
    }
    record.push(cell);
    if (text[at] === separator) {
      at++;
      if (at === text.length) record.push('');
      continue;
    }
    if (text[at] === '\r') at++;
    if (text[at] === '\n') at++;
    records.push(record);
    record = [];
  }
  if (record.length > 0) records.push(record);
  const [header, ...rows] = records;
  return rows
    .filter((cells) => cells.some((cell) => cell !== ''))
    .map((cells) => Object.fromEntries((header ?? []).map((name, column) => [name, cells[column] ?? ''])));
}
