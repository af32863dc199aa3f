import { isObject, type JsonValue } from '../../core/json.ts';
import { parseRecord, type ParsedRecord } from './parseRecord.ts';
import { BROKEN, indexOfByte, MORE, OPEN_BRACE, QUOTE, skipBlank, ValueScanner } from './valueScanner.ts';

/** How many different shapes of records are remembered. */
const SHAPES = 8;
/** Bytes that searches may scan; sound records refill it, so that damage never costs more than linear time. */
const SEARCH_BUDGET = 256 * 1024 * 1024;
const REFILL_PER_BYTE = 8;
/** Longest first key that is looked for. */
const FIRST_KEY_BYTES = 300;
/** Of records that open with a known key, every so many is compared with the shape: that costs more. */
const COMPARE_EVERY = 16;

interface Shape {
  /** The first key with its quotes, as bytes. */
  readonly firstKey: Uint8Array;
  readonly keys: ReadonlySet<string>;
  /** Another record opened with the same key: damage did not make it. */
  isConfirmed: boolean;
}

/** Where a search stopped without a record: everything before needs no second look. */
export interface NotYet {
  readonly start: null;
  readonly resumeAt: number;
}

/** A record found after a damaged place, with its byte range in the searched bytes. */
export interface Restarted {
  readonly start: number;
  readonly end: number;
  readonly parsed: ParsedRecord & { readonly ok: true };
  /** No sound record was known to compare it with: it may be a part of the damaged one. */
  readonly isGuess: boolean;
}

/**
 * Finds the next sound record after a damaged one, where no line break marks it: the records of a file
 * resemble each other, so it looks for an object that opens with a key that sound records opened with and
 * that shares most of their keys. While no two records opened with one key, the key may itself be damaged: then
 * sharing the keys is enough.
 */
export class RestartFinder {
  #shapes: Shape[] = [];
  #sinceCompared = 0;
  #budget = SEARCH_BUDGET;

  /**
   * Remembers what a sound record looks like; `bytes` begin with it.
   * @param isKeySure only objects with the same first key are like it, be it the only record
   */
  learn(bytes: Uint8Array, value: JsonValue, isKeySure = false): void {
    this.#budget = Math.min(SEARCH_BUDGET, this.#budget + bytes.length * REFILL_PER_BYTE);
    if (!isObject(value)) return;
    const firstKey = firstKeyOf(bytes);
    if (!firstKey) return;
    const known = this.#shapes.filter((shape) => startsWith(firstKey, shape.firstKey, 0));
    if (known.length > 0) {
      for (const shape of known) shape.isConfirmed = true;
      if (++this.#sinceCompared < COMPARE_EVERY) return;
      this.#sinceCompared = 0;
      if (known.some((shape) => resembles(value, shape))) return;
    }
    const keys = new Set(Object.keys(value));
    this.#shapes.push({ firstKey: firstKey.slice(), keys, isConfirmed: isKeySure });
    if (this.#shapes.length > SHAPES) this.#shapes.shift();
  }

  /** The first sound record in [from, to), or where to look again when more bytes are there. */
  find(bytes: Uint8Array, from: number, to: number): Restarted | NotYet {
    const shapes = this.#shapes;
    const isGuess = shapes.length === 0;
    const isAnyKey = !shapes.some((shape) => shape.isConfirmed);
    let resumeAt: number | null = null;
    const scanner = new ValueScanner();
    let at = from;
    while (this.#budget > 0) {
      const brace = indexOfByte(bytes, OPEN_BRACE, at, to);
      if (brace === -1) break;
      at = brace + 1;
      // The first key may lie beyond the end.
      if (to - brace < FIRST_KEY_BYTES) resumeAt ??= brace;
      const keyAt = skipBlank(bytes, at, to);
      if (
        isAnyKey ? bytes[keyAt] !== QUOTE : !shapes.some((shape) => startsWith(bytes, shape.firstKey, keyAt))
      ) {
        continue;
      }
      scanner.reset();
      const end = scanner.scan(bytes, brace, to);
      this.#budget -= (end > 0 ? end : to) - brace;
      if (end === MORE) resumeAt ??= brace;
      if (end === MORE || end === BROKEN) continue;
      const parsed = parseRecord(bytes.subarray(brace, end));
      if (!parsed.ok) continue;
      if (isGuess ? hasKeys(parsed.value) : shapes.some((shape) => resembles(parsed.value, shape))) {
        return { start: brace, end, parsed, isGuess };
      }
    }
    return { start: null, resumeAt: resumeAt ?? to };
  }
}

function firstKeyOf(bytes: Uint8Array): Uint8Array | null {
  const start = skipBlank(bytes, 0, bytes.length);
  if (bytes[start] !== OPEN_BRACE) return null;
  const keyAt = skipBlank(bytes, start + 1, bytes.length);
  if (bytes[keyAt] !== QUOTE) return null;
  const end = new ValueScanner().scan(bytes, keyAt, Math.min(bytes.length, keyAt + FIRST_KEY_BYTES));
  return end > 0 ? bytes.subarray(keyAt, end) : null;
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array, at: number): boolean {
  if (at + prefix.length > bytes.length) return false;
  for (let k = 0; k < prefix.length; k++) if (bytes[at + k] !== prefix[k]) return false;
  return true;
}

function resembles(value: JsonValue, shape: Shape): boolean {
  if (!isObject(value)) return false;
  const keys = Object.keys(value);
  const shared = keys.filter((key) => shape.keys.has(key)).length;
  return shared * 2 >= Math.max(keys.length, shape.keys.size);
}

function hasKeys(value: JsonValue): boolean {
  return isObject(value) && Object.keys(value).length > 1;
}
