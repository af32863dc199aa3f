/** What a piece of SQL text is. `word` covers keywords and bare identifiers, `quoted` a delimited identifier. */
export type SqlTokenKind = 'word' | 'quoted' | 'string' | 'number' | 'symbol' | 'space' | 'comment';

export interface SqlToken {
  readonly kind: SqlTokenKind;
  /** The characters as written. */
  readonly raw: string;
  /** Decoded value of strings and delimited identifiers; equals `raw` otherwise. */
  readonly value: string;
}

export type SqlDialect = 'sqlite' | 'mysql' | 'postgresql';

const wordStart = /[\p{L}_@$]/u;
const wordPart = /[\p{L}\p{N}_$@]/u;

/**
 * Cuts SQL into tokens in one pass; joining `raw` gives the text back. In MySQL a double-quoted text is a
 * string and backslashes escape; elsewhere it is an identifier and they do not (except PostgreSQL `E'…'`).
 */
export class SqlScanner {
  private at: number;
  private readonly text: string;
  private readonly dialect: SqlDialect;

  constructor(text: string, dialect: SqlDialect, start = 0) {
    this.text = text;
    this.dialect = dialect;
    this.at = start;
  }

  /** Offset of the next token. */
  get position(): number {
    return this.at;
  }

  /** Continues at another offset (after data that is not SQL, such as COPY rows). */
  moveTo(offset: number): void {
    this.at = offset;
  }

  next(): SqlToken | null {
    const { text } = this;
    const start = this.at;
    if (start >= text.length) return null;
    const first = text[start]!;
    const code = text.charCodeAt(start);
    if (code <= 32 || code === 0xfeff || code === 0xa0) return this.take('space', this.endOfSpace(start));
    if (first === "'") return this.string(start, start);
    if (first === '"')
      return this.dialect === 'mysql' ? this.string(start, start) : this.delimited(start, '"');
    if (first === '`') return this.delimited(start, '`');
    if (first === '[' && this.dialect === 'sqlite') return this.bracketed(start);
    if (first === '-' && text[start + 1] === '-') return this.take('comment', this.endOfLine(start));
    if (first === '#' && this.dialect === 'mysql') return this.take('comment', this.endOfLine(start));
    if (first === '/' && text[start + 1] === '*') {
      const end = text.indexOf('*/', start + 2);
      return this.take('comment', end < 0 ? text.length : end + 2);
    }
    if (first === '$' && this.dialect === 'postgresql') {
      const dollar = this.dollarString(start);
      if (dollar) return dollar;
    }
    if (code >= 48 && code <= 57) return this.take('number', this.endOfNumber(start));
    if (first === '.' && isDigit(text.charCodeAt(start + 1)))
      return this.take('number', this.endOfNumber(start));
    if (wordStart.test(first)) {
      if (text[start + 1] === "'" && 'nNeExXbB'.includes(first)) return this.string(start, start + 1);
      let end = start + 1;
      while (end < text.length && wordPart.test(text[end]!)) end++;
      if (first === '_' && text[end] === "'" && this.dialect === 'mysql') return this.string(start, end);
      return this.take('word', end);
    }
    return this.take('symbol', start + 1);
  }

  private take(kind: SqlTokenKind, end: number): SqlToken {
    const raw = this.text.slice(this.at, end);
    this.at = end;
    return { kind, raw, value: raw };
  }

  private endOfSpace(start: number): number {
    let end = start + 1;
    while (end < this.text.length && /\s/.test(this.text[end]!)) end++;
    return end;
  }

  private endOfLine(start: number): number {
    const end = this.text.indexOf('\n', start);
    return end < 0 ? this.text.length : end;
  }

  private endOfNumber(start: number): number {
    const { text } = this;
    let end = start;
    while (end < text.length && /[0-9a-zA-Z.]/.test(text[end]!)) {
      if (
        (text[end] === 'e' || text[end] === 'E') &&
        /[+-]/.test(text[end + 1] ?? '') &&
        text[start + 1] !== 'x'
      )
        end++;
      end++;
    }
    return end;
  }

  /** A string whose opening quote is at `quoteAt` (`start` may be before it: `N'…'`). */
  private string(start: number, quoteAt: number): SqlToken {
    const { text } = this;
    const quote = text[quoteAt]!;
    const prefix = text.slice(start, quoteAt).toLowerCase();
    const escapes = this.dialect === 'mysql' || prefix === 'e';
    let value = '';
    let from = quoteAt + 1;
    let at = from;
    for (; at < text.length; at++) {
      const char = text[at]!;
      if (char === quote) {
        if (text[at + 1] !== quote) break;
        value += text.slice(from, at + 1);
        at++;
        from = at + 1;
      } else if (char === '\\' && escapes) {
        value += text.slice(from, at) + unescape(text[at + 1] ?? '');
        at++;
        from = at + 1;
      }
    }
    value += text.slice(from, Math.min(at, text.length));
    const raw = text.slice(start, at + 1);
    this.at = Math.min(at + 1, text.length);
    return { kind: 'string', raw, value };
  }

  private delimited(start: number, quote: string): SqlToken {
    const { text } = this;
    let value = '';
    let from = start + 1;
    let at = from;
    for (; at < text.length; at++) {
      if (text[at] !== quote) continue;
      if (text[at + 1] !== quote) break;
      value += text.slice(from, at + 1);
      at++;
      from = at + 1;
    }
    value += text.slice(from, Math.min(at, text.length));
    const raw = text.slice(start, at + 1);
    this.at = Math.min(at + 1, text.length);
    return { kind: 'quoted', raw, value };
  }

  private bracketed(start: number): SqlToken {
    const end = this.text.indexOf(']', start);
    if (end < 0) return this.take('symbol', start + 1);
    const token = this.take('quoted', end + 1);
    return { ...token, value: token.raw.slice(1, -1) };
  }

  private dollarString(start: number): SqlToken | null {
    const open = /^\$[A-Za-z_]*\$/.exec(this.text.slice(start, start + 40));
    if (!open) return null;
    const end = this.text.indexOf(open[0], start + open[0].length);
    if (end < 0) return null;
    const value = this.text.slice(start + open[0].length, end);
    return { ...this.take('string', end + open[0].length), value };
  }
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function unescape(char: string): string {
  switch (char) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case '0':
      return '\0';
    case 'b':
      return '\b';
    case 'Z':
      return '\x1a';
    default:
      return char;
  }
}

/** All tokens of a text. */
export function sqlTokens(text: string, dialect: SqlDialect): SqlToken[] {
  const scanner = new SqlScanner(text, dialect);
  const tokens: SqlToken[] = [];
  for (let token = scanner.next(); token !== null; token = scanner.next()) tokens.push(token);
  return tokens;
}

/** Tokens that mean something: no white space, no comments. */
export function significantTokens(text: string, dialect: SqlDialect): SqlToken[] {
  return sqlTokens(text, dialect).filter((token) => token.kind !== 'space' && token.kind !== 'comment');
}

/** An SQLite string literal. NUL characters would end the statement, so they are left out. */
export function stringLiteral(value: string): string {
  return `'${value.replaceAll('\0', '').replaceAll("'", "''")}'`;
}

/** An SQLite delimited identifier. */
export function identifier(name: string): string {
  return `"${name.replaceAll('\0', '').replaceAll('"', '""')}"`;
}
