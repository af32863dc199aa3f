import type { ByteSource } from '../../core/byteSource.ts';
import { ByteWindow } from './byteWindow.ts';
import { parseRecord } from './parseRecord.ts';
import { RestartFinder } from './restart.ts';
import {
  BROKEN,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
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
const PROBE_BYTES = 32 * 1024 * 1024;
/** Lines looked at when the first one says nothing. */
const PROBE_LINES = 40;
const GUESS_BYTES = 1024 * 1024;

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
  /** The layout is a guess from sound JSON further on; the file may as well be plain text. */
  readonly isGuess: boolean;
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
        isGuess: false,
      });
      const isCut = !isWhole && bytes.length < 64 * 1024;
      if (start >= bytes.length) {
        if (isWhole || bytes.length > maxBytes) return result('text', null);
        continue;
      }
      if (isCut) continue;
      if (!beginsJson(bytes, start, isWhole)) {
        if (linesParse(bytes, start, isWhole) >= 0.3) return result('lines', null);
        return { ...result(guessLayout(bytes, start, isWhole), null), isGuess: true };
      }
      if (end === MORE) {
        end = scanner.scan(bytes, Math.max(scanned, start), bytes.length);
        scanned = bytes.length;
      }
      if (end > 0) {
        const after = skipBlank(bytes, end, bytes.length);
        if (after < bytes.length) {
          // A lost opening bracket makes the first value end too early.
          const kind = afterFirst(bytes, start, end, after);
          const isCutShort =
            kind !== 'lines' && closesOrContinues(bytes, start, end, after) && !hasSibling(bytes, start, end);
          return isCutShort ? result(kindOfValue(bytes, start), null) : result(kind, end);
        }
        if (isWhole && laterValuesStand(bytes, start, isWhole)) return result('sequence', null);
        if (isWhole) return result(kindOfValue(bytes, start), end);
        continue;
      }
      // A first line that is damaged must not hide that the others are sound.
      if (isWhole || end === BROKEN || bytes.length >= nextLineCheck) {
        if (bytes[start] === OPEN_BRACE && laterLinesParse(bytes, start, isWhole))
          return result('lines', null);
        if (laterValuesStand(bytes, start, isWhole)) return result('sequence', null);
        nextLineCheck = bytes.length * 4;
      }
      if (isWhole || end === BROKEN || bytes.length >= maxBytes) {
        return result(kindOfValue(bytes, start), null);
      }
    }
  } finally {
    await stream.return?.();
  }
}

function kindOfValue(bytes: Uint8Array, start: number): 'array' | 'object' {
  return bytes[start] === OPEN_BRACKET ? 'array' : 'object';
}

/**
 * True when what follows a value belongs inside of it: a closing bracket; a comma and another member; anything
 * but a second list behind a list; a comma behind an object that is not sound.
 */
function closesOrContinues(bytes: Uint8Array, start: number, end: number, after: number): boolean {
  const byte = bytes[after];
  if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) return true;
  if (bytes[start] === OPEN_BRACKET) return byte !== OPEN_BRACKET;
  if (byte !== COMMA) return false;
  return (
    bytes[skipBlank(bytes, after + 1, bytes.length)] === QUOTE || !parseRecord(bytes.subarray(start, end)).ok
  );
}

/** True when the value in [start, end) is sound and a value like it comes later: then the damage is between them. */
function hasSibling(bytes: Uint8Array, start: number, end: number): boolean {
  if (bytes[start] !== OPEN_BRACE) return false;
  const first = bytes.subarray(start, end);
  const parsed = parseRecord(first);
  if (!parsed.ok) return false;
  const finder = new RestartFinder();
  finder.learn(first, parsed.value, true);
  return finder.find(bytes, end, Math.min(bytes.length, end + GUESS_BYTES)).start !== null;
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
  // A value over several lines, whatever follows it.
  if (indexOfByte(bytes, NEWLINE, start, end) !== -1) return 'sequence';
  if (indexOfByte(bytes, NEWLINE, end, after) !== -1) return 'lines';
  // `{…}{…}` on one line, or damage; without another line there is nothing that lines could tell.
  const next = bytes[after];
  const isKnown = next === OPEN_BRACE || next === COMMA || next === CLOSE_BRACE || next === CLOSE_BRACKET;
  const lineBreak = indexOfByte(bytes, NEWLINE, after, bytes.length);
  const isLastLine = lineBreak === -1 || skipBlank(bytes, lineBreak, bytes.length) === bytes.length;
  return isKnown || isLastLine ? 'sequence' : 'lines';
}

/** The layout of a file whose beginning is no JSON but which has sound JSON objects soon after. */
function guessLayout(bytes: Uint8Array, start: number, isWhole: boolean): Probe['kind'] {
  const isBracket = bytes[start] === OPEN_BRACKET || bytes[start] === OPEN_BRACE;
  const looked = Math.min(bytes.length, start + GUESS_BYTES);
  const finder = new RestartFinder();
  let found = finder.find(bytes, start + 1, looked);
  // Of an object over several lines, a line that is an object by itself (`{}`) means nothing.
  const isSpread = found.start !== null && indexOfByte(bytes, NEWLINE, found.start, found.end) !== -1;
  if (!isSpread && linesParse(bytes, start, isWhole) > 0) return 'lines';
  if (found.start === null) return 'text';
  if (laterValuesStand(bytes, start, isWhole)) return 'sequence';
  if (isBracket) return kindOfValue(bytes, start);
  if (!isSpread) return 'text';
  while (found.start !== null && bytes[found.start - 1] !== NEWLINE) {
    found = finder.find(bytes, found.end, looked);
  }
  return found.start === null ? 'text' : 'sequence';
}

/** Share of the first complete lines that are JSON objects or arrays of their own. */
function linesParse(bytes: Uint8Array, start: number, isWhole: boolean): number {
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
  return all === 0 ? 0 : sound / all;
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

/**
 * True when an object over several lines begins in the first column further on and neither a comma nor a
 * bracket follows it: it stands by itself, so the first value, which never ended, is one of a sequence.
 */
function laterValuesStand(bytes: Uint8Array, start: number, isWhole: boolean): boolean {
  if (bytes[start] !== OPEN_BRACE) return false;
  const looked = Math.min(bytes.length, start + GUESS_BYTES);
  const scanner = new ValueScanner();
  let at = start;
  for (let tries = 0; tries < PROBE_LINES; tries++) {
    at = indexOfByte(bytes, NEWLINE, at, looked) + 1;
    if (at === 0) return false;
    if (bytes[at] !== OPEN_BRACE) {
      tries--;
      continue;
    }
    scanner.reset();
    const end = scanner.scan(bytes, at, bytes.length);
    if (end < 0) continue;
    const after = skipBlank(bytes, end, bytes.length);
    const next = bytes[after];
    const goesOn = next === COMMA || next === CLOSE_BRACE || next === CLOSE_BRACKET;
    const standsAlone = after === bytes.length ? isWhole : !goesOn;
    if (standsAlone && parseRecord(bytes.subarray(at, end)).ok) return true;
    at = end;
  }
  return false;
}
