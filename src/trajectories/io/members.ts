import type { JsonObject, JsonValue } from '../../core/json.ts';
import { parseRecord } from './parseRecord.ts';
import {
  BROKEN,
  CLOSE_BRACE,
  COLON,
  COMMA,
  isBlank,
  MORE,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  skipBlank,
  ValueScanner,
} from './valueScanner.ts';

/** One member of an object, as byte ranges; `end` is null when its value is cut or damaged. */
export interface Member {
  readonly key: string;
  readonly start: number;
  readonly end: number | null;
}

/**
 * The members of the object that begins at `from` (or whose inside begins there, with `isInside`), without
 * parsing their values. Stops quietly where the bytes end or make no sense.
 */
export function scanMembers(bytes: Uint8Array, from: number, isInside = false): Member[] {
  const members: Member[] = [];
  const scanner = new ValueScanner();
  let at = isInside ? from : from + 1;
  for (;;) {
    while (at < bytes.length && (isBlank(bytes[at]) || bytes[at] === COMMA)) at++;
    if (bytes[at] !== QUOTE) return members;
    scanner.reset();
    const keyEnd = scanner.scan(bytes, at, bytes.length);
    if (keyEnd < 0) return members;
    const key = parseRecord(bytes.subarray(at, keyEnd));
    const colon = skipBlank(bytes, keyEnd, bytes.length);
    if (!key.ok || typeof key.value !== 'string' || bytes[colon] !== COLON) return members;
    const start = skipBlank(bytes, colon + 1, bytes.length);
    if (start >= bytes.length) return members;
    const end = endOfAny(bytes, start, scanner);
    const isWhole = end !== MORE && end !== BROKEN;
    members.push({ key: key.value, start, end: isWhole ? end : null });
    if (!isWhole) return members;
    at = end;
  }
}

/** End of the value at `start`, whatever it is; `MORE` when the bytes end first. */
function endOfAny(bytes: Uint8Array, start: number, scanner: ValueScanner): number {
  const first = bytes[start];
  if (first === OPEN_BRACE || first === OPEN_BRACKET || first === QUOTE) {
    scanner.reset();
    return scanner.scan(bytes, start, bytes.length);
  }
  let at = start;
  while (at < bytes.length && bytes[at] !== COMMA && bytes[at] !== CLOSE_BRACE && !isBlank(bytes[at])) at++;
  return at === bytes.length ? MORE : at;
}

/** Parses those members that are complete and sound, except `without`; keys stay own properties. */
export function parseMembers(
  bytes: Uint8Array,
  members: readonly Member[],
  without: string | null,
  maxBytes: number,
): JsonObject {
  const entries: [string, JsonValue][] = [];
  let left = maxBytes;
  for (const member of members) {
    if (member.end === null || member.key === without) continue;
    left -= member.end - member.start;
    if (left < 0) break;
    const parsed = parseRecord(bytes.subarray(member.start, member.end));
    if (parsed.ok) entries.push([member.key, parsed.value]);
  }
  return Object.fromEntries(entries);
}
