import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { SqlCell } from './engine.ts';

/** Rows read from what a tool printed. `isCut`: the text says that rows were left out. */
export interface ObservedRows {
  readonly rows: readonly (readonly SqlCell[])[];
  readonly form: 'tuples' | 'table' | 'json' | 'csv' | 'value';
  readonly isCut: boolean;
}

const cutMarks = /\.\.\.|…|truncated|more rows|rows? (?:omitted|not shown)/i;

/**
 * Reads the rows of a printed query result: Python tuples (also glued together), JSON rows, ` | ` or box tables,
 * CSV, a number alone. Null when the text is none of these (an error, prose) or can be read in two ways.
 */
export function readObservedRows(text: string): ObservedRows | null {
  const trimmed = text.trim();
  if (trimmed === '') return null;
  if (trimmed === '[]' || trimmed === '()') return { rows: [], form: 'tuples', isCut: false };
  if (/empty result set|no rows|\b0 rows|empty set/i.test(trimmed) && trimmed.length < 120) {
    return { rows: [], form: 'table', isCut: false };
  }
  return (
    readTuples(trimmed) ??
    readJsonRows(trimmed) ??
    readPipeTable(trimmed) ??
    readCsv(trimmed) ??
    readNumber(trimmed)
  );
}

/** `[('a', 1), …]`, `('a', 1)('b', 2)`, values being str, bytes, numbers, None, True, Decimal(…), datetime.date(…). */
function readTuples(text: string): ObservedRows | null {
  if (!/^\[?\s*[([]/.test(text)) return null;
  const reader = new TupleReader(text);
  const rows = reader.rows();
  if (rows === null) return null;
  return { rows, form: 'tuples', isCut: reader.wasCut };
}

class TupleReader {
  wasCut = false;
  private at = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  rows(): SqlCell[][] | null {
    const { text } = this;
    const rows: SqlCell[][] = [];
    if (text[0] === '[' && /[([]/.test(text.slice(1).trimStart()[0] ?? '')) this.at = 1;
    for (;;) {
      this.skip(', \n\r\t');
      const char = text[this.at];
      if (char === undefined || char === ']') return rows;
      if (char !== '(' && char !== '[') {
        this.wasCut = cutMarks.test(text.slice(this.at));
        return this.wasCut && rows.length > 0 ? rows : null;
      }
      const row = this.row(char === '(' ? ')' : ']');
      if (row === null) {
        // The text ends inside a row: the tool cut it.
        this.wasCut = this.at >= text.length || cutMarks.test(text.slice(-80));
        return this.wasCut && rows.length > 0 ? rows : null;
      }
      rows.push(row);
    }
  }

  private skip(chars: string): void {
    while (this.at < this.text.length && chars.includes(this.text[this.at]!)) this.at++;
  }

  private row(close: string): SqlCell[] | null {
    const cells: SqlCell[] = [];
    this.at++;
    for (;;) {
      this.skip(', \n\r\t');
      if (this.at >= this.text.length) return null;
      if (this.text[this.at] === close) {
        this.at++;
        return cells;
      }
      const cell = this.cell();
      if (cell === undefined) return null;
      cells.push(cell);
    }
  }

  private cell(): SqlCell | undefined {
    const { text } = this;
    const char = text[this.at]!;
    if (char === "'" || char === '"') return this.quoted(char);
    if ((char === 'b' || char === 'u') && /['"]/.test(text[this.at + 1] ?? '')) {
      this.at++;
      return this.quoted(text[this.at]!);
    }
    const word = /^[A-Za-z_.]+/.exec(text.slice(this.at, this.at + 40))?.[0];
    if (word !== undefined && text[this.at + word.length] === '(') return this.call(word);
    const end = this.endOfBare();
    const bare = text.slice(this.at, end).trim();
    this.at = end;
    if (bare === 'None' || bare === 'null' || bare === 'NULL') return null;
    if (bare === 'True' || bare === 'true') return 1;
    if (bare === 'False' || bare === 'false') return 0;
    return bare !== '' && Number.isFinite(Number(bare)) ? Number(bare) : undefined;
  }

  private endOfBare(): number {
    let end = this.at;
    while (end < this.text.length && !',)]'.includes(this.text[end]!)) end++;
    return end;
  }

  private quoted(quote: string): string | undefined {
    const { text } = this;
    let value = '';
    for (this.at++; this.at < text.length; this.at++) {
      const char = text[this.at]!;
      if (char === quote) {
        this.at++;
        return value;
      }
      if (char === '\\') {
        const next = text[++this.at] ?? '';
        if (next === 'x' || next === 'u') {
          const length = next === 'x' ? 2 : 4;
          const code = parseInt(text.slice(this.at + 1, this.at + 1 + length), 16);
          if (Number.isNaN(code)) return undefined;
          value += String.fromCharCode(code);
          this.at += length;
        } else value += next === 'n' ? '\n' : next === 't' ? '\t' : next === 'r' ? '\r' : next;
      } else value += char;
    }
    return undefined;
  }

  /** `Decimal('1.5')`, `datetime.date(2020, 1, 2)`, `datetime.datetime(2020, 1, 2, 3, 4)`. */
  private call(name: string): SqlCell | undefined {
    const open = this.at + name.length;
    const end = this.text.indexOf(')', open);
    if (end < 0) return undefined;
    const inside = this.text.slice(open + 1, end);
    this.at = end + 1;
    if (/Decimal$/.test(name)) return Number(inside.replace(/['"]/g, ''));
    const parts = inside.split(',').map((part) => Number(part.trim()));
    if (parts.some((part) => !Number.isFinite(part))) return inside;
    const two = (value: number | undefined): string => String(value ?? 0).padStart(2, '0');
    if (/time$/.test(name) && parts.length >= 3) {
      return `${parts[0]}-${two(parts[1])}-${two(parts[2])} ${two(parts[3])}:${two(parts[4])}:${two(parts[5])}`;
    }
    if (/date$/.test(name)) return `${parts[0]}-${two(parts[1])}-${two(parts[2])}`;
    return inside;
  }
}

function readJsonRows(text: string): ObservedRows | null {
  if (text[0] !== '[' && text[0] !== '{') return null;
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    return null;
  }
  const holders: JsonObject[] = [];
  while (isObject(value)) {
    holders.push(value);
    value = rowsIn(value);
  }
  if (!Array.isArray(value)) return null;
  const names = columnNames(holders.at(-1));
  const rows: SqlCell[][] = [];
  for (const item of value) {
    if (typeof item !== 'object' || item === null) return null;
    rows.push((Array.isArray(item) ? item : valuesOf(item, names)).map(jsonCell));
  }
  return { rows, form: 'json', isCut: holders.some((holder) => saysCut(holder, rows.length)) };
}

const rowKeys = ['rows', 'data', 'result', 'results', 'records'];
const keysBesideRows = /^(?:columns?|fields|schema|warnings|errors|messages|notices)$/i;

/** What holds the rows of a result object: the value of a usual key, else its only list of objects or lists. */
function rowsIn(holder: JsonObject): JsonValue {
  const key =
    rowKeys.find((name) => Array.isArray(holder[name])) ?? rowKeys.find((name) => isObject(holder[name]));
  if (key !== undefined) return holder[key]!;
  const lists = Object.entries(holder).filter(
    ([name, value]) => !keysBesideRows.test(name) && isListOfRows(value),
  );
  return lists.length === 1 ? lists[0]![1] : null;
}

function isListOfRows(value: JsonValue): boolean {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item) => typeof item === 'object' && item !== null)
  );
}

function columnNames(holder: JsonObject | undefined): readonly string[] | null {
  const names = holder?.['columns'];
  return Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : null;
}

/** The cells of a row given as an object, in the order of the columns where all of them are in it. */
function valuesOf(row: JsonObject, names: readonly string[] | null): JsonValue[] {
  return names?.every((name) => Object.hasOwn(row, name))
    ? names.map((name) => row[name]!)
    : Object.values(row);
}

function saysCut(holder: JsonObject, rowCount: number): boolean {
  return Object.entries(holder).some(
    ([key, value]) =>
      (value === true && /^(?:is_?)?truncated$|^has_?more$/i.test(key)) ||
      (typeof value === 'number' && value > rowCount && /^(?:row_?count|total_?(?:rows|count))$/i.test(key)),
  );
}

function jsonCell(value: JsonValue): SqlCell {
  if (value === null || typeof value === 'number' || typeof value === 'string') return value;
  return typeof value === 'boolean' ? Number(value) : JSON.stringify(value);
}

/** What clients print below a table: `(2 rows)`, `2 rows in set (0.00 sec)`, `2 rows   3 columns`. */
const footer =
  /^\|?\s*\(?(\d+) rows?(?:\)| in set\b.*| (?:returned|selected|fetched)\b.*|(?:\s+\([^)]*shown\))?\s+\d+ columns?\s*\|?)$/i;
/** A line, or the cells of one, that stand for rows left out. */
const cutLine =
  /^[^\p{L}\p{N}]*(?:\.\.\.|…|·|truncated\b|showing\b.*\brows?\b|\d+ (?:more\b|rows? (?:omitted|not shown)))/iu;

/** `a | b` header, a rule of dashes, then rows; also Markdown, and boxes of `+---+` or of box-drawing marks. */
function readPipeTable(text: string): ObservedRows | null {
  const lines = plainBox(text)
    .split('\n')
    .map((line) => line.trim());
  const isRule = (line: string): boolean =>
    line.length >= 3 && /^[-+|=:\s]+$/.test(line) && line.includes('-');
  const ruleAt = lines.findIndex((line, index) => index > 0 && isRule(line) && !isRule(lines[index - 1]!));
  if (ruleAt < 1) return null;
  const header = lines[ruleAt - 1]!;
  const width = cellsOf(header).length;
  const body = lines.slice(ruleAt + 1);
  const rows: SqlCell[][] = [];
  let isCut = false;
  for (const line of body) {
    if (isRule(line)) continue;
    // In a table of one column a line below the rows has the width of a row: what it says decides first.
    if (line === '' || footer.test(line)) break;
    const cells = cellsOf(line);
    const isOutside = cells.length !== width || (header.startsWith('|') && !line.startsWith('|'));
    if (isOutside) {
      if (!cutMarks.test(line) && !/^\(?\d+ rows?/.test(line)) return null;
      isCut = isCut || cutMarks.test(line);
      break;
    }
    if (cells.every((cell) => cutLine.test(cell))) isCut = true;
    else rows.push(cells.map(plainCell));
  }
  const counted = body.map((line) => footer.exec(line)?.[1]).find((count) => count !== undefined);
  // Fewer than were read: cells with line breaks, which cannot be told from rows.
  if (counted !== undefined && Number(counted) < rows.length) return null;
  return { rows, form: 'table', isCut: isCut || Number(counted ?? 0) > rows.length };
}

/** Boxes drawn with line marks (SQLite, DuckDB) in the marks of `+---+` boxes; other texts as they are. */
function plainBox(text: string): string {
  if (!/^[┌╭╔]/.test(text)) return text;
  return text
    .replace(/[│║]/g, '|')
    .replace(/[─═]/g, '-')
    .replace(/[┌┬┐├┼┤└┴┘╭╮╰╯╔╦╗╠╬╣╚╩╝╞╪╡]/g, '+');
}

function cellsOf(line: string): string[] {
  let inner = line;
  if (inner.startsWith('|')) inner = inner.slice(1);
  if (inner.endsWith('|')) inner = inner.slice(0, -1);
  return inner.split('|').map((cell) => cell.trim());
}

function plainCell(text: string): SqlCell {
  if (text === 'NULL' || text === 'None' || text === 'null' || text === 'NaN') return null;
  return /^-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) && text.length < 17 ? Number(text) : text;
}

/**
 * At least two lines with the same number of commas. The first is the header, unless it has a value in a column of
 * numbers or dates; if it has text in another such column, nobody can say what it is.
 */
function readCsv(text: string): ObservedRows | null {
  const lines = parseCsv(text);
  const width = lines[0]?.length ?? 0;
  if (lines.length < 2 || width < 2 || lines.some((line) => line.length !== width)) return null;
  const [first = [], ...below] = lines.map((line) => line.map(plainCell));
  const overValues = first.filter((_, column) => {
    const cells = below.map((row) => row[column]!).filter((cell) => cell !== null && cell !== '');
    return cells.length > 0 && cells.every(isNoName);
  });
  const values = overValues.filter(isNoName).length;
  if (values > 0 && values < overValues.length) return null;
  return { rows: values > 0 ? [first, ...below] : below, form: 'csv', isCut: false };
}

/** True for numbers, dates and NULL. */
function isNoName(cell: SqlCell): boolean {
  return typeof cell !== 'string' || /^\d{4}-\d\d/.test(cell);
}

/** The number that a query of one cell gives, printed alone. */
function readNumber(text: string): ObservedRows | null {
  const cell = plainCell(text);
  return typeof cell === 'number' ? { rows: [[cell]], form: 'value', isCut: false } : null;
}

/** Rows of comma-separated text with double-quoted cells (RFC 4180). */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  const source = text.replace(/^\ufeff/, '');
  while (at < source.length) {
    let cell = '';
    if (source[at] === '"') {
      at++;
      for (;;) {
        const quote = source.indexOf('"', at);
        if (quote < 0) {
          cell += source.slice(at);
          at = source.length;
          break;
        }
        cell += source.slice(at, quote);
        at = quote + 1;
        if (source[at] !== '"') break;
        cell += '"';
        at++;
      }
    }
    let end = at;
    while (end < source.length && source[end] !== ',' && source[end] !== '\n') end++;
    cell += source.slice(at, end).replace(/\r$/, '');
    row.push(cell);
    at = end + 1;
    if (end >= source.length || source[end] === '\n') {
      rows.push(row);
      row = [];
    } else if (at >= source.length) {
      row.push('');
      rows.push(row);
      row = [];
    }
  }
  if (row.length > 0) rows.push(row);
  return rows;
}
