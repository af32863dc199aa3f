import { assert } from '../core/assert.ts';

/**
 * Growable columns of a table that must stay small for hundreds of thousands of rows: typed arrays and one
 * buffer of UTF-8, no object per row. Every column can be written as bytes and read again.
 */
export interface Column {
  readonly length: number;
  /** Buffers in a fixed order; `load` takes them back. */
  save(): Uint8Array[];
  load(buffers: readonly Uint8Array[], length: number): void;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Numbers; null is kept as NaN. */
export class NumberColumn implements Column {
  #values = new Float64Array(1024);
  length = 0;

  push(value: number | null): void {
    if (this.length === this.#values.length) {
      const grown = new Float64Array(this.length * 2);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.length++] = value ?? NaN;
  }
  at(row: number): number {
    return this.#values[row] ?? NaN;
  }
  orNull(row: number): number | null {
    const value = this.at(row);
    return Number.isNaN(value) ? null : value;
  }
  set(row: number, value: number | null): void {
    assert(row < this.length, 'row beyond the column');
    this.#values[row] = value ?? NaN;
  }
  save(): Uint8Array[] {
    return [new Uint8Array(this.#values.slice(0, this.length).buffer)];
  }
  load(buffers: readonly Uint8Array[], length: number): void {
    const bytes = buffers[0]?.slice() ?? new Uint8Array(0);
    this.#values = new Float64Array(Math.max(1024, length));
    this.#values.set(new Float64Array(bytes.buffer, 0, length));
    this.length = length;
  }
}

function lowerCase(byte: number): number {
  return byte >= 65 && byte <= 90 ? byte + 32 : byte;
}

/** Texts, one after another as UTF-8. */
export class TextColumn implements Column {
  #bytes = new Uint8Array(16 * 1024);
  #ends = new NumberColumn();

  get length(): number {
    return this.#ends.length;
  }
  get #used(): number {
    return this.#ends.length === 0 ? 0 : this.#ends.at(this.#ends.length - 1);
  }
  push(text: string): void {
    const start = this.#used;
    const needed = start + text.length * 3;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, start));
      this.#bytes = grown;
    }
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(start));
    this.#ends.push(start + written);
  }
  at(row: number): string {
    const start = row === 0 ? 0 : this.#ends.at(row - 1);
    return decoder.decode(this.#bytes.subarray(start, this.#ends.at(row)));
  }
  /** True when the text holds the ASCII word (in lower case), whatever its case there; nothing is decoded. */
  hasWord(row: number, word: Uint8Array): boolean {
    const bytes = this.#bytes;
    const last = this.#ends.at(row) - word.length;
    const first = word[0] ?? 0;
    for (let at = row === 0 ? 0 : this.#ends.at(row - 1); at <= last; at++) {
      if (lowerCase(bytes[at]!) !== first) continue;
      let length = 1;
      while (length < word.length && lowerCase(bytes[at + length]!) === word[length]) length++;
      if (length === word.length) return true;
    }
    return false;
  }
  save(): Uint8Array[] {
    return [this.#bytes.slice(0, this.#used), ...this.#ends.save()];
  }
  load(buffers: readonly Uint8Array[], length: number): void {
    const bytes = buffers[0] ?? new Uint8Array(0);
    this.#bytes = new Uint8Array(Math.max(16 * 1024, bytes.length));
    this.#bytes.set(bytes);
    this.#ends.load(buffers.slice(1), length);
  }
}

/** Values that repeat a lot (formats, files, reasons): each distinct text is kept once. */
export class InternedColumn implements Column {
  #codes = new Uint32Array(1024);
  #values: string[] = [];
  #codeOf = new Map<string, number>();
  length = 0;

  codeFor(value: string): number {
    let code = this.#codeOf.get(value);
    if (code === undefined) {
      code = this.#values.length;
      this.#values.push(value);
      this.#codeOf.set(value, code);
    }
    return code;
  }
  push(value: string): void {
    if (this.length === this.#codes.length) {
      const grown = new Uint32Array(this.length * 2);
      grown.set(this.#codes);
      this.#codes = grown;
    }
    this.#codes[this.length++] = this.codeFor(value);
  }
  at(row: number): string {
    return this.#values[this.#codes[row] ?? 0] ?? '';
  }
  codeAt(row: number): number {
    return this.#codes[row] ?? 0;
  }
  set(row: number, value: string): void {
    assert(row < this.length, 'row beyond the column');
    this.#codes[row] = this.codeFor(value);
  }
  /** Distinct values by code. */
  get values(): readonly string[] {
    return this.#values;
  }
  save(): Uint8Array[] {
    return [
      new Uint8Array(this.#codes.slice(0, this.length).buffer),
      encoder.encode(JSON.stringify(this.#values)),
    ];
  }
  load(buffers: readonly Uint8Array[], length: number): void {
    const codes = buffers[0]?.slice() ?? new Uint8Array(0);
    this.#codes = new Uint32Array(Math.max(1024, length));
    this.#codes.set(new Uint32Array(codes.buffer, 0, length));
    this.#values = JSON.parse(decoder.decode(buffers[1] ?? encoder.encode('[]'))) as string[];
    this.#codeOf = new Map(this.#values.map((value, code) => [value, code]));
    this.length = length;
  }
}

const magic = 'ACCIDX1\n';

/** All columns of a table in one block of bytes: magic, JSON head with lengths, buffers. */
export function saveColumns(columns: Readonly<Record<string, Column>>, rowCount: number): Blob {
  const buffers: Uint8Array[] = [];
  const head: Record<string, number[]> = {};
  for (const [name, column] of Object.entries(columns)) {
    const saved = column.save();
    head[name] = saved.map((buffer) => buffer.length);
    buffers.push(...saved);
  }
  const headBytes = encoder.encode(JSON.stringify({ rowCount, columns: head }));
  const size = new Uint8Array(4);
  new DataView(size.buffer).setUint32(0, headBytes.length, true);
  return new Blob([encoder.encode(magic), size, headBytes, ...buffers] as BlobPart[]);
}

/** Fills the columns from what `saveColumns` wrote. False when the bytes are of another version or damaged. */
export function loadColumns(columns: Readonly<Record<string, Column>>, bytes: Uint8Array): boolean {
  if (decoder.decode(bytes.subarray(0, magic.length)) !== magic) return false;
  try {
    const headLength = new DataView(bytes.buffer, bytes.byteOffset + magic.length, 4).getUint32(0, true);
    let at = magic.length + 4;
    const head = JSON.parse(decoder.decode(bytes.subarray(at, at + headLength))) as {
      rowCount: number;
      columns: Record<string, number[]>;
    };
    at += headLength;
    const found = new Map<string, Uint8Array[]>();
    for (const [name, lengths] of Object.entries(head.columns)) {
      found.set(
        name,
        lengths.map((length) => bytes.subarray(at, (at += length))),
      );
    }
    if (at !== bytes.length || Object.keys(columns).some((name) => !found.has(name))) return false;
    for (const [name, column] of Object.entries(columns)) {
      column.load(found.get(name) ?? [], head.rowCount);
    }
    return true;
  } catch {
    return false;
  }
}
