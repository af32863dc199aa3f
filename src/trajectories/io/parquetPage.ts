/** Numbers of a Parquet page header that page-wise reading needs, and the bytes to write it again. */
export interface PageHeader {
  readonly type: 'data' | 'data-v2' | 'dictionary' | 'index';
  readonly uncompressedSize: number;
  readonly compressedSize: number;
  /** Values of a data page, nulls and list elements included. */
  readonly valueCount: number;
  /** Rows of a data page; null where the header does not state them (version 1). */
  readonly rowCount: number | null;
  /** Encoding of the repetition levels: 3 is RLE, the only one in use. */
  readonly repetitionEncoding: number;
  /** Bytes of levels that stand uncompressed before the values (version 2). */
  readonly levelBytes: number;
  readonly isCompressed: boolean;
  /** Length of the header itself. */
  readonly length: number;
  /** Id and bytes of the struct that describes the page by its type. */
  readonly detail: { readonly field: number; readonly bytes: Uint8Array };
}

const TYPES = ['data', 'index', 'dictionary', 'data-v2'] as const;
const TRUE = 1;
const BINARY = 8;
const LIST = 9;
const SET = 10;
const MAP = 11;
const STRUCT = 12;

interface Field {
  readonly type: number;
  readonly value: number;
  readonly start: number;
  readonly end: number;
}

/** A reader of Thrift's compact protocol over as much as page headers use of it. */
class CompactReader {
  at: number;
  readonly #bytes: Uint8Array;
  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new RangeError('the page header is cut');
    return byte;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  zigzag(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  struct(): Map<number, Field> {
    const fields = new Map<number, Field>();
    let id = 0;
    for (;;) {
      const byte = this.byte();
      const type = byte & 0x0f;
      if (type === 0) return fields;
      id = byte >> 4 === 0 ? this.zigzag() : id + (byte >> 4);
      const start = this.at;
      const value = this.#value(type);
      fields.set(id, { type, value, start, end: this.at });
    }
  }

  /** The value when it is a number or a boolean; anything else is passed over. */
  #value(type: number): number {
    if (type <= 2) return type === TRUE ? 1 : 0;
    if (type === 3) return this.byte();
    if (type <= 6) return this.zigzag();
    if (type === 7) this.at += 8;
    else if (type === BINARY) this.at += this.varint();
    else if (type === LIST || type === SET) {
      const head = this.byte();
      const count = head >> 4 === 15 ? this.varint() : head >> 4;
      for (let k = 0; k < count; k++) this.#element(head & 0x0f);
    } else if (type === MAP) {
      const count = this.varint();
      const types = count > 0 ? this.byte() : 0;
      for (let k = 0; k < count; k++) {
        this.#element(types >> 4);
        this.#element(types & 0x0f);
      }
    } else if (type === STRUCT) this.struct();
    else throw new RangeError('the page header is damaged');
    return 0;
  }

  #element(type: number): void {
    if (type <= 2) this.byte();
    else this.#value(type);
  }
}

/** Reads the header at `at`. Throws `RangeError` when it is cut or damaged. */
export function readPageHeader(bytes: Uint8Array, at: number): PageHeader {
  const reader = new CompactReader(bytes, at);
  const fields = reader.struct();
  const length = reader.at - at;
  const number = (id: number): number => fields.get(id)?.value ?? 0;
  const type = TYPES[number(1)];
  const field = type === 'data' ? 5 : type === 'dictionary' ? 7 : type === 'data-v2' ? 8 : 6;
  const detail = fields.get(field);
  if (!type || !detail) throw new RangeError('the page header is damaged');
  const inner = new CompactReader(bytes, detail.start).struct();
  const innerNumber = (id: number): number => inner.get(id)?.value ?? 0;
  const isV2 = type === 'data-v2';
  return {
    type,
    uncompressedSize: number(2),
    compressedSize: number(3),
    valueCount: innerNumber(1),
    rowCount: isV2 ? innerNumber(3) : null,
    repetitionEncoding: type === 'data' ? innerNumber(4) : 3,
    levelBytes: isV2 ? innerNumber(5) + innerNumber(6) : 0,
    isCompressed: !isV2 || !inner.has(7) || innerNumber(7) === 1,
    length,
    detail: { field, bytes: bytes.slice(detail.start, detail.end) },
  };
}

function writeVarint(out: number[], value: number): void {
  let rest = value;
  while (rest >= 128) {
    out.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
}

const zigzag = (value: number): number => (value >= 0 ? value * 2 : -value * 2 - 1);

/** The same header for the page's bytes in uncompressed form. */
export function uncompressedPageHeader(header: PageHeader): Uint8Array {
  const out: number[] = [];
  for (const value of [TYPES.indexOf(header.type), header.uncompressedSize, header.uncompressedSize]) {
    out.push(0x15);
    writeVarint(out, zigzag(value));
  }
  out.push(((header.detail.field - 3) << 4) | STRUCT, ...header.detail.bytes, 0);
  return Uint8Array.from(out);
}

/** An offset index (Thrift `OffsetIndex`) over these pages. */
export function writeOffsetIndex(
  pages: readonly { readonly offset: number; readonly size: number; readonly firstRow: number }[],
): Uint8Array {
  const out: number[] = [0x19];
  if (pages.length < 15) out.push((pages.length << 4) | STRUCT);
  else {
    out.push(0xf0 | STRUCT);
    writeVarint(out, pages.length);
  }
  for (const { offset, size, firstRow } of pages) {
    out.push(0x16);
    writeVarint(out, zigzag(offset));
    out.push(0x15);
    writeVarint(out, zigzag(size));
    out.push(0x16);
    writeVarint(out, zigzag(firstRow));
    out.push(0);
  }
  out.push(0);
  return Uint8Array.from(out);
}

/** Rows that begin in a version 1 page of a nested column, and whether its first value begins one. */
export function countRows(
  page: Uint8Array,
  valueCount: number,
  maxRepetitionLevel: number,
): { readonly rows: number; readonly startsRow: boolean } {
  const bitWidth = 32 - Math.clz32(maxRepetitionLevel);
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  const end = 4 + view.getUint32(0, true);
  const reader = new CompactReader(page.subarray(0, end), 4);
  let seen = 0;
  let rows = 0;
  let startsRow = false;
  while (seen < valueCount && reader.at < end) {
    const head = reader.varint();
    if ((head & 1) === 0) {
      let level = 0;
      for (let k = 0; k < bitWidth; k += 8) level += reader.byte() << k;
      const run = Math.min(head >>> 1, valueCount - seen);
      if (seen === 0) startsRow = level === 0;
      if (level === 0) rows += run;
      seen += run;
      continue;
    }
    const count = (head >>> 1) * 8;
    let buffer = 0;
    let bits = 0;
    for (let k = 0; k < count && seen < valueCount; k++) {
      while (bits < bitWidth) {
        buffer |= reader.byte() << bits;
        bits += 8;
      }
      const level = buffer & ((1 << bitWidth) - 1);
      buffer >>>= bitWidth;
      bits -= bitWidth;
      if (seen === 0) startsRow = level === 0;
      if (level === 0) rows++;
      seen++;
    }
  }
  return { rows, startsRow };
}
