import { identifier, SqlScanner, stringLiteral, type SqlDialect, type SqlToken } from './sqlTokens.ts';

/** One statement of a dump, already in SQLite's dialect, and the database it belongs to. */
export interface DumpStatement {
  readonly database: string;
  readonly sql: string;
}

export interface DumpIssue {
  readonly offset: number;
  readonly message: string;
}

const maxRowsPerInsert = 500;

/** The dialect a dump is written in, from what only that dialect writes. */
export function detectDumpDialect(text: string): SqlDialect {
  const head = text.slice(0, 200_000);
  if (/ENGINE\s*=|AUTO_INCREMENT|-- MySQL dump|LOCK TABLES `|\/\*!\d{5}/.test(head)) return 'mysql';
  if (/PostgreSQL database dump|^COPY .* FROM stdin;|pg_catalog|character varying|::[a-z]/m.test(head))
    return 'postgresql';
  return /^\s*(?:CREATE|INSERT)[^;]*`/m.test(head) && !/PRAGMA foreign_keys|BEGIN TRANSACTION/.test(head)
    ? 'mysql'
    : 'sqlite';
}

/**
 * Reads CREATE TABLE, INSERT, COPY, USE and CREATE DATABASE of a dump and gives them in SQLite's dialect;
 * every other statement (users, grants, triggers, settings) is left out, so a dump can do nothing but fill tables.
 * @param defaultName database of statements before any USE
 */
export function* readDump(
  text: string,
  dialect: SqlDialect,
  defaultName: string,
  report: (issue: DumpIssue) => void,
): Generator<DumpStatement> {
  const scanner = new SqlScanner(text, dialect);
  let database = defaultName;
  for (;;) {
    const start = scanner.position;
    const statement = nextStatement(scanner);
    if (statement === null) return;
    const word = (index: number): string =>
      statement[index]?.kind === 'word' ? statement[index].raw.toUpperCase() : '';
    try {
      if (word(0) === 'USE' && statement[1]) database = statement[1].value;
      else if (word(0) === 'CREATE' && (word(1) === 'TABLE' || word(2) === 'TABLE')) {
        const sql = createTable(statement, dialect);
        if (sql !== null) yield { database, sql };
      } else if (word(0) === 'INSERT' || word(0) === 'REPLACE') {
        for (const sql of inserts(statement)) yield { database, sql };
      } else if (word(0) === 'COPY' && dialect === 'postgresql') {
        for (const sql of copyRows(text, scanner, statement)) yield { database, sql };
      }
    } catch (error) {
      report({ offset: start, message: error instanceof Error ? error.message : String(error) });
    }
  }
}

/** The significant tokens up to the next semicolon; null at the end. MySQL's conditional comments are skipped. */
function nextStatement(scanner: SqlScanner): SqlToken[] | null {
  const tokens: SqlToken[] = [];
  for (let token = scanner.next(); token !== null; token = scanner.next()) {
    if (token.kind === 'space' || token.kind === 'comment') continue;
    if (token.kind === 'symbol' && token.raw === ';') {
      if (tokens.length > 0) return tokens;
      continue;
    }
    tokens.push(token);
  }
  return tokens.length > 0 ? tokens : null;
}

function isWord(token: SqlToken | undefined, ...words: readonly string[]): boolean {
  return token?.kind === 'word' && words.includes(token.raw.toUpperCase());
}

function isSymbol(token: SqlToken | undefined, symbol: string): boolean {
  return token?.kind === 'symbol' && token.raw === symbol;
}

/** Name after optional `schema.` parts, and the index behind it. */
function readName(tokens: readonly SqlToken[], start: number): [string, number] {
  let at = start;
  while (isSymbol(tokens[at + 1], '.')) at += 2;
  return [tokens[at]?.value ?? '', at + 1];
}

function createTable(tokens: readonly SqlToken[], dialect: SqlDialect): string | null {
  let at = tokens.findIndex((token) => isWord(token, 'TABLE')) + 1;
  if (isWord(tokens[at], 'IF')) at += 3;
  const [name, after] = readName(tokens, at);
  if (!isSymbol(tokens[after], '(') || name === '') return null;
  const columns: string[] = [];
  const constraints: string[] = [];
  for (const part of splitList(tokens, after)) {
    const constraint = tableConstraint(part);
    if (constraint !== null) {
      if (constraint !== '') constraints.push(constraint);
    } else if (part.length > 0) columns.push(columnDefinition(part, dialect));
  }
  if (columns.length === 0) return null;
  return `CREATE TABLE IF NOT EXISTS ${identifier(name)} (${[...columns, ...constraints].join(', ')})`;
}

/** The comma-separated parts inside the parenthesis that opens at `open`. */
function splitList(tokens: readonly SqlToken[], open: number): SqlToken[][] {
  const parts: SqlToken[][] = [];
  let part: SqlToken[] = [];
  let depth = 1;
  for (let at = open + 1; at < tokens.length; at++) {
    const token = tokens[at]!;
    if (isSymbol(token, '(')) depth++;
    else if (isSymbol(token, ')') && --depth === 0) break;
    if (depth === 1 && isSymbol(token, ',')) {
      parts.push(part);
      part = [];
    } else part.push(token);
  }
  parts.push(part);
  return parts;
}

/** SQLite form of a table constraint, '' for one that is left out, null when the part is a column. */
function tableConstraint(part: readonly SqlToken[]): string | null {
  let at = 0;
  if (isWord(part[0], 'CONSTRAINT')) at = isWord(part[1], 'PRIMARY', 'FOREIGN', 'UNIQUE', 'CHECK') ? 1 : 2;
  if (isWord(part[at], 'PRIMARY') && isWord(part[at + 1], 'KEY')) {
    const open = part.findIndex((token) => isSymbol(token, '('));
    return open < 0 ? '' : `PRIMARY KEY (${columnNames(part, open)})`;
  }
  if (isWord(part[at], 'FOREIGN')) {
    const open = part.findIndex((token) => isSymbol(token, '('));
    const references = part.findIndex((token) => isWord(token, 'REFERENCES'));
    if (open < 0 || references < 0) return '';
    const [table, next] = readName(part, references + 1);
    const target = isSymbol(part[next], '(') ? ` (${columnNames(part, next)})` : '';
    return `FOREIGN KEY (${columnNames(part, open)}) REFERENCES ${identifier(table)}${target}`;
  }
  if (at > 0) return '';
  const isKey = isWord(part[0], 'KEY', 'INDEX', 'UNIQUE', 'FULLTEXT', 'SPATIAL', 'CHECK', 'EXCLUDE', 'LIKE');
  // A column may be called `key` or `index`: a constraint names its columns in parentheses.
  return isKey && part.some((token) => isSymbol(token, '(')) && !isTypeWord(part[1]) ? '' : null;
}

function isTypeWord(token: SqlToken | undefined): boolean {
  return (
    token?.kind === 'word' &&
    /^(?:INT|INTEGER|TEXT|VARCHAR|CHAR|REAL|DOUBLE|DATE|BIGINT|FLOAT)$/i.test(token.raw)
  );
}

function columnNames(part: readonly SqlToken[], open: number): string {
  return splitList(part, open)
    .filter((item) => item.length > 0)
    .map((item) => identifier(item[0]!.value))
    .join(', ');
}

function columnDefinition(part: readonly SqlToken[], dialect: SqlDialect): string {
  const name = part[0]!.value;
  const type = part[1]?.kind === 'word' ? part[1].raw : '';
  const pieces = [identifier(name), affinity(type)];
  // MySQL compares text without case by default (the `_ci` collations).
  const words = part.map((token) => (token.kind === 'word' ? token.raw.toUpperCase() : ''));
  const isBinary = words.some((word) => word === 'BINARY' || word.endsWith('_BIN'));
  if (dialect === 'mysql' && affinity(type) === 'TEXT' && !isBinary) pieces.push('COLLATE NOCASE');
  const primary = words.indexOf('PRIMARY');
  if (primary > 0) pieces.push('PRIMARY KEY');
  return pieces.join(' ');
}

/** SQLite affinity of a column type of any dialect; every name chosen here keeps values as they were dumped. */
function affinity(type: string): string {
  const upper = type.toUpperCase();
  if (
    /^(?:TINYINT|SMALLINT|MEDIUMINT|INT|INTEGER|BIGINT|INT2|INT4|INT8|SERIAL|BIGSERIAL|YEAR|BIT|BOOL|BOOLEAN)$/.test(
      upper,
    )
  ) {
    return 'INTEGER';
  }
  if (/^(?:FLOAT|DOUBLE|REAL|FLOAT4|FLOAT8)$/.test(upper)) return 'REAL';
  if (/^(?:DECIMAL|NUMERIC|DEC|FIXED|MONEY|NUMBER)$/.test(upper)) return 'NUMERIC';
  if (/BLOB|^BINARY|^VARBINARY|^BYTEA/.test(upper)) return 'BLOB';
  return 'TEXT';
}

function* inserts(tokens: readonly SqlToken[]): Generator<string> {
  let at = 1;
  while (isWord(tokens[at], 'IGNORE', 'LOW_PRIORITY', 'DELAYED', 'INTO', 'OR', 'REPLACE')) at++;
  const [name, after] = readName(tokens, at);
  at = after;
  let columns = '';
  if (isSymbol(tokens[at], '(')) {
    const items = splitList(tokens, at).filter((item) => item.length > 0);
    columns = ` (${items.map((item) => identifier(item[0]!.value)).join(', ')})`;
    while (at < tokens.length && !isWord(tokens[at], 'VALUES', 'VALUE')) at++;
  }
  if (isWord(tokens[at], 'OVERRIDING')) at += 3;
  if (!isWord(tokens[at], 'VALUES', 'VALUE'))
    throw new Error(`INSERT into ${name} without VALUES is left out`);
  const head = `INSERT OR REPLACE INTO ${identifier(name)}${columns} VALUES `;
  let rows: string[] = [];
  at++;
  while (isSymbol(tokens[at], '(')) {
    const cells: string[] = [];
    let depth = 1;
    let cell: SqlToken[] = [];
    for (at++; at < tokens.length && depth > 0; at++) {
      const token = tokens[at]!;
      if (isSymbol(token, '(')) depth++;
      else if (isSymbol(token, ')') && --depth === 0) break;
      if (depth === 1 && isSymbol(token, ',')) {
        cells.push(value(cell));
        cell = [];
      } else cell.push(token);
    }
    cells.push(value(cell));
    rows.push(`(${cells.join(',')})`);
    at++;
    if (isSymbol(tokens[at], ',')) at++;
    if (rows.length === maxRowsPerInsert) {
      yield head + rows.join(',');
      rows = [];
    }
  }
  if (rows.length > 0) yield head + rows.join(',');
}

/** A literal of a dump as an SQLite literal; anything that is not a plain literal becomes NULL. */
function value(tokens: readonly SqlToken[]): string {
  const meaningful = tokens.filter((token) => !(token.kind === 'word' && /^_[a-z0-9]+$/i.test(token.raw)));
  const first = meaningful[0];
  if (!first) return 'NULL';
  if (first.kind === 'string') {
    const prefix = first.raw[0]!.toLowerCase();
    if (prefix === 'x') return /^[0-9a-f]*$/i.test(first.value) ? `x'${first.value}'` : 'NULL';
    if (prefix === 'b') return /^[01]{1,52}$/.test(first.value) ? String(parseInt(first.value, 2)) : 'NULL';
    return stringLiteral(first.value);
  }
  if (first.kind === 'number') return numberLiteral(first.raw, '');
  if (isSymbol(first, '-') || isSymbol(first, '+')) {
    return meaningful[1]?.kind === 'number' ? numberLiteral(meaningful[1].raw, first.raw) : 'NULL';
  }
  if (isWord(first, 'TRUE')) return '1';
  if (isWord(first, 'FALSE')) return '0';
  if (isWord(first, 'CAST') || isSymbol(first, '(')) {
    const inner = meaningful.find((token) => token.kind === 'string' || token.kind === 'number');
    return inner ? value([inner]) : 'NULL';
  }
  return 'NULL';
}

function numberLiteral(raw: string, sign: string): string {
  if (/^0x[0-9a-f]+$/i.test(raw)) return `x'${raw.length % 2 ? '0' : ''}${raw.slice(2)}'`;
  return /^(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(raw) ? sign + raw : 'NULL';
}

/** Rows of `COPY t (a, b) FROM stdin;`: tab-separated lines up to `\.`. */
function* copyRows(text: string, scanner: SqlScanner, tokens: readonly SqlToken[]): Generator<string> {
  const [name, after] = readName(tokens, 1);
  const names = isSymbol(tokens[after], '(')
    ? splitList(tokens, after)
        .filter((item) => item.length > 0)
        .map((item) => identifier(item[0]!.value))
    : [];
  let at = text.indexOf('\n', scanner.position) + 1;
  if (at === 0) return;
  const head = `INSERT INTO ${identifier(name)}${names.length ? ` (${names.join(', ')})` : ''} VALUES `;
  let rows: string[] = [];
  while (at < text.length) {
    let end = text.indexOf('\n', at);
    if (end < 0) end = text.length;
    const line = text.slice(at, end).replace(/\r$/, '');
    at = end + 1;
    if (line === '\\.') break;
    rows.push(`(${line.split('\t').map(copyValue).join(',')})`);
    if (rows.length === maxRowsPerInsert) {
      yield head + rows.join(',');
      rows = [];
    }
  }
  scanner.moveTo(Math.min(at, text.length));
  if (rows.length > 0) yield head + rows.join(',');
}

function copyValue(field: string): string {
  if (field === '\\N') return 'NULL';
  if (!field.includes('\\')) return stringLiteral(field);
  const plain = field.replace(/\\(.)/g, (_, char: string) =>
    char === 't' ? '\t' : char === 'n' ? '\n' : char === 'r' ? '\r' : char,
  );
  return stringLiteral(plain);
}
