import type { JsonObject, JsonValue } from '../../core/json.ts';

const maxDepth = 60;
const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' };

/**
 * The value of a Python literal as `repr` prints it (dict, list, tuple, string, number, True, False, None);
 * undefined when the text is anything else. Linear in the text; nothing is evaluated.
 */
export function parsePythonLiteral(text: string): JsonValue | undefined {
  const reader = new LiteralReader(text);
  const value = reader.value(0);
  return value !== undefined && reader.isAtEnd ? value : undefined;
}

/** A call as Python writes it; its arguments are characters [start, end) of the text. */
export interface PythonCall {
  readonly name: string;
  readonly args: JsonObject;
  readonly start: number;
  readonly end: number;
}

/** The calls of a text that is a list of them with named arguments, `[f(x="a"), g()]`; null for any other text. */
export function parsePythonCalls(text: string): PythonCall[] | null {
  return new LiteralReader(text).calls();
}

class LiteralReader {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  get isAtEnd(): boolean {
    this.skip();
    return this.at >= this.text.length;
  }

  value(depth: number): JsonValue | undefined {
    this.skip();
    if (depth > maxDepth) return undefined;
    const mark = this.text.charAt(this.at);
    if (mark === '{') return this.dictionary(depth);
    if (mark === '[') return this.list(']', depth);
    if (mark === '(') return this.list(')', depth);
    if (mark === "'" || mark === '"') return this.string(mark);
    return this.word();
  }

  calls(): PythonCall[] | null {
    const calls: PythonCall[] = [];
    if (!this.takes('[')) return null;
    do {
      const call = this.call();
      if (!call) return null;
      calls.push(call);
    } while (this.takes(','));
    return this.takes(']') && this.isAtEnd ? calls : null;
  }

  /** Names may hold spaces and slashes: data sets call their tools by titles. */
  private call(): PythonCall | null {
    this.skip();
    const name = /^[A-Za-z_][\w .\-/]{0,100}(?=\()/.exec(this.text.slice(this.at, this.at + 102))?.[0];
    if (name === undefined) return null;
    const start = (this.at += name.length + 1);
    const entries: [string, JsonValue][] = [];
    while (!this.takes(')')) {
      const key = /^[A-Za-z_]\w{0,100}(?=\s*=)/.exec(this.text.slice(this.at, this.at + 120))?.[0];
      if (key === undefined) return null;
      this.at += key.length;
      const value = this.takes('=') ? this.value(0) : undefined;
      if (value === undefined) return null;
      entries.push([key, value]);
      if (this.takes(',')) continue;
      if (!this.takes(')')) return null;
      break;
    }
    return { name: name.trim(), args: Object.fromEntries(entries), start, end: this.at - 1 };
  }

  private skip(): void {
    while (this.at < this.text.length && this.text.charCodeAt(this.at) <= 32) this.at++;
  }

  /** Steps over `mark` when it is next. */
  private takes(mark: string): boolean {
    this.skip();
    if (this.text.charAt(this.at) !== mark) return false;
    this.at++;
    return true;
  }

  private dictionary(depth: number): JsonValue | undefined {
    const entries: [string, JsonValue][] = [];
    this.at++;
    while (!this.takes('}')) {
      const key = this.value(depth + 1);
      if ((typeof key !== 'string' && typeof key !== 'number') || !this.takes(':')) return undefined;
      const value = this.value(depth + 1);
      if (value === undefined) return undefined;
      entries.push([String(key), value]);
      if (this.takes(',')) continue;
      if (!this.takes('}')) return undefined;
      break;
    }
    // Entries are defined, not assigned: a key `__proto__` stays an ordinary one.
    return Object.fromEntries(entries);
  }

  private list(close: string, depth: number): JsonValue | undefined {
    const items: JsonValue[] = [];
    this.at++;
    while (!this.takes(close)) {
      const value = this.value(depth + 1);
      if (value === undefined) return undefined;
      items.push(value);
      if (this.takes(',')) continue;
      if (!this.takes(close)) return undefined;
      break;
    }
    return items;
  }

  private string(quote: string): string | undefined {
    let found = '';
    let from = ++this.at;
    for (; this.at < this.text.length; this.at++) {
      const mark = this.text.charAt(this.at);
      if (mark === quote) {
        found += this.text.slice(from, this.at++);
        return found;
      }
      if (mark !== '\\') continue;
      found += this.text.slice(from, this.at) + this.escaped();
      from = this.at + 1;
    }
    return undefined;
  }

  /** The character that the escape at the cursor stands for; leaves the cursor on its last character. */
  private escaped(): string {
    const mark = this.text.charAt(++this.at);
    const digits = mark === 'x' ? 2 : mark === 'u' ? 4 : mark === 'U' ? 8 : 0;
    if (digits === 0) return escapes[mark] ?? mark;
    const hex = this.text.slice(this.at + 1, this.at + 1 + digits);
    const code = /^[0-9a-fA-F]+$/.test(hex) && hex.length === digits ? parseInt(hex, 16) : Infinity;
    if (code > 0x10ffff) return `\\${mark}`;
    this.at += digits;
    return String.fromCodePoint(code);
  }

  private word(): JsonValue | undefined {
    const found = /^(?:True|False|None|true|false|null|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/.exec(
      this.text.slice(this.at, this.at + 40),
    )?.[0];
    if (found === undefined) return undefined;
    this.at += found.length;
    if (/^[Tt]rue$/.test(found)) return true;
    if (/^[Ff]alse$/.test(found)) return false;
    return /^(?:None|null)$/.test(found) ? null : Number(found);
  }
}
