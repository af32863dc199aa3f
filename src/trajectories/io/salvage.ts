import type { JsonObject, JsonValue } from '../../core/json.ts';
import { isObject } from '../../core/json.ts';
import { scanMembers } from './members.ts';
import { parseRecord } from './parseRecord.ts';
import {
  BROKEN,
  COMMA,
  isBlank,
  MORE,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  skipBlank,
  ValueScanner,
} from './valueScanner.ts';

/** Levels of open lists and objects that are entered behind the cut. */
const DEEPEST = 64;

/** What is sound of a cut or damaged object, and where soundness ends. */
export interface Salvaged {
  readonly value: JsonObject;
  /** Bytes from the start of the object up to which it was read. */
  readonly soundBytes: number;
}

/**
 * Reads as much of an object as comes before the place where it is cut or damaged: its complete members,
 * and of the member that is broken its complete elements, level by level. Null when there is nothing.
 */
export function salvageObject(bytes: Uint8Array): Salvaged | null {
  const start = skipBlank(bytes, 0, bytes.length);
  if (bytes[start] !== OPEN_BRACE) return null;
  const { value, end } = salvageMembers(bytes, start, 0);
  return Object.keys(value).length > 0 ? { value, soundBytes: end } : null;
}

interface Part<T extends JsonValue> {
  readonly value: T;
  readonly end: number;
}

function salvageMembers(bytes: Uint8Array, start: number, level: number): Part<JsonObject> {
  const entries: [string, JsonValue][] = [];
  let end = start;
  for (const member of scanMembers(bytes, start)) {
    const parsed = member.end === null ? null : parseRecord(bytes.subarray(member.start, member.end));
    if (parsed?.ok && member.end !== null) {
      entries.push([member.key, parsed.value]);
      end = member.end;
      continue;
    }
    const inner = salvageValue(bytes, member.start, level + 1);
    if (inner) {
      entries.push([member.key, inner.value]);
      end = inner.end;
    }
    break;
  }
  return { value: Object.fromEntries(entries), end };
}

function salvageValue(bytes: Uint8Array, start: number, level: number): Part<JsonValue> | null {
  if (level > DEEPEST) return null;
  if (bytes[start] === OPEN_BRACE) {
    const part = salvageMembers(bytes, start, level);
    return Object.keys(part.value).length > 0 ? part : null;
  }
  return bytes[start] === OPEN_BRACKET ? salvageElements(bytes, start, level) : null;
}

function salvageElements(bytes: Uint8Array, start: number, level: number): Part<JsonValue[]> {
  const value: JsonValue[] = [];
  const scanner = new ValueScanner();
  let end = start;
  let at = start + 1;
  for (;;) {
    while (at < bytes.length && (isBlank(bytes[at]) || bytes[at] === COMMA)) at++;
    const first = bytes[at];
    // A list that breaks off among numbers or literals is given up there: they may be cut themselves.
    if (first !== OPEN_BRACE && first !== OPEN_BRACKET && first !== QUOTE) break;
    scanner.reset();
    const elementEnd = scanner.scan(bytes, at, bytes.length);
    const parsed =
      elementEnd === MORE || elementEnd === BROKEN ? null : parseRecord(bytes.subarray(at, elementEnd));
    if (parsed?.ok) {
      value.push(parsed.value);
      end = at = elementEnd;
      continue;
    }
    const inner = salvageValue(bytes, at, level + 1);
    if (inner && isObject(inner.value)) {
      value.push(inner.value);
      end = inner.end;
    }
    break;
  }
  return { value, end };
}
