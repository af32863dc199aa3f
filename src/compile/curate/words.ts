import { classOf, LETTER, NUMBER } from '../../tokenizer/categories.ts';

/**
 * The words of a text in normal form, as hashes: runs of letters and numbers without regard to case, with all
 * other characters as separators. Characters of scripts that write no spaces are words by themselves.
 */
export interface TextWords {
  readonly count: number;
  /** Two independent 32-bit hashes of each word. */
  readonly low: Uint32Array;
  readonly high: Uint32Array;
  /** Range of each word in the text, in UTF-16 code units. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

/** What a code unit is to `wordsOf`: 0 separator, 1 word by itself, else the lower-case unit plus 2. */
const roles = new Int32Array(0x10000).fill(-1);
const SEPARATOR = 0;
const ALONE = 1;

function roleOf(unit: number): number {
  const bits = classOf(unit);
  let role: number;
  if (unit >= 0xd800 && unit <= 0xdfff) role = ALONE;
  else if ((bits & (LETTER | NUMBER)) === 0) role = SEPARATOR;
  else if (isUnspaced(unit)) role = ALONE;
  else role = (String.fromCharCode(unit).toLowerCase().charCodeAt(0) || unit) + 2;
  roles[unit] = role;
  return role;
}

function isUnspaced(unit: number): boolean {
  return (unit >= 0x2e80 && unit <= 0x9fff) || (unit >= 0xf900 && unit <= 0xfaff);
}

/** Splits a text into words in one pass. */
export function wordsOf(text: string): TextWords {
  let capacity = Math.max(16, text.length >> 2);
  let low = new Uint32Array(capacity);
  let high = new Uint32Array(capacity);
  let starts = new Uint32Array(capacity);
  let ends = new Uint32Array(capacity);
  let count = 0;
  let at = 0;
  while (at < text.length) {
    let role = roles[text.charCodeAt(at)]!;
    if (role < 0) role = roleOf(text.charCodeAt(at));
    if (role === SEPARATOR) {
      at++;
      continue;
    }
    const start = at;
    let first = 0x811c9dc5 | 0;
    let second = 0x1b873593;
    if (role === ALONE) {
      const unit = text.charCodeAt(at++);
      first = Math.imul(first ^ unit, 0x01000193);
      second = Math.imul(second ^ unit, 0x5bd1e995);
    } else {
      do {
        first = Math.imul(first ^ role, 0x01000193);
        second = Math.imul(second ^ role, 0x5bd1e995);
        second ^= second >>> 15;
        at++;
        if (at >= text.length) break;
        role = roles[text.charCodeAt(at)]!;
        if (role < 0) role = roleOf(text.charCodeAt(at));
      } while (role > ALONE);
    }
    if (count === capacity) {
      capacity *= 2;
      low = grown(low, capacity);
      high = grown(high, capacity);
      starts = grown(starts, capacity);
      ends = grown(ends, capacity);
    }
    low[count] = mix32(first);
    high[count] = mix32(second);
    starts[count] = start;
    ends[count] = at;
    count++;
  }
  return { count, low, high, starts, ends };
}

function grown(array: Uint32Array<ArrayBuffer>, capacity: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(capacity);
  larger.set(array);
  return larger;
}

/** A bijection of 32-bit numbers that spreads every bit. */
export function mix32(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x7feb352d);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, 0x846ca68b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

const BASE_LOW = 0x9e3779b1 | 0;
const BASE_HIGH = 0x85ebca77 | 0;

/**
 * Calls `visit` with a 64-bit hash (two halves) of every run of `length` words and the index of its first word,
 * through rolling hashes. Stops early when `visit` returns false.
 */
export function forEachGram(
  words: TextWords,
  length: number,
  visit: (low: number, high: number, firstWord: number) => boolean | undefined,
): void {
  if (length < 1 || words.count < length) return;
  let dropLow = 1;
  let dropHigh = 1;
  for (let i = 1; i < length; i++) {
    dropLow = Math.imul(dropLow, BASE_LOW);
    dropHigh = Math.imul(dropHigh, BASE_HIGH);
  }
  let low = 0;
  let high = 0;
  for (let i = 0; i < words.count; i++) {
    if (i >= length) {
      low = (low - Math.imul(words.low[i - length]!, dropLow)) | 0;
      high = (high - Math.imul(words.high[i - length]!, dropHigh)) | 0;
    }
    low = (Math.imul(low, BASE_LOW) + words.low[i]!) | 0;
    high = (Math.imul(high, BASE_HIGH) + words.high[i]!) | 0;
    if (i >= length - 1 && visit(mix32(low ^ length), mix32(high), i - length + 1) === false) return;
  }
}

/** 64-bit hash of all words in order, hex: equal for texts that differ only in case, spacing and punctuation. */
export function normalizedHash(words: TextWords): string {
  let low = 0x243f6a88;
  let high = 0x85a308d3 | 0;
  for (let i = 0; i < words.count; i++) {
    low = (Math.imul(low, BASE_LOW) + words.low[i]!) | 0;
    high = (Math.imul(high, BASE_HIGH) + words.high[i]!) | 0;
  }
  return hex32(mix32(low ^ words.count)) + hex32(mix32(high));
}

/** 64-bit hash of a text exactly as it is, hex. */
export function exactHash(text: string): string {
  let low = 0x13198a2e;
  let high = 0x03707344;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x5bd1e995);
    high ^= high >>> 15;
  }
  return hex32(mix32(low ^ text.length)) + hex32(mix32(high));
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, '0');
}
