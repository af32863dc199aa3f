import type { JsonObject, JsonValue } from '../../core/json.ts';
import { messageOf } from '../../core/errors.ts';
import { decodeUtf8, parseRecord, type ParsedRecord } from './parseRecord.ts';
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  MORE,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  skipBlank,
  ValueScanner,
} from './valueScanner.ts';
import type { Yielder } from './yielder.ts';

/** Text handed to `JSON.parse` at once: some 20 ms. */
const PIECE_BYTES = 4 * 1024 * 1024;
/** Levels that are cut; what is deeper is parsed in one go (V8's parser needs no stack). */
const DEEPEST_CUT = 64;

/**
 * Parses a record of tens of megabytes piece by piece and hands the thread back between the pieces.
 * A record that is damaged is parsed once more as a whole, which repairs what can be repaired.
 */
export async function parseLargeRecord(bytes: Uint8Array, yielder: Yielder): Promise<ParsedRecord> {
  try {
    const value = await parsePieces(bytes, yielder, 0);
    return { ok: true, value, notes: [] };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    await yielder.pause();
    const parsed = parseRecord(bytes);
    return parsed.ok ? parsed : { ...parsed, reason: messageOf(error) };
  }
}

function parseText(bytes: Uint8Array, before = '', after = ''): JsonValue {
  const { text, invalidAt } = decodeUtf8(bytes);
  if (invalidAt !== null) throw new SyntaxError('invalid UTF-8');
  return JSON.parse(before === '' ? text : `${before}${text}${after}`) as JsonValue;
}

async function parsePieces(bytes: Uint8Array, yielder: Yielder, level: number): Promise<JsonValue> {
  await yielder.pause();
  const start = skipBlank(bytes, 0, bytes.length);
  const first = bytes[start];
  const isContainer = first === OPEN_BRACE || first === OPEN_BRACKET;
  if (bytes.length <= PIECE_BYTES || level >= DEEPEST_CUT || !isContainer) return parseText(bytes);
  return first === OPEN_BRACE
    ? parseMembers(bytes, start, yielder, level)
    : parseElements(bytes, start, yielder, level);
}

async function parseElements(
  bytes: Uint8Array,
  start: number,
  yielder: Yielder,
  level: number,
): Promise<JsonValue> {
  const result: JsonValue[] = [];
  // Small neighbours are parsed together: one call an element would cost more than the parsing.
  let groupStart = -1;
  const flush = (end: number): void => {
    if (groupStart === -1) return;
    for (const value of parseText(bytes.subarray(groupStart, end), '[', ']') as JsonValue[])
      result.push(value);
    groupStart = -1;
  };
  let at = skipBlank(bytes, start + 1, bytes.length);
  if (bytes[at] === CLOSE_BRACKET) return atEnd(bytes, at + 1, result);
  for (;;) {
    const end = await endOfValue(bytes, at, yielder);
    if (end - at > PIECE_BYTES / 4) {
      flush(lastComma(bytes, at));
      result.push(await parsePieces(bytes.subarray(at, end), yielder, level + 1));
    } else {
      if (groupStart === -1) groupStart = at;
      if (end - groupStart > PIECE_BYTES) {
        flush(end);
        await yielder.pause();
      }
    }
    const next = skipBlank(bytes, end, bytes.length);
    if (bytes[next] === CLOSE_BRACKET) {
      flush(end);
      return atEnd(bytes, next + 1, result);
    }
    if (bytes[next] !== COMMA) throw new SyntaxError(`a comma was expected at byte ${next} of the record`);
    at = skipBlank(bytes, next + 1, bytes.length);
  }
}

async function parseMembers(
  bytes: Uint8Array,
  start: number,
  yielder: Yielder,
  level: number,
): Promise<JsonValue> {
  const result: JsonObject = {};
  let groupStart = -1;
  const define = (key: string, value: JsonValue): void => {
    // Defined, not assigned: a key `__proto__` must stay an ordinary key.
    Object.defineProperty(result, key, { value, enumerable: true, configurable: true, writable: true });
  };
  const flush = (end: number): void => {
    if (groupStart === -1) return;
    const group = parseText(bytes.subarray(groupStart, end), '{', '}') as JsonObject;
    for (const [key, value] of Object.entries(group)) define(key, value);
    groupStart = -1;
  };
  let at = skipBlank(bytes, start + 1, bytes.length);
  if (bytes[at] === CLOSE_BRACE) return atEnd(bytes, at + 1, result);
  for (;;) {
    if (bytes[at] !== QUOTE) throw new SyntaxError(`a key was expected at byte ${at} of the record`);
    const keyEnd = await endOfValue(bytes, at, yielder);
    const colon = skipBlank(bytes, keyEnd, bytes.length);
    if (bytes[colon] !== COLON) throw new SyntaxError(`a colon was expected at byte ${colon} of the record`);
    const valueAt = skipBlank(bytes, colon + 1, bytes.length);
    const end = await endOfValue(bytes, valueAt, yielder);
    if (end - valueAt > PIECE_BYTES / 4) {
      flush(lastComma(bytes, at));
      const key = parseText(bytes.subarray(at, keyEnd)) as string;
      define(key, await parsePieces(bytes.subarray(valueAt, end), yielder, level + 1));
    } else {
      if (groupStart === -1) groupStart = at;
      if (end - groupStart > PIECE_BYTES) {
        flush(end);
        await yielder.pause();
      }
    }
    const next = skipBlank(bytes, end, bytes.length);
    if (bytes[next] === CLOSE_BRACE) {
      flush(end);
      return atEnd(bytes, next + 1, result);
    }
    if (bytes[next] !== COMMA) throw new SyntaxError(`a comma was expected at byte ${next} of the record`);
    at = skipBlank(bytes, next + 1, bytes.length);
  }
}

/** The comma before the element at `at`. */
function lastComma(bytes: Uint8Array, at: number): number {
  let comma = at - 1;
  while (comma > 0 && bytes[comma] !== COMMA) comma--;
  return comma;
}

function atEnd(bytes: Uint8Array, at: number, value: JsonValue): JsonValue {
  if (skipBlank(bytes, at, bytes.length) < bytes.length) throw new SyntaxError('text follows the value');
  return value;
}

/** Index past the value at `at`; pauses while it crosses a long one. */
async function endOfValue(bytes: Uint8Array, at: number, yielder: Yielder): Promise<number> {
  const first = bytes[at];
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET && first !== QUOTE) {
    let end = at;
    while (
      end < bytes.length &&
      bytes[end] !== COMMA &&
      bytes[end] !== CLOSE_BRACE &&
      bytes[end] !== CLOSE_BRACKET
    )
      end++;
    return end;
  }
  const scanner = new ValueScanner();
  for (let from = at; from < bytes.length; from += PIECE_BYTES) {
    const end = scanner.scan(bytes, from, Math.min(bytes.length, from + PIECE_BYTES));
    if (end > 0) return end;
    if (end !== MORE) break;
    await yielder.pause();
  }
  throw new SyntaxError(`the value at byte ${at} of the record does not end`);
}
