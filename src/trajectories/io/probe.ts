import type { ByteSource } from '../../core/byteSource.ts';
import { ByteWindow } from './byteWindow.ts';
import { parseRecord } from './parseRecord.ts';
import {
  BROKEN,
  indexOfByte,
  MORE,
  NEWLINE,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  skipBlank,
  ValueScanner,
} from './valueScanner.ts';
import type { Yielder } from './yielder.ts';

/** How far the first value is followed before the file is taken for one large value. */
export const PROBE_BYTES = 32 * 1024 * 1024;
/** Lines looked at when the first one says nothing. */
const PROBE_LINES = 40;

/** How the JSON of a file is laid out, by its beginning. */
export interface Probe {
  readonly kind: 'lines' | 'sequence' | 'array' | 'object' | 'text';
  /** The beginning of the file; all of it when `isWhole`. */
  readonly prefix: Uint8Array;
  readonly isWhole: boolean;
  /** Offset of the first value. */
  readonly start: number;
  /** Offset past the first value; null when it did not end in the prefix (large, cut or damaged). */
  readonly end: number | null;
}

/** Follows the first value of a text file until its end tells what comes after it. */
export async function probeText(
  source: ByteSource,
  yielder: Yielder,
  signal?: AbortSignal,
  maxBytes = PROBE_BYTES,
): Promise<Probe> {
  const window = new ByteWindow();
  const stream = source.stream(0, signal)[Symbol.asyncIterator]();
  const scanner = new ValueScanner();
  let scanned = 0;
  let end: number = MORE;
  let isWhole = false;
  let nextLineCheck = 0;
  try {
    for (;;) {
      const next = await stream.next();
      isWhole = next.done === true;
      if (!next.done) window.append(next.value);
      await yielder.pause();
      const bytes = window.bytes;
      const start = startOfText(bytes);
      const result = (kind: Probe['kind'], valueEnd: number | null): Probe => ({
        kind,
        prefix: bytes,
        isWhole,
        start,
        end: valueEnd,
      });
      const isCut = !isWhole && bytes.length < 64 * 1024;
      if (start >= bytes.length) {
        if (isWhole || bytes.length > maxBytes) return result('text', null);
        continue;
      }
      if (isCut) continue;
      if (!beginsJson(bytes, start, isWhole)) {
        return result(linesParse(bytes, start, isWhole, 0.3) ? 'lines' : 'text', null);
      }
      if (end === MORE) {
        end = scanner.scan(bytes, Math.max(scanned, start), bytes.length);
        scanned = bytes.length;
      }
      if (end > 0) {
        const after = skipBlank(bytes, end, bytes.length);
        if (after < bytes.length) return result(afterFirst(bytes, start, end, after), end);
        if (isWhole) return result(bytes[start] === OPEN_BRACKET ? 'array' : 'object', end);
        continue;
      }
      // A first line that is damaged must not hide that the others are sound.
      if (isWhole || end === BROKEN || bytes.length >= nextLineCheck) {
        if (bytes[start] === OPEN_BRACE && laterLinesParse(bytes, start, isWhole))
          return result('lines', null);
        nextLineCheck = bytes.length * 4;
      }
      if (isWhole || end === BROKEN || bytes.length >= maxBytes) {
        return result(bytes[start] === OPEN_BRACKET ? 'array' : 'object', null);
      }
    }
  } finally {
    await stream.return?.();
  }
}

/** Offset of the first byte that is no byte order mark and not blank. */
function startOfText(bytes: Uint8Array): number {
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return skipBlank(bytes, hasMark ? 3 : 0, bytes.length);
}

/** `{` or `[` alone prove nothing ("[INFO] …", "{name} …"): what follows must fit too. */
function beginsJson(bytes: Uint8Array, start: number, isWhole: boolean): boolean {
  const next = skipBlank(bytes, start + 1, bytes.length);
  if (next >= bytes.length) return !isWhole || bytes[start] === OPEN_BRACE || bytes[start] === OPEN_BRACKET;
  const following = String.fromCharCode(bytes[next]!);
  if (bytes[start] === OPEN_BRACE) return following === '"' || following === '}';
  if (bytes[start] !== OPEN_BRACKET) return false;
  if (/[{["\]]/.test(following)) return true;
  // Numbers and literals must end like array elements do, or "[2024-01-01] started" would be an array.
  let at = next;
  while (at < bytes.length && at - next < 40 && /[-+.\w]/.test(String.fromCharCode(bytes[at]!))) at++;
  const word = new TextDecoder().decode(bytes.subarray(next, at));
  const stop = bytes[skipBlank(bytes, at, bytes.length)];
  return (
    /^(?:-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|NaN|-?Infinity)$/.test(word) &&
    (stop === 0x2c || (stop === 0x5d && !isFollowedByText(bytes, at)))
  );
}

/** True when text other than JSON follows a `]` on its line, as after "[12] message". */
function isFollowedByText(bytes: Uint8Array, at: number): boolean {
  const close = skipBlank(bytes, at, bytes.length);
  const end = indexOfByte(bytes, NEWLINE, close, bytes.length);
  const rest = skipBlank(bytes, close + 1, end === -1 ? bytes.length : end);
  const following = bytes[rest];
  return rest < (end === -1 ? bytes.length : end) && following !== 0x2c && following !== OPEN_BRACKET;
}

function afterFirst(bytes: Uint8Array, start: number, end: number, after: number): Probe['kind'] {
  const firstLineEnd = indexOfByte(bytes, NEWLINE, start, end);
  const breakAfter = indexOfByte(bytes, NEWLINE, end, after);
  if (firstLineEnd === -1 && breakAfter !== -1) return 'lines';
  const next = bytes[after];
  if (firstLineEnd === -1) {
    // `{…}{…}` or `{…},{…}` on one line; the line reader takes such lines apart as well.
    return next === OPEN_BRACE || next === 0x2c ? 'sequence' : 'lines';
  }
  return next === OPEN_BRACE || next === OPEN_BRACKET || next === 0x2c ? 'sequence' : 'lines';
}

/** True when at least this share of the first complete lines are JSON objects or arrays of their own. */
function linesParse(bytes: Uint8Array, start: number, isWhole: boolean, share: number): boolean {
  let sound = 0;
  let all = 0;
  let at = start;
  while (all < PROBE_LINES && at < bytes.length) {
    let end = indexOfByte(bytes, NEWLINE, at, bytes.length);
    if (end === -1) {
      if (!isWhole) break;
      end = bytes.length;
    }
    const first = skipBlank(bytes, at, end);
    at = end + 1;
    if (first === end) continue;
    all++;
    if (bytes[first] !== OPEN_BRACE && bytes[first] !== OPEN_BRACKET) continue;
    if (bytes[first] === OPEN_BRACKET && bytes[skipBlank(bytes, first + 1, end)] === QUOTE) continue;
    if (parseRecord(bytes.subarray(first, end)).ok) sound++;
  }
  return all > 0 && sound > 0 && sound >= all * share;
}

/** True when a line after the first begins with `{` in its first column and is an object of its own. */
function laterLinesParse(bytes: Uint8Array, start: number, isWhole: boolean): boolean {
  let at = indexOfByte(bytes, NEWLINE, start, bytes.length) + 1;
  if (at === 0) return false;
  for (let line = 0; line < PROBE_LINES && at < bytes.length; line++) {
    let end = indexOfByte(bytes, NEWLINE, at, bytes.length);
    if (end === -1) {
      if (!isWhole) return false;
      end = bytes.length;
    }
    if (bytes[at] === OPEN_BRACE && end - at > 2 && parseRecord(bytes.subarray(at, end)).ok) return true;
    at = end + 1;
  }
  return false;
}
