/** What a SQL text says about itself. */
export interface SqlFacts {
  /** Base tables in order of first mention; lower case unless quoted, parts joined by '.'. */
  readonly tables: readonly string[];
  /** The statement asks what tables and columns there are. */
  readonly isSchemaQuery: boolean;
  /** Database named by `USE`. */
  readonly usedDatabase: string | null;
}

type TokenType = 'word' | 'quoted' | 'string' | 'mark';
interface Token {
  readonly type: TokenType;
  /** Lower case for words; the bare name for quoted identifiers. */
  readonly text: string;
}

/** Letters of other scripts; ASCII is decided without the pattern, which would cost more than all the rest. */
const OTHER_LETTER = /[\p{L}\p{N}]/u;

function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13) || code === 0xa0 || code === 0x3000;
}

function isWordStart(code: number): boolean {
  if (code < 128) {
    // Letters, and @ # $ _ as dialects allow them.
    return (
      (code >= 97 && code <= 122) || (code >= 64 && code <= 90) || code === 95 || code === 35 || code === 36
    );
  }
  return OTHER_LETTER.test(String.fromCharCode(code));
}

function isWordPart(code: number): boolean {
  return (code >= 48 && code <= 57) || isWordStart(code);
}

const MAX_LENGTH = 200000;

/** Words, quoted names, literals and marks; comments are dropped. Linear, never fails on unfinished quotes. */
function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  const text = sql.length > MAX_LENGTH ? sql.slice(0, MAX_LENGTH) : sql;
  let i = 0;
  while (i < text.length) {
    const code = text.charCodeAt(i);
    if (isSpace(code)) {
      i++;
      continue;
    }
    const char = text.charAt(i);
    const next = text.charAt(i + 1);
    if ((char === '-' && next === '-') || (char === '#' && (i === 0 || text.charAt(i - 1) === '\n'))) {
      const end = text.indexOf('\n', i);
      i = end < 0 ? text.length : end;
    } else if (char === '/' && next === '*') {
      const end = text.indexOf('*/', i + 2);
      i = end < 0 ? text.length : end + 2;
    } else if (char === "'") {
      i = quoteEnd(text, i, "'");
      tokens.push({ type: 'string', text: '' });
    } else if (char === '"' || char === '`') {
      const end = quoteEnd(text, i, char);
      tokens.push({ type: 'quoted', text: text.slice(i + 1, end - 1).replaceAll(char + char, char) });
      i = end;
    } else if (char === '[' && isBracketName(tokens[tokens.length - 1])) {
      const end = text.indexOf(']', i);
      if (end < 0) break;
      tokens.push({ type: 'quoted', text: text.slice(i + 1, end) });
      i = end + 1;
    } else if (char === '$' && next === '$') {
      const end = text.indexOf('$$', i + 2);
      tokens.push({ type: 'string', text: '' });
      i = end < 0 ? text.length : end + 2;
    } else if (isWordStart(code)) {
      let end = i + 1;
      while (end < text.length && isWordPart(text.charCodeAt(end))) end++;
      tokens.push({ type: 'word', text: text.slice(i, end).toLowerCase() });
      i = end;
    } else {
      tokens.push({ type: 'mark', text: char });
      i++;
    }
  }
  return tokens;
}

/** Index after the closing quote; a doubled quote stands for itself, a backslash escapes in strings. */
function quoteEnd(text: string, start: number, quote: string): number {
  let i = start + 1;
  while (i < text.length) {
    if (text.charAt(i) === '\\' && quote === "'") i += 2;
    else if (text.charAt(i) !== quote) i++;
    else if (text.charAt(i + 1) === quote) i += 2;
    else return i + 1;
  }
  return text.length;
}

/** A bracket names something where a name may stand; after a name it is an array subscript. */
function isBracketName(before: Token | undefined): boolean {
  if (!before) return true;
  if (before.type === 'mark') return before.text === '.' || before.text === ',' || before.text === '(';
  return (
    before.type === 'word' &&
    (CLAUSES.has(before.text) || TABLE_WORDS.has(before.text) || before.text === 'select')
  );
}

const TABLE_WORDS = new Set(['from', 'join', 'into', 'update', 'table', 'describe', 'desc', 'using']);
const CLAUSES = new Set(
  'where group order having limit union intersect except select set on using values returning window qualify offset fetch for natural left right inner outer full cross join straight_join lateral pivot unpivot tablesample when with sort cluster distribute'.split(
    ' ',
  ),
);
const NOT_TABLES = new Set(
  'select with values lateral unnest only if not exists where set dual table as ignore low_priority delayed outfile dumpfile'.split(
    ' ',
  ),
);
/** Functions whose arguments are divided by FROM. */
const FROM_FUNCTIONS = new Set([
  'extract',
  'substring',
  'trim',
  'overlay',
  'position',
  'substr',
  'date_part',
]);
const SCHEMA_WORDS = new Set(['show', 'desc', 'describe', 'pragma']);
const CATALOGS =
  /^(?:.*\.)?(?:information_schema(?:\..*)?|sqlite_master|sqlite_schema|pg_catalog(?:\..*)?|pg_tables|pg_class|sys\.\w+|all_tables|user_tables)$/i;

/** Reads the tables that a statement (or several) names. */
export function readSql(sql: string): SqlFacts {
  const tokens = tokenize(sql);
  const reader = new TableReader(tokens);
  reader.read();
  const tables = [...reader.tables].filter((name) => !reader.commonTables.has(name.toLowerCase()));
  const first = tokens.find((token) => token.type === 'word')?.text ?? '';
  const isCatalog = tables.length > 0 && tables.every((name) => CATALOGS.test(name));
  return {
    tables: isCatalog ? [] : tables.filter((name) => !CATALOGS.test(name)),
    isSchemaQuery: SCHEMA_WORDS.has(first) || isCatalog,
    usedDatabase: reader.usedDatabase,
  };
}

class TableReader {
  readonly tables = new Set<string>();
  readonly commonTables = new Set<string>();
  usedDatabase: string | null = null;
  private readonly tokens: readonly Token[];
  /** What each open parenthesis belongs to: a list of tables, a function with FROM, anything else. */
  private readonly stack: ('from' | 'function' | 'other')[] = [];
  /** True while commas separate tables. */
  private inFrom = false;
  private readonly outerFrom: boolean[] = [];

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  read(): void {
    for (let i = 0; i < this.tokens.length;) i = this.step(i);
  }

  private word(i: number): string | null {
    const token = this.tokens[i];
    return token?.type === 'word' ? token.text : null;
  }

  private mark(i: number): string | null {
    const token = this.tokens[i];
    return token?.type === 'mark' ? token.text : null;
  }

  private step(i: number): number {
    const mark = this.mark(i);
    if (mark === '(') return this.open(i);
    if (mark === ')') {
      this.stack.pop();
      this.inFrom = this.outerFrom.pop() ?? false;
      return i + 1;
    }
    if (mark === ';') {
      this.inFrom = false;
      return i + 1;
    }
    if (mark === ',') return this.inFrom ? this.table(i + 1) : i + 1;
    const word = this.word(i);
    if (word === null) return i + 1;
    const isStart = i === 0 || this.mark(i - 1) === ';';
    if (word === 'with') return this.commonTable(i + 1);
    if (isStart && word === 'use') {
      const token = this.tokens[i + 1];
      if (token && token.type !== 'mark') this.usedDatabase = token.text;
      return i + 2;
    }
    if (isStart && (word === 'desc' || word === 'describe')) {
      const skip = ['table', 'extended', 'formatted'].includes(this.word(i + 1) ?? '') ? 2 : 1;
      return this.word(i + skip) === 'select' ? i + skip : this.table(i + skip);
    }
    if (isStart && word === 'show') return this.show(i + 1);
    if (isStart && word === 'pragma') return this.pragma(i + 1);
    if (word === 'from') {
      if (this.stack[this.stack.length - 1] === 'function' || this.word(i - 1) === 'distinct') return i + 1;
      this.inFrom = true;
      return this.table(i + 1);
    }
    if (word === 'join' || word === 'straight_join') {
      this.inFrom = true;
      return this.table(i + 1);
    }
    if (word === 'into') return this.table(this.word(i + 1) === 'table' ? i + 2 : i + 1, true);
    if (word === 'update' && (isStart || this.mark(i - 1) === ')')) return this.table(i + 1);
    if (
      word === 'table' &&
      ['create', 'alter', 'drop', 'truncate', 'exists', 'temporary', 'temp'].includes(this.word(i - 1) ?? '')
    ) {
      return this.table(i + 1, true);
    }
    if (CLAUSES.has(word) && word !== 'on' && word !== 'using') this.inFrom = false;
    return i + 1;
  }

  private open(i: number): number {
    const before = this.word(i - 1);
    this.outerFrom.push(this.inFrom);
    this.inFrom = false;
    this.stack.push(before !== null && FROM_FUNCTIONS.has(before) ? 'function' : 'other');
    return i + 1;
  }

  /** Reads a table reference at i (after FROM, JOIN, a comma …). `mayHaveColumns`: a parenthesis may follow the name. */
  private table(start: number, mayHaveColumns = false): number {
    let i = start;
    while (['only', 'if', 'not', 'exists', 'ignore', 'low_priority'].includes(this.word(i) ?? '')) i++;
    if (this.mark(i) === '(') {
      // Either a subquery, whose own FROM is met later, or a parenthesised join.
      this.open(i);
      const inside = this.word(i + 1);
      if (inside === 'select' || inside === 'with' || inside === 'values') return i + 1;
      this.inFrom = true;
      return this.table(i + 1);
    }
    const parts: string[] = [];
    for (;;) {
      const token = this.tokens[i];
      if (!token || (token.type !== 'word' && token.type !== 'quoted')) break;
      if (
        token.type === 'word' &&
        parts.length === 0 &&
        (NOT_TABLES.has(token.text) || CLAUSES.has(token.text))
      )
        return i;
      parts.push(token.text);
      i++;
      // Project names such as bigquery-public-data are joined by hyphens before the first dot.
      while (this.mark(i) === '-' && this.tokens[i + 1]?.type === 'word' && parts.length === 1) {
        parts[0] += `-${this.tokens[i + 1]?.text ?? ''}`;
        i += 2;
      }
      if (this.mark(i) !== '.') break;
      while (this.mark(i) === '.') i++;
    }
    const isFunction = this.mark(i) === '(' && !mayHaveColumns;
    if (parts.length > 0 && !isFunction && parts.join('') !== '') this.tables.add(parts.join('.'));
    return Math.max(i, start);
  }

  /** `WITH name [(columns)] AS (`: the names are no base tables. */
  private commonTable(start: number): number {
    let i = start;
    if (this.word(i) === 'recursive') i++;
    const name = this.tokens[i];
    if (!name || (name.type !== 'word' && name.type !== 'quoted')) return start;
    let after = i + 1;
    if (this.mark(after) === '(') after = this.closing(after) + 1;
    if (this.word(after) !== 'as') return start;
    this.commonTables.add(name.text.toLowerCase());
    this.laterCommonTables(after);
    return after + 1;
  }

  /** The names after the commas of one WITH, found by passing over the bodies. */
  private laterCommonTables(asIndex: number): void {
    let i = asIndex;
    for (;;) {
      i++;
      while (this.word(i) === 'not' || this.word(i) === 'materialized') i++;
      if (this.mark(i) !== '(') return;
      i = this.closing(i) + 1;
      if (this.mark(i) !== ',') return;
      const name = this.tokens[i + 1];
      if (!name || (name.type !== 'word' && name.type !== 'quoted')) return;
      i += 2;
      if (this.mark(i) === '(') i = this.closing(i) + 1;
      if (this.word(i) !== 'as') return;
      this.commonTables.add(name.text.toLowerCase());
    }
  }

  private closing(open: number): number {
    let depth = 0;
    for (let i = open; i < this.tokens.length; i++) {
      const mark = this.mark(i);
      if (mark === '(') depth++;
      else if (mark === ')' && --depth === 0) return i;
    }
    return this.tokens.length;
  }

  /** SHOW COLUMNS FROM t, SHOW CREATE TABLE t, SHOW INDEX FROM t; SHOW TABLES FROM names a database. */
  private show(start: number): number {
    let i = start;
    let namesTable = false;
    while (i < this.tokens.length && this.mark(i) !== ';') {
      const word = this.word(i);
      if (
        word === 'columns' ||
        word === 'fields' ||
        word === 'index' ||
        word === 'indexes' ||
        word === 'keys'
      ) {
        namesTable = true;
      } else if (word === 'create' && this.word(i + 1) === 'table') return this.table(i + 2);
      else if ((word === 'from' || word === 'in') && namesTable) return this.table(i + 1);
      i++;
    }
    return i;
  }

  /** PRAGMA table_info(t). */
  private pragma(start: number): number {
    const about = this.word(start) ?? '';
    if (!/table_x?info|foreign_key_list|index_list/.test(about)) return start + 1;
    const token = this.tokens[start + 2];
    if (token && (token.type === 'word' || token.type === 'quoted')) this.tables.add(token.text);
    return start + 3;
  }
}
