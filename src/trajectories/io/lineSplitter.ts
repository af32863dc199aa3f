import type { ByteWindow } from './byteWindow.ts';
import { isOpenEnded, parseRecord, type ParsedRecord } from './parseRecord.ts';
import { RestartFinder } from './restart.ts';
import { LARGE_RECORD_BYTES, MAX_RECORD_BYTES, type SplitItem, type Splitter } from './splitter.ts';
import { COMMA, isBlank, MORE, NEWLINE, OPEN_BRACE, skipBlank, ValueScanner } from './valueScanner.ts';

/** A value that goes on over several lines is waited for this long. */
const OPEN_LINES = 5000;
const OPEN_BYTES = 16 * 1024 * 1024;

/**
 * JSON lines: one value a line, blank lines ignored; only `\n` ends a line. It also reads what damaged and
 * sloppy files hold: several values on a line, a value over several lines (pretty-printed, or with raw line
 * breaks in strings), a record cut in mid-line with the next one right behind it.
 */
export class LineSplitter implements Splitter {
  readonly #restart = new RestartFinder();
  /** Bytes of the window already searched for the end of the present line. */
  #searched = 0;
  /** Start of the present line in the window. */
  #lineStart = 0;
  /** Start in the window of a value still open at the end of its line, and how many lines it has; or null. */
  #open: { start: number; lines: number; scanner: ValueScanner; scanned: number } | null = null;
  /** Where a line began that is too long to keep: its rest is passed over. */
  #skippedFrom: number | null = null;

  *split(window: ByteWindow, isLast: boolean): Generator<SplitItem, void> {
    const out: SplitItem[] = [];
    const bytes = window.bytes;
    const base = window.offset;
    let lineStart = this.#lineStart;
    let at = this.#searched;
    for (;;) {
      let end = bytes.indexOf(NEWLINE, at);
      if (end === -1) {
        if (!isLast) break;
        end = bytes.length;
        if (lineStart >= end) break;
      }
      if (this.#skippedFrom !== null) {
        out.push(tooLarge(this.#skippedFrom, base + end));
        this.#skippedFrom = null;
      } else {
        this.#line(bytes, lineStart, end, base, out);
      }
      if (out.length > 0) yield* out.splice(0);
      lineStart = at = end + 1;
    }
    if (isLast) {
      if (this.#skippedFrom !== null) out.push(tooLarge(this.#skippedFrom, base + bytes.length));
      this.#closeOpen(bytes, bytes.length, base, out);
      window.discard(bytes.length);
      yield* out;
      return;
    }
    const keepFrom = Math.min(this.#open?.start ?? lineStart, bytes.length);
    if (this.#skippedFrom !== null || bytes.length - lineStart > MAX_RECORD_BYTES) {
      this.#closeOpen(bytes, lineStart, base, out);
      this.#skippedFrom ??= base + lineStart;
      window.discard(bytes.length);
      this.#searched = 0;
      this.#lineStart = 0;
      yield* out;
      return;
    }
    window.discard(keepFrom);
    this.#searched = bytes.length - keepFrom;
    this.#lineStart = lineStart - keepFrom;
    if (this.#open) {
      this.#open.start -= keepFrom;
      this.#open.scanned -= keepFrom;
    }
  }

  #line(bytes: Uint8Array, lineStart: number, end: number, base: number, out: SplitItem[]): void {
    const start = skipBlank(bytes, lineStart, end);
    if (start === end) return;
    if (end - start > LARGE_RECORD_BYTES) {
      this.#closeOpen(bytes, lineStart, base, out);
      const view = bytes.subarray(start, end);
      out.push({
        type: 'record',
        start: base + start,
        end: base + end,
        key: null,
        bytes: view,
        parsed: null,
      });
      return;
    }
    if (this.#open && bytes[start] !== OPEN_BRACE) {
      this.#continueOpen(bytes, end, base, out);
      return;
    }
    const valueEnd = withoutComma(bytes, start, end);
    const parsed = parseRecord(bytes.subarray(start, valueEnd));
    if (parsed.ok) {
      // What lies inside the open value resembles this line, which may be the first sound one.
      if (this.#open) this.#restart.learn(bytes.subarray(start, valueEnd), parsed.value);
      this.#closeOpen(bytes, lineStart, base, out);
      this.#emit(bytes, start, valueEnd, base, parsed, out);
    } else if (this.#open) {
      this.#continueOpen(bytes, end, base, out);
    } else {
      this.#broken(bytes, start, end, base, parsed.reason, out);
    }
  }

  #emit(
    bytes: Uint8Array,
    start: number,
    end: number,
    base: number,
    parsed: ParsedRecord & { ok: true },
    out: SplitItem[],
    isGuess = false,
  ): void {
    const view = bytes.subarray(start, end);
    // A part of a damaged record would hide the whole ones that come after it.
    if (!isGuess) this.#restart.learn(view, parsed.value);
    out.push({ type: 'record', start: base + start, end: base + end, key: null, bytes: view, parsed });
  }

  /** A line that is not one value: several, the beginning of a longer one, or damaged. */
  #broken(
    bytes: Uint8Array,
    start: number,
    end: number,
    base: number,
    reason: string,
    out: SplitItem[],
  ): void {
    let at = start;
    for (;;) {
      at = this.#soundValues(bytes, at, end, base, out);
      if (at === end) return;
      const next = this.#restart.find(bytes, at + 1, end);
      if (next.start === null) break;
      out.push(brokenItem(bytes, at, next.start, base, reason));
      this.#emit(bytes, next.start, next.end, base, next.parsed, out, next.isGuess);
      at = next.end;
    }
    const scanner = new ValueScanner();
    if (bytes[at] === OPEN_BRACE && scanner.scan(bytes, at, end) === MORE) {
      this.#open = { start: at, lines: 1, scanner, scanned: end };
    } else {
      out.push(brokenItem(bytes, at, end, base, reason));
    }
  }

  /** Takes the sound values at the beginning of [start, end), one after another; returns where they stop. */
  #soundValues(bytes: Uint8Array, start: number, end: number, base: number, out: SplitItem[]): number {
    let at = start;
    for (;;) {
      at = skipBlank(bytes, at, end);
      if (bytes[at] === COMMA && at > start) at = skipBlank(bytes, at + 1, end);
      if (at >= end) return end;
      if (bytes[at] !== OPEN_BRACE) return at;
      const valueEnd = new ValueScanner().scan(bytes, at, end);
      const parsed = valueEnd > 0 ? parseRecord(bytes.subarray(at, valueEnd)) : null;
      if (!parsed?.ok) return at;
      this.#emit(bytes, at, valueEnd, base, parsed, out);
      at = valueEnd;
    }
  }

  /** Tries whether the open value is complete with the line that ends at `end`. */
  #continueOpen(bytes: Uint8Array, end: number, base: number, out: SplitItem[]): void {
    const open = this.#open;
    if (!open) return;
    open.lines++;
    const valueEnd = open.scanner.scan(bytes, open.scanned, end);
    open.scanned = end;
    const parsed = valueEnd > 0 ? parseRecord(bytes.subarray(open.start, valueEnd)) : null;
    if (parsed?.ok) {
      this.#open = null;
      this.#emit(bytes, open.start, valueEnd, base, parsed, out);
      const rest = skipBlank(bytes, valueEnd, end);
      if (rest < end) this.#broken(bytes, rest, end, base, 'text follows the value', out);
      return;
    }
    const isHopeless = valueEnd !== MORE || open.lines > OPEN_LINES || end - open.start > OPEN_BYTES;
    if (isHopeless) this.#closeOpen(bytes, end, base, out);
  }

  /** Gives an open value up: one issue for it, and whatever sound records lie inside it. */
  #closeOpen(bytes: Uint8Array, end: number, base: number, out: SplitItem[]): void {
    const open = this.#open;
    if (!open) return;
    this.#open = null;
    let at = open.start;
    for (;;) {
      const next = this.#restart.find(bytes, at + 1, end);
      out.push(brokenItem(bytes, at, next.start ?? end, base, 'the value never ends'));
      if (next.start === null) return;
      this.#emit(bytes, next.start, next.end, base, next.parsed, out, next.isGuess);
      at = this.#soundValues(bytes, next.end, end, base, out);
      if (at >= end) return;
    }
  }
}

/** Where the value of a line ends: before a comma that the lines of a list end in. */
function withoutComma(bytes: Uint8Array, start: number, end: number): number {
  let last = end - 1;
  while (last > start && isBlank(bytes[last])) last--;
  return last > start && bytes[last] === COMMA ? last : end;
}

function brokenItem(bytes: Uint8Array, start: number, end: number, base: number, reason: string): SplitItem {
  const code = isOpenEnded(bytes.subarray(start, end)) ? 'truncated-json' : 'invalid-json';
  return { type: 'broken', start: base + start, end: base + end, code, reason };
}

function tooLarge(start: number, end: number): SplitItem {
  const reason = `it has ${end - start} bytes, more than the ${MAX_RECORD_BYTES} that are read as one record`;
  return { type: 'broken', start, end, code: 'record-too-large', reason };
}
