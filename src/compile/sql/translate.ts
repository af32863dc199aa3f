import { identifier, sqlTokens, stringLiteral, type SqlDialect, type SqlToken } from './sqlTokens.ts';

/** Functions of MySQL and PostgreSQL under another name here. */
const functionNames: Readonly<Record<string, string>> = {
  concat: 'acc_concat',
  left: 'acc_left',
  right: 'acc_right',
  if: 'iif',
  mid: 'substr',
  character_length: 'char_length',
  dayofmonth: 'day',
  date_part: 'date_part',
  ceiling: 'ceil',
  pow: 'power',
};
const castTypes: Readonly<Record<string, string>> = {
  SIGNED: 'INTEGER',
  UNSIGNED: 'INTEGER',
  CHAR: 'TEXT',
  NCHAR: 'TEXT',
  DECIMAL: 'REAL',
  NUMERIC: 'REAL',
  DOUBLE: 'REAL',
};

/**
 * A query of another dialect in SQLite's words, token by token: quoting, string literals, `db.table`, IF, CONCAT,
 * LEFT/RIGHT, CAST types, `::type`, ILIKE, DIV, `<=>`, and MySQL's decimal division. What has no simple
 * counterpart is left as it is; SQLite then refuses it and the run is flagged with its message.
 */
export function translateQuery(sql: string, dialect: SqlDialect, database: string): string {
  const tokens = sqlTokens(sql, dialect).filter((token) => token.kind !== 'comment');
  let out = '';
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at]!;
    const next = nextMeaningful(tokens, at);
    const isName = token.kind === 'word' || token.kind === 'quoted';
    if (
      isName &&
      next?.raw === '.' &&
      token.value.toLowerCase() === database.toLowerCase() &&
      !isAlias(tokens, token.value)
    ) {
      at = tokens.indexOf(next, at);
    } else if (token.kind === 'string') out += stringLiteral(token.value);
    else if (token.kind === 'quoted') out += identifier(token.value);
    else if (token.kind === 'symbol' && token.raw === ';') break;
    else if (dialect !== 'sqlite' && token.kind === 'word') {
      const [text, skip] = translateWord(tokens, at, dialect);
      out += text;
      at += skip;
    } else if (dialect === 'mysql' && token.raw === '/') out += '* 1.0 /';
    else if (dialect === 'mysql' && isComparisonWithNumber(tokens, at)) out += `+ 0 ${token.raw}`;
    else if (dialect === 'mysql' && token.raw === '&' && tokens[at + 1]?.raw === '&') {
      out += ' AND ';
      at++;
    } else if (dialect === 'mysql' && token.raw === '|' && tokens[at + 1]?.raw === '|') {
      out += ' OR ';
      at++;
    } else if (
      dialect === 'mysql' &&
      token.raw === '<' &&
      tokens[at + 1]?.raw === '=' &&
      tokens[at + 2]?.raw === '>'
    ) {
      out += ' IS ';
      at += 2;
    } else if (dialect === 'postgresql' && token.raw === ':' && tokens[at + 1]?.raw === ':') {
      at = endOfCast(tokens, at + 2);
    } else out += token.kind === 'space' ? ' ' : token.raw;
  }
  return out.trim();
}

/** MySQL compares text with a number as numbers, SQLite as text: `horsepower > 150` becomes `horsepower + 0 > 150`. */
function isComparisonWithNumber(tokens: readonly SqlToken[], at: number): boolean {
  const token = tokens[at]!;
  if (token.kind !== 'symbol' || !'<>=!'.includes(token.raw) || '<>=!'.includes(tokens[at - 1]?.raw ?? ' '))
    return false;
  let behind = at;
  while (
    tokens[behind] &&
    (tokens[behind]!.kind === 'space' || '<>='.includes(tokens[behind]!.raw) || behind === at)
  )
    behind++;
  let before = at - 1;
  while (tokens[before]?.kind === 'space') before--;
  const left = tokens[before];
  const isName =
    left?.kind === 'quoted' ||
    (left?.kind === 'word' && !/^(?:WHERE|AND|OR|NOT|ON|HAVING|END)$/i.test(left.raw));
  return isName && tokens[behind]?.kind === 'number';
}

function nextMeaningful(tokens: readonly SqlToken[], at: number): SqlToken | undefined {
  const next = tokens[at + 1];
  return next?.kind === 'space' ? tokens[at + 2] : next;
}

/** True when the name is also given to a table (`FROM singer`, `AS singer`), so `name.` is no database prefix. */
function isAlias(tokens: readonly SqlToken[], name: string): boolean {
  const wanted = name.toLowerCase();
  let previous = '';
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at]!;
    if (token.kind === 'space') continue;
    if (
      (token.kind === 'word' || token.kind === 'quoted') &&
      token.value.toLowerCase() === wanted &&
      /^(?:FROM|JOIN|AS|,)$/.test(previous) &&
      nextMeaningful(tokens, at)?.raw !== '.'
    ) {
      return true;
    }
    previous = token.raw.toUpperCase();
  }
  return false;
}

function translateWord(tokens: readonly SqlToken[], at: number, dialect: SqlDialect): [string, number] {
  const token = tokens[at]!;
  const upper = token.raw.toUpperCase();
  const isCall = nextMeaningful(tokens, at)?.raw === '(';
  if (isCall && functionNames[token.raw.toLowerCase()]) return [functionNames[token.raw.toLowerCase()]!, 0];
  if (upper === 'ILIKE') return ['LIKE', 0];
  if (dialect === 'mysql') {
    if (upper === 'DIV') return ['/', 0];
    if (upper === 'XOR') return ['<>', 0];
    const cast = castTypes[upper];
    if (cast && previousWord(tokens, at) === 'AS') return [cast, 0];
  }
  return [token.raw, 0];
}

function previousWord(tokens: readonly SqlToken[], at: number): string {
  for (let index = at - 1; index >= 0; index--) {
    if (tokens[index]!.kind !== 'space') return tokens[index]!.raw.toUpperCase();
  }
  return '';
}

/** Index of the last token of the type name after `::`. */
function endOfCast(tokens: readonly SqlToken[], start: number): number {
  let at = start;
  if (tokens[at]?.raw.toUpperCase() === 'DOUBLE' && tokens[at + 2]?.raw.toUpperCase() === 'PRECISION')
    at += 2;
  if (tokens[at + 1]?.raw === '(') while (at + 1 < tokens.length && tokens[at]?.raw !== ')') at++;
  return at;
}
