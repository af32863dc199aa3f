import { isObject, type JsonValue } from '../../core/json.ts';
import { messageOf } from '../../core/errors.ts';
import { repairJson, type Repair } from './repairJson.ts';
import { skipBlank, ValueScanner, MORE, OPEN_BRACE, OPEN_BRACKET } from './valueScanner.ts';

/** Something done to a record so that it could be read. Offsets are bytes from the start of the record. */
export interface RecordNote {
  readonly code: Repair | 'invalid-utf-8';
  readonly byteOffset: number;
}

/** A value, or why there is none. */
export type ParsedRecord =
  | { readonly ok: true; readonly value: JsonValue; readonly notes: readonly RecordNote[] }
  | { readonly ok: false; readonly code: 'truncated-json' | 'invalid-json'; readonly reason: string };

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lossyUtf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const NO_NOTES: readonly RecordNote[] = [];

/** Decodes UTF-8; invalid bytes become U+FFFD and the first of them is given. */
export function decodeUtf8(bytes: Uint8Array): { readonly text: string; readonly invalidAt: number | null } {
  try {
    return { text: strictUtf8.decode(bytes), invalidAt: null };
  } catch {
    return { text: lossyUtf8.decode(bytes), invalidAt: findInvalidUtf8(bytes) };
  }
}

/** Parses the bytes of one record: once when it is sound, with repairs when it is not. Never throws. */
export function parseRecord(bytes: Uint8Array): ParsedRecord {
  const { text, invalidAt } = decodeUtf8(bytes);
  const notes: RecordNote[] | null =
    invalidAt === null ? null : [{ code: 'invalid-utf-8', byteOffset: invalidAt }];
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (error) {
    return parseRepaired(bytes, text, notes ?? [], messageOf(error));
  }
  if (hasInexactInteger(value)) {
    const repaired = repairJson(text);
    if (repaired.repairs.has('big-integer')) {
      value = JSON.parse(repaired.text) as JsonValue;
      return { ok: true, value, notes: [...(notes ?? []), { code: 'big-integer', byteOffset: 0 }] };
    }
  }
  return { ok: true, value, notes: notes ?? NO_NOTES };
}

function parseRepaired(
  bytes: Uint8Array,
  text: string,
  notes: readonly RecordNote[],
  reason: string,
): ParsedRecord {
  const repaired = repairJson(text);
  if (repaired.repairs.size > 0) {
    try {
      const value = JSON.parse(repaired.text) as JsonValue;
      const added = [...repaired.repairs].map((code) => ({ code, byteOffset: 0 }));
      return { ok: true, value, notes: [...notes, ...added] };
    } catch {
      // The damage is of another kind; the first message describes it best.
    }
  }
  return { ok: false, code: isOpenEnded(bytes) ? 'truncated-json' : 'invalid-json', reason };
}

/** True when the bytes begin a JSON object or array that does not end in them. */
export function isOpenEnded(bytes: Uint8Array): boolean {
  const start = skipBlank(bytes, 0, bytes.length);
  const first = bytes[start];
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return false;
  return new ValueScanner().scan(bytes, start, bytes.length) === MORE;
}

/**
 * True when a number near the top of the record is an integer that a double cannot hold exactly.
 * Ids live there; looking at every number would cost more than parsing.
 */
function hasInexactInteger(value: JsonValue): boolean {
  if (!isObject(value)) return false;
  for (const key in value) {
    const inner = value[key];
    if (typeof inner === 'number') {
      if (isInexact(inner)) return true;
    } else if (isObject(inner)) {
      for (const innerKey in inner) {
        const deepest = inner[innerKey];
        if (typeof deepest === 'number' && isInexact(deepest)) return true;
      }
    }
  }
  return false;
}

function isInexact(value: number): boolean {
  return Math.abs(value) > Number.MAX_SAFE_INTEGER && Number.isInteger(value) && Math.abs(value) < 1e40;
}

/** Offset of the first byte that is not part of well-formed UTF-8, or null. */
function findInvalidUtf8(bytes: Uint8Array): number | null {
  let at = 0;
  while (at < bytes.length) {
    const lead = bytes[at]!;
    if (lead < 0x80) {
      at++;
      continue;
    }
    const length = sequenceLength(lead);
    if (length === 0 || at + length > bytes.length) return at;
    const second = bytes[at + 1]!;
    // Overlong forms, UTF-16 surrogates and code points beyond U+10FFFF are ruled out by the second byte.
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) return at;
    for (let k = 2; k < length; k++) if ((bytes[at + k]! & 0xc0) !== 0x80) return at;
    at += length;
  }
  return null;
}

function sequenceLength(lead: number): number {
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  if (lead >= 0xf0 && lead <= 0xf4) return 4;
  return 0;
}
