import type { ByteWindow } from './byteWindow.ts';
import { scanMembers } from './members.ts';
import { decodeUtf8, parseRecord } from './parseRecord.ts';
import { RestartFinder } from './restart.ts';
import { LARGE_RECORD_BYTES, MAX_RECORD_BYTES, type SplitItem, type Splitter } from './splitter.ts';
import {
  BROKEN,
  CLOSE_BRACE,
  CLOSE_BRACKET,
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

/** `sequence`: values one after another at the top of the file, in whatever white space. */
export type ElementShape = 'array' | 'map' | 'sequence';

const KEY_BYTES = 64 * 1024;
const LOOK_BACK_BYTES = 4096;
/** A value that began this far back and did not end is not waited for while searching. */
const SEARCH_BYTES = 32 * 1024 * 1024;

/**
 * Cuts an array, an object keyed by id, or a run of concatenated values into its elements while it streams
 * by. The first byte it gets is the opening bracket (the first value for a sequence). After damage it goes
 * on at the next element that looks like the sound ones; from then on brackets no longer end the list.
 */
export class ElementSplitter implements Splitter {
  readonly #shape: ElementShape;
  /** An inner list ends at its bracket; a list that is the whole file goes on with whatever follows. */
  readonly #isInner: boolean;
  readonly #restart = new RestartFinder();
  readonly #scanner = new ValueScanner();
  #state: 'open' | 'between' | 'value' | 'skip' | 'search' | 'after' | 'end' = 'open';
  /** Present place in the window, and start of the present value there. */
  #at = 0;
  #valueStart = 0;
  #key: string | null = null;
  /** Offset in the file of what is being lost, and why. */
  #lostFrom = 0;
  #lostCode: 'truncated-json' | 'invalid-json' = 'invalid-json';
  #lostReason = '';
  #isDamaged = false;
  /** Damage came before any sound record, so values are guesses, perhaps parts; nothing is learnt from them. */
  #isGuess = false;
  #endOffset: number | null = null;
  /** Start of the last entry of a map, while nothing came after it. */
  #lastStart: number | null = null;

  constructor(shape: ElementShape, isInner = false) {
    this.#shape = shape;
    this.#isInner = isInner;
    if (shape === 'sequence') this.#state = 'between';
  }

  /** Offset in the file just past the list's closing bracket; null until it was met. */
  get endOffset(): number | null {
    return this.#endOffset;
  }

  *split(window: ByteWindow, isLast: boolean): Generator<SplitItem, void> {
    const bytes = window.bytes;
    const out: SplitItem[] = [];
    while (this.#state !== 'end' && this.#step(bytes, window.offset, isLast, out))
      if (out.length > 0) yield* out.splice(0);
    if (isLast) this.#finish(bytes, window.offset, out);
    if (out.length > 0) yield* out.splice(0);
    const keepFrom = this.#keepFrom(bytes.length);
    window.discard(keepFrom);
    this.#at -= keepFrom;
    this.#valueStart -= keepFrom;
    if (this.#lastStart !== null) this.#lastStart -= keepFrom;
  }

  #keepFrom(length: number): number {
    if (this.#state === 'value') return Math.min(this.#valueStart, length);
    // The key of a map entry stands before the value that the search finds.
    if (this.#state === 'search') return Math.max(0, Math.min(this.#at, length) - LOOK_BACK_BYTES);
    // Kept until the next entry shows that the map goes on; see `#swallowed`.
    if (this.#state === 'between' && this.#lastStart !== null) return Math.min(this.#lastStart, length);
    return Math.min(this.#at, length);
  }

  /** One transition; false when more bytes are needed. */
  #step(bytes: Uint8Array, base: number, isLast: boolean, out: SplitItem[]): boolean {
    switch (this.#state) {
      case 'open':
        this.#at = skipBlank(bytes, this.#at, bytes.length) + 1;
        if (this.#at > bytes.length) return false;
        this.#state = 'between';
        return true;
      case 'between':
        return this.#between(bytes, base, isLast);
      case 'value':
        return this.#value(bytes, base, isLast, out);
      case 'skip':
        return this.#skip(bytes, base, out);
      case 'search':
        return this.#search(bytes, base, isLast, out);
      case 'after':
        return this.#after(bytes, base);
      case 'end':
        return false;
    }
  }

  #between(bytes: Uint8Array, base: number, isLast: boolean): boolean {
    let at = this.#at;
    while (at < bytes.length && (isBlank(bytes[at]) || bytes[at] === COMMA)) at++;
    this.#at = at;
    if (at >= bytes.length) return false;
    const byte = bytes[at];
    if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) {
      this.#at = at + 1;
      if (!this.#isDamaged) {
        this.#endOffset = base + at + 1;
        this.#state = this.#shape === 'sequence' ? 'between' : 'after';
      }
      return true;
    }
    this.#key = null;
    let valueAt = at;
    if (this.#shape === 'map' && !(this.#isDamaged && byte === OPEN_BRACE)) {
      valueAt = this.#readKey(bytes, at, isLast);
      if (valueAt === MORE) return false;
      if (valueAt === BROKEN) {
        this.#lose(at, base, 'a key and a colon were expected here');
        return true;
      }
    }
    this.#lastStart = null;
    this.#valueStart = valueAt;
    this.#at = valueAt;
    this.#scanner.reset();
    this.#state = 'value';
    return true;
  }

  /** Reads `"key":` at `at`; returns where the value begins, `MORE` or `BROKEN`. */
  #readKey(bytes: Uint8Array, at: number, isLast: boolean): number {
    const wantMore = isLast || bytes.length - at > KEY_BYTES ? BROKEN : MORE;
    if (bytes[at] !== QUOTE) return BROKEN;
    this.#scanner.reset();
    const keyEnd = this.#scanner.scan(bytes, at, bytes.length);
    if (keyEnd < 0) return wantMore;
    const colon = skipBlank(bytes, keyEnd, bytes.length);
    const value = skipBlank(bytes, colon + 1, bytes.length);
    if (value >= bytes.length) return wantMore;
    if (bytes[colon] !== COLON) return BROKEN;
    const parsed = parseRecord(bytes.subarray(at, keyEnd));
    const { text } = decodeUtf8(bytes.subarray(at + 1, keyEnd - 1));
    this.#key = parsed.ok && typeof parsed.value === 'string' ? parsed.value : text;
    return value;
  }

  #value(bytes: Uint8Array, base: number, isLast: boolean, out: SplitItem[]): boolean {
    const first = bytes[this.#valueStart];
    const isNested = first === OPEN_BRACE || first === OPEN_BRACKET || first === QUOTE;
    const end = isNested
      ? this.#scanner.scan(bytes, this.#at, bytes.length)
      : endOfScalar(bytes, this.#valueStart, isLast);
    if (end === MORE) {
      this.#at = bytes.length;
      return !isLast && bytes.length - this.#valueStart > MAX_RECORD_BYTES && this.#tooLarge(bytes, base);
    }
    if (end === BROKEN) {
      this.#lose(this.#valueStart, base, 'it has characters that cannot stand outside of strings');
      return true;
    }
    const view = bytes.subarray(this.#valueStart, end);
    const place = { start: base + this.#valueStart, end: base + end, key: this.#key, bytes: view };
    if (view.length > LARGE_RECORD_BYTES) {
      out.push({ type: 'record', ...place, parsed: null });
    } else {
      const parsed = parseRecord(view);
      if (!parsed.ok) {
        this.#lose(this.#valueStart, base, parsed.reason);
        return true;
      }
      if (!this.#isGuess) this.#restart.learn(view, parsed.value);
      out.push({ type: 'record', ...place, parsed });
    }
    if (this.#shape === 'map') this.#lastStart = this.#valueStart;
    this.#at = end;
    this.#state = 'between';
    return true;
  }

  /**
   * A map's entry that lost its closing bracket takes the entries after it for members of its own and is
   * sound JSON all the same; only the map's own bracket is missing at the end. Its entries are told by
   * opening with the same key as itself.
   */
  #swallowed(bytes: Uint8Array, start: number, base: number, out: SplitItem[]): void {
    const entry = bytes.subarray(start, this.#at);
    for (const member of scanMembers(entry, 0)) {
      if (member.end === null || !opensAlike(entry, member.start)) continue;
      const view = entry.subarray(member.start, member.end);
      const parsed = parseRecord(view);
      if (!parsed.ok) continue;
      const offset = base + start;
      const place = { start: offset + member.start, end: offset + member.end, key: member.key, bytes: view };
      out.push({ type: 'record', ...place, parsed });
    }
  }

  /**
   * The value outgrew what is read as one record. If sound records lie inside, a lost bracket made it
   * swallow them; otherwise it is really that large, and its bytes are passed over.
   */
  #tooLarge(bytes: Uint8Array, base: number): boolean {
    const inside = this.#restart.find(bytes, this.#valueStart + 1, bytes.length);
    if (inside.start !== null) {
      this.#lose(this.#valueStart, base, 'it never ends');
      return true;
    }
    this.#lostFrom = base + this.#valueStart;
    this.#state = 'skip';
    return false;
  }

  #skip(bytes: Uint8Array, base: number, out: SplitItem[]): boolean {
    const end = this.#scanner.scan(bytes, this.#at, bytes.length);
    if (end === MORE) {
      this.#at = bytes.length;
      return false;
    }
    const at = end === BROKEN ? this.#at : end;
    out.push(tooLarge(this.#lostFrom, base + at));
    this.#at = at;
    this.#state = 'between';
    if (end === BROKEN) {
      this.#lose(at, base, 'it has characters that cannot stand outside of strings');
      this.#at = at;
    }
    return true;
  }

  /** Declares the bytes from `from` on damaged and starts looking for the next sound element. */
  #lose(from: number, base: number, reason: string, isCut = false): void {
    this.#isDamaged = true;
    this.#lostFrom = base + from;
    this.#lostCode = isCut ? 'truncated-json' : 'invalid-json';
    this.#lostReason = reason;
    this.#at = from + 1;
    this.#state = 'search';
  }

  #search(bytes: Uint8Array, base: number, isLast: boolean, out: SplitItem[]): boolean {
    const next = this.#restart.find(bytes, this.#at, bytes.length);
    if (next.start !== null) {
      this.#reportLost(base + next.start, out);
      this.#key = this.#shape === 'map' ? keyBefore(bytes, next.start) : null;
      this.#isGuess ||= next.isGuess;
      this.#valueStart = next.start;
      this.#at = next.start;
      this.#scanner.reset();
      this.#state = 'value';
      return true;
    }
    if (isLast) return false;
    this.#at = bytes.length - next.resumeAt > SEARCH_BYTES ? bytes.length : next.resumeAt;
    return false;
  }

  #reportLost(end: number, out: SplitItem[]): void {
    out.push({ type: 'broken', start: this.#lostFrom, end, code: this.#lostCode, reason: this.#lostReason });
  }

  /** Behind the list: what the object around an inner list holds, or more lists, or damage. */
  #after(bytes: Uint8Array, base: number): boolean {
    if (this.#isInner) {
      this.#state = 'end';
      return false;
    }
    const at = skipBlank(bytes, this.#at, bytes.length);
    this.#at = at;
    if (at >= bytes.length) return false;
    const byte = bytes[at];
    if (byte === OPEN_BRACKET || (byte === OPEN_BRACE && this.#shape === 'map')) {
      this.#at = at + 1;
      this.#state = 'between';
    } else if (byte === OPEN_BRACE || byte === COMMA) {
      this.#isDamaged = true;
      this.#state = 'between';
    } else {
      this.#lose(at, base, 'text follows the end of the list');
    }
    return true;
  }

  #finish(bytes: Uint8Array, base: number, out: SplitItem[]): void {
    // An open value may have swallowed sound elements; each round begins further on.
    while (this.#state === 'value') {
      this.#lose(this.#valueStart, base, 'the file ends inside it', true);
      while (this.#step(bytes, base, true, out));
    }
    const end = base + bytes.length;
    if (this.#state === 'search') this.#reportLost(end, out);
    else if (this.#state === 'skip') out.push(tooLarge(this.#lostFrom, end));
    else if (this.#state === 'between' && this.#shape !== 'sequence' && !this.#isDamaged) {
      const reason = `the file ends before the ${this.#shape === 'map' ? 'object' : 'list'} is closed`;
      out.push({ type: 'broken', start: end, end, code: 'truncated-json', reason });
    }
    const isOpen = this.#isDamaged || this.#endOffset === null;
    if (isOpen && this.#lastStart !== null) this.#swallowed(bytes, this.#lastStart, base, out);
    this.#state = 'end';
    this.#lastStart = null;
    this.#at = bytes.length;
  }
}

function tooLarge(start: number, end: number): SplitItem {
  const reason = `it has ${end - start} bytes, more than the ${MAX_RECORD_BYTES} that are read as one record`;
  return { type: 'broken', start, end, code: 'record-too-large', reason };
}

/** Where a number or literal ends: at a comma, a bracket or blank. */
function endOfScalar(bytes: Uint8Array, from: number, isLast: boolean): number {
  let at = from;
  while (at < bytes.length) {
    const byte = bytes[at];
    if (byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || isBlank(byte)) break;
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET || byte === QUOTE || at - from > 1024) return BROKEN;
    at++;
  }
  if (at === bytes.length && !isLast) return MORE;
  return at === from ? BROKEN : at;
}

/** True when the object at `at` opens with the same key as the one at 0. */
function opensAlike(bytes: Uint8Array, at: number): boolean {
  const own = skipBlank(bytes, 1, bytes.length);
  const other = skipBlank(bytes, at + 1, bytes.length);
  const end = new ValueScanner().scan(bytes, own, bytes.length);
  if (bytes[own] !== QUOTE || bytes[at] !== OPEN_BRACE || end < 0) return false;
  for (let k = 0; k < end - own; k++) if (bytes[own + k] !== bytes[other + k]) return false;
  return true;
}

/** The key of the map entry whose value begins at `valueAt`, read backwards; null when there is none. */
function keyBefore(bytes: Uint8Array, valueAt: number): string | null {
  const floor = Math.max(0, valueAt - LOOK_BACK_BYTES);
  let at = valueAt - 1;
  while (at > floor && isBlank(bytes[at])) at--;
  if (bytes[at] !== COLON) return null;
  at--;
  while (at > floor && isBlank(bytes[at])) at--;
  if (bytes[at] !== QUOTE) return null;
  const end = at + 1;
  for (at--; at >= floor; at--) {
    if (bytes[at] !== QUOTE) continue;
    const parsed = parseRecord(bytes.subarray(at, end));
    if (parsed.ok && typeof parsed.value === 'string') return parsed.value;
  }
  return null;
}
