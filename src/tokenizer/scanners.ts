import type { SCRIPT_SPACE } from './categories.ts';
import {
  astralClass,
  basicPlaneClasses,
  LETTER,
  LOWERISH,
  NEWLINE,
  NUMBER,
  SPACE,
  UPPERISH,
} from './categories.ts';

/**
 * Gives the end of the pre-token that starts at `start` in valid UTF-8; the text ends at `end` (> start).
 * Written by hand for the pattern each stands for: alternatives are tried in the pattern's order, and a pattern
 * that covers all text needs no other state than the position.
 */
export type Scanner = (bytes: Uint8Array, start: number, end: number) => number;

const classes = basicPlaneClasses();
const APOSTROPHE = 0x27;
const BLANK = 0x20;
const SLASH = 0x2f;

/** Class bits of the character at `at`. */
function classAt(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return classes[lead]!;
  if (lead < 0xe0) return classes[((lead & 0x1f) << 6) | (bytes[at + 1]! & 0x3f)]!;
  if (lead < 0xf0) {
    return classes[((lead & 0x0f) << 12) | ((bytes[at + 1]! & 0x3f) << 6) | (bytes[at + 2]! & 0x3f)]!;
  }
  return astralClass(
    ((lead & 0x07) << 18) |
      ((bytes[at + 1]! & 0x3f) << 12) |
      ((bytes[at + 2]! & 0x3f) << 6) |
      (bytes[at + 3]! & 0x3f),
  );
}

/** Bytes of the character whose first byte is `lead`. */
function widthOf(lead: number): number {
  return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/** End of the run from `at` of characters that have one of `bits`. */
function runOf(bits: number, bytes: Uint8Array, at: number, end: number): number {
  while (at < end) {
    const lead = bytes[at]!;
    if (lead < 0x80) {
      if ((classes[lead]! & bits) === 0) return at;
      at++;
    } else {
      if ((classAt(bytes, at) & bits) === 0) return at;
      at += widthOf(lead);
    }
  }
  return at;
}

/** End of the run from `at` of characters that have none of `bits`. */
function runWithout(bits: number, bytes: Uint8Array, at: number, end: number): number {
  while (at < end) {
    const lead = bytes[at]!;
    if (lead < 0x80) {
      if ((classes[lead]! & bits) !== 0) return at;
      at++;
    } else {
      if ((classAt(bytes, at) & bits) !== 0) return at;
      at += widthOf(lead);
    }
  }
  return at;
}

/** End of at most `limit` number characters from `at`. */
function digits(limit: number, bytes: Uint8Array, at: number, end: number): number {
  for (let taken = 0; taken < limit && at < end; taken++) {
    if ((classAt(bytes, at) & NUMBER) === 0) return at;
    at += widthOf(bytes[at]!);
  }
  return at;
}

/** End of `'s 't 'm 'd 're 've 'll` at `at`, or -1. `caseBit` 0x20 ignores the case of ASCII letters. */
function contraction(caseBit: number, bytes: Uint8Array, at: number, end: number): number {
  if (at + 1 >= end || bytes[at] !== APOSTROPHE) return -1;
  const first = bytes[at + 1]! | caseBit;
  if (first === 0x73 || first === 0x74 || first === 0x6d || first === 0x64) return at + 2;
  if (at + 2 >= end) return -1;
  const second = bytes[at + 2]! | caseBit;
  if ((first === 0x72 || first === 0x76) && second === 0x65) return at + 3;
  if (first === 0x6c && second === 0x6c) return at + 3;
  return -1;
}

/** `\s*[\r\n]+|\s+(?!\S)|\s+` from a white-space character at `start`. */
function whitespaceWithNewlines(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  let last = start;
  let afterNewline = 0;
  while (at < end) {
    const bits = classAt(bytes, at);
    if ((bits & SPACE) === 0) break;
    last = at;
    at += widthOf(bytes[at]!);
    if ((bits & NEWLINE) !== 0) afterNewline = at;
  }
  if (afterNewline > 0) return afterNewline;
  // A run before a word leaves its last character to the word, unless that is all of it.
  return at < end && last > start ? last : at;
}

/**
 * `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,maxDigits}| ?[^\s\p{L}\p{N}]+[\r\n]*`
 * `|\s*[\r\n]+|\s+(?!\S)|\s+`: Qwen2 and Qwen3 with one digit, cl100k and Llama 3 with three.
 */
export function cl100kScanner(maxDigits: number): Scanner {
  return (bytes, start, end) => {
    const lead = bytes[start]!;
    const bits = lead < 0x80 ? classes[lead]! : classAt(bytes, start);
    const next = start + widthOf(lead);
    if ((bits & LETTER) !== 0) return runOf(LETTER, bytes, next, end);
    if ((bits & NUMBER) !== 0) return maxDigits === 1 ? next : digits(maxDigits, bytes, start, end);
    if (lead === APOSTROPHE) {
      const after = contraction(0x20, bytes, start, end);
      if (after >= 0) return after;
    }
    const nextBits = next < end ? classAt(bytes, next) : SPACE;
    if ((bits & NEWLINE) === 0 && (nextBits & LETTER) !== 0) {
      return runOf(LETTER, bytes, next + widthOf(bytes[next]!), end);
    }
    if ((bits & SPACE) === 0 || (lead === BLANK && (nextBits & (SPACE | LETTER | NUMBER)) === 0)) {
      return runOf(NEWLINE, bytes, runWithout(SPACE | LETTER | NUMBER, bytes, next, end), end);
    }
    return whitespaceWithNewlines(bytes, start, end);
  };
}

/**
 * `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`: GPT-2, built into `ByteLevel`.
 * `space` is the class bit that stands for `\s`.
 */
export function gpt2Scanner(space: typeof SPACE | typeof SCRIPT_SPACE): Scanner {
  return (bytes, start, end) => {
    const lead = bytes[start]!;
    if (lead === APOSTROPHE) {
      const after = contraction(0, bytes, start, end);
      if (after >= 0) return after;
    }
    let word = start;
    let bits = classAt(bytes, start);
    if (lead === BLANK && start + 1 < end) {
      const nextBits = classAt(bytes, start + 1);
      if ((nextBits & space) === 0) {
        word = start + 1;
        bits = nextBits;
      }
    }
    if ((bits & LETTER) !== 0) return runOf(LETTER, bytes, word, end);
    if ((bits & NUMBER) !== 0) return runOf(NUMBER, bytes, word, end);
    if ((bits & space) === 0) return runWithout(space | LETTER | NUMBER, bytes, word, end);
    let at = start;
    let last = start;
    while (at < end && (classAt(bytes, at) & space) !== 0) {
      last = at;
      at += widthOf(bytes[at]!);
    }
    return at < end && last > start ? last : at;
  };
}

/** End of `U*l+` at `at` (U: upper-ish, l: lower-ish characters), or -1: greedy, then giving back from U. */
function capitalisedWord(bytes: Uint8Array, at: number, end: number): number {
  let upperEnd = at;
  let givenBack = -1;
  while (upperEnd < end) {
    const bits = classAt(bytes, upperEnd);
    if ((bits & UPPERISH) === 0) break;
    upperEnd += widthOf(bytes[upperEnd]!);
    if ((bits & LOWERISH) !== 0) givenBack = upperEnd;
  }
  const lowerEnd = runOf(LOWERISH, bytes, upperEnd, end);
  return lowerEnd > upperEnd ? lowerEnd : givenBack;
}

/**
 * The pattern of o200k:
 * `X?U*l+C?|X?U+l*C?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+` with `X = [^\r\n\p{L}\p{N}]`,
 * `U = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, `l = [\p{Ll}\p{Lm}\p{Lo}\p{M}]`, `C` the contractions in any case.
 */
export const o200kScanner: Scanner = (bytes, start, end) => {
  const lead = bytes[start]!;
  const bits = classAt(bytes, start);
  const next = start + widthOf(lead);
  const mayLead = (bits & (NEWLINE | LETTER | NUMBER)) === 0;
  let wordEnd = mayLead ? capitalisedWord(bytes, next, end) : -1;
  if (wordEnd < 0) wordEnd = capitalisedWord(bytes, start, end);
  if (wordEnd < 0 && mayLead) {
    const upperEnd = runOf(UPPERISH, bytes, next, end);
    if (upperEnd > next) wordEnd = upperEnd;
  }
  if (wordEnd < 0) {
    const upperEnd = runOf(UPPERISH, bytes, start, end);
    if (upperEnd > start) wordEnd = upperEnd;
  }
  if (wordEnd >= 0) {
    const suffix = contraction(0x20, bytes, wordEnd, end);
    return suffix < 0 ? wordEnd : suffix;
  }
  if ((bits & NUMBER) !== 0) return digits(3, bytes, start, end);
  const nextBits = next < end ? classAt(bytes, next) : SPACE;
  if ((bits & SPACE) === 0 || (lead === BLANK && (nextBits & (SPACE | LETTER | NUMBER)) === 0)) {
    let at = runWithout(SPACE | LETTER | NUMBER, bytes, next, end);
    while (
      at < end &&
      (bytes[at] === SLASH || (bytes[at]! < 0x80 && (classes[bytes[at]!]! & NEWLINE) !== 0))
    ) {
      at++;
    }
    return at;
  }
  return whitespaceWithNewlines(bytes, start, end);
};
