export const QUOTE = 0x22;
const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;
export const NEWLINE = 0x0a;

const SKIP = 0;
const STRING = 1;
const OPEN = 2;
const CLOSE = 3;
const ILLEGAL = 4;

/**
 * What each byte means outside of strings. Letters are legal when they occur in a literal, Python's
 * `NaN` and `Infinity` included. Anything else means that the scanner lost its way in damaged text.
 */
const byteClass = new Uint8Array(256).fill(ILLEGAL);
for (const character of ' \t\r\n,:+-.0123456789eEtrufalsnNIiy') byteClass[character.charCodeAt(0)] = SKIP;
byteClass[QUOTE] = STRING;
byteClass[OPEN_BRACE] = byteClass[OPEN_BRACKET] = OPEN;
byteClass[CLOSE_BRACE] = byteClass[CLOSE_BRACKET] = CLOSE;

/** True for JSON's white space, and for NUL bytes, which crashed writers leave behind. */
export function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === NEWLINE || byte === 0x0d || byte === 0x09 || byte === 0;
}

/** Index of the first byte in [from, to) that is not blank, or `to`. */
export function skipBlank(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && isBlank(bytes[at])) at++;
  return at;
}

/** Outcome of one `scan`: where the value ended, `MORE` bytes are needed, or the text is `BROKEN`. */
export const MORE = -1;
export const BROKEN = -2;

/**
 * Finds the end of one JSON object, array or string in bytes that may arrive in pieces. It knows strings,
 * escapes and nesting and nothing else; it needs no stack, so depth is without limit.
 */
export class ValueScanner {
  #depth = 0;
  #maxDepth = 0;
  #inString = false;
  #isEscaped = false;

  /** Forgets everything, ready for the first byte of another value. */
  reset(): void {
    this.#depth = 0;
    this.#maxDepth = 0;
    this.#inString = false;
    this.#isEscaped = false;
  }

  /** Deepest nesting of the value so far. */
  get maxDepth(): number {
    return this.#maxDepth;
  }

  /**
   * Goes on with the value over bytes [from, to), which follow those of the last call.
   * Returns the index just past its last byte, `MORE` or `BROKEN`.
   */
  scan(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    let depth = this.#depth;
    if (this.#inString) {
      at = this.#endOfString(bytes, at, to);
      if (at === MORE) return MORE;
      if (depth === 0) return at;
    }
    while (at < to) {
      const kind = byteClass[bytes[at]!]!;
      at++;
      if (kind === SKIP) continue;
      if (kind === STRING) {
        this.#inString = true;
        at = this.#endOfString(bytes, at, to);
        if (at === MORE) {
          this.#depth = depth;
          return MORE;
        }
        if (depth === 0) return at;
      } else if (kind === OPEN) {
        depth++;
        if (depth > this.#maxDepth) this.#maxDepth = depth;
      } else if (kind === CLOSE) {
        depth--;
        if (depth <= 0) return at;
      } else {
        this.#depth = depth;
        return BROKEN;
      }
    }
    this.#depth = depth;
    return MORE;
  }

  /** Index past the closing quote, or `MORE`; a quote is escaped when an odd run of backslashes precedes it. */
  #endOfString(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    if (this.#isEscaped && at < to) {
      this.#isEscaped = false;
      at++;
    }
    const first = at;
    for (;;) {
      const quote = indexOfByte(bytes, QUOTE, at, to);
      const stop = quote === -1 ? to : quote;
      let slashes = 0;
      while (stop - slashes > first && bytes[stop - slashes - 1] === BACKSLASH) slashes++;
      const isOdd = (slashes & 1) === 1;
      if (quote === -1) {
        this.#isEscaped = isOdd;
        return MORE;
      }
      at = quote + 1;
      if (!isOdd) {
        this.#inString = false;
        return at;
      }
    }
  }
}

/** `indexOf` that stops at `to`; short distances are walked, since a native call costs more than they do. */
export function indexOfByte(bytes: Uint8Array, byte: number, from: number, to: number): number {
  const near = Math.min(to, from + 24);
  let at = from;
  for (; at < near; at++) if (bytes[at] === byte) return at;
  if (at >= to) return -1;
  const found = to === bytes.length ? bytes.indexOf(byte, at) : bytes.subarray(0, to).indexOf(byte, at);
  return found;
}
