import type { ColumnMetaData, FileMetaData, SchemaTree } from 'hyparquet';
import { parquetSchema } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import type { ByteSource } from '../../core/byteSource.ts';
import { countRows, readPageHeader, uncompressedPageHeader, type PageHeader } from './parquetPage.ts';
import { joinBytes } from './sources.ts';

/** A data page as bytes that a decoder takes: header and content. */
export interface ColumnPage {
  readonly bytes: Uint8Array;
  /** Offset of the page in the file. */
  readonly offset: number;
  /** First row of the row group that has values here, and the row after the last that begins here. */
  readonly firstRow: number;
  readonly endRow: number;
  /** False when the page goes on with a row that an earlier page began. */
  readonly startsRow: boolean;
}

/** A page header is some tens of bytes plus statistics, which may hold two long values. */
const HEADER_BYTES = 64 * 1024;
const READ_BYTES = 1024 * 1024;

/** Times that a path through the schema repeats: lists nested in lists. */
export function maxRepetitionLevel(footer: FileMetaData, path: readonly string[]): number {
  let node: SchemaTree | undefined = parquetSchema(footer);
  let level = 0;
  for (const name of path) {
    node = node?.children.find((child) => child.element.name === name);
    if (node?.element.repetition_type === 'REPEATED') level++;
  }
  return level;
}

/**
 * Walks the pages of one column of one row group and keeps only those that a window of rows needs, so that
 * row groups of any size are read in bounded memory. Pages of nested columns are kept uncompressed: their
 * levels had to be read to know their rows.
 */
export class ColumnPages {
  readonly meta: ColumnMetaData;
  readonly #source: ByteSource;
  readonly #level: number;
  readonly #end: number;
  readonly #groupRows: number;
  #position: number;
  #nextRow = 0;
  #dictionary: Uint8Array | null = null;
  #pages: ColumnPage[] = [];
  /** Bytes read ahead, and where they begin. */
  #ahead: Uint8Array = new Uint8Array(0);
  #aheadAt = 0;

  constructor(source: ByteSource, meta: ColumnMetaData, level: number, groupRows: number) {
    this.#source = source;
    this.meta = meta;
    this.#level = level;
    this.#groupRows = groupRows;
    const data = Number(meta.data_page_offset);
    const dictionary = Number(meta.dictionary_page_offset ?? 0n);
    this.#position = dictionary > 0 && dictionary < data ? dictionary : data;
    this.#end = this.#position + Number(meta.total_compressed_size);
  }

  /** True when pages are handed out uncompressed whatever the column's codec. */
  get isUncompressed(): boolean {
    return this.#level > 0;
  }

  get dictionary(): Uint8Array | null {
    return this.#dictionary;
  }

  get pages(): readonly ColumnPage[] {
    return this.#pages;
  }

  /** Goes on from a page in the middle, after the dictionary was read. */
  async resume(offset: number, firstRow: number): Promise<void> {
    const first = await this.#headerAt(this.#position);
    if (first.type === 'dictionary') await this.#readPage(first);
    if (offset > this.#position) {
      this.#position = offset;
      this.#nextRow = firstRow;
    }
  }

  /** Reads on until rows [0, endRow) are complete. */
  async cover(endRow: number): Promise<void> {
    while (!this.#covers(endRow) && this.#position < this.#end) {
      await this.#readPage(await this.#headerAt(this.#position));
    }
  }

  /** Forgets the pages that only hold rows before this one. */
  drop(beforeRow: number): void {
    // The last page that starts a row at or before it stays, with all that follow.
    let keep = 0;
    for (const [index, page] of this.#pages.entries()) {
      if (page.startsRow && page.firstRow <= beforeRow) keep = index;
    }
    if (keep > 0) this.#pages = this.#pages.slice(keep);
  }

  /** A row is complete when a later page begins another, or when its column ends. */
  #covers(endRow: number): boolean {
    const last = this.#pages.at(-1);
    if (!last) return false;
    if (last.endRow >= this.#groupRows && this.#level === 0) return true;
    return this.#level === 0 ? last.endRow >= endRow : last.endRow > endRow;
  }

  async #headerAt(offset: number): Promise<PageHeader> {
    const bytes = await this.#bytes(offset, Math.min(offset + HEADER_BYTES, this.#end));
    return readPageHeader(bytes, 0);
  }

  async #readPage(header: PageHeader): Promise<void> {
    const offset = this.#position;
    const size = header.length + header.compressedSize;
    const raw = await this.#bytes(offset, offset + size);
    if (raw.length < size) throw new RangeError('the column ends inside a page');
    this.#position = offset + size;
    const bytes = this.isUncompressed ? this.#uncompress(header, raw) : raw.slice();
    if (header.type === 'dictionary') this.#dictionary = bytes;
    if (header.type !== 'data' && header.type !== 'data-v2') return;
    const { rows, startsRow } = this.#rowsOf(header, bytes);
    const firstRow = startsRow ? this.#nextRow : this.#nextRow - 1;
    this.#nextRow += rows;
    this.#pages.push({ bytes, offset, firstRow, endRow: this.#nextRow, startsRow });
  }

  #rowsOf(header: PageHeader, bytes: Uint8Array): { rows: number; startsRow: boolean } {
    if (header.rowCount !== null) return { rows: header.rowCount, startsRow: true };
    if (this.#level === 0) return { rows: header.valueCount, startsRow: true };
    if (header.repetitionEncoding !== 3) throw new RangeError('repetition levels of an outdated encoding');
    return countRows(bytes.subarray(uncompressedPageHeader(header).length), header.valueCount, this.#level);
  }

  #uncompress(header: PageHeader, raw: Uint8Array): Uint8Array {
    const content = raw.subarray(header.length);
    const { codec } = this.meta;
    const decompress = compressors[codec];
    if (codec === 'UNCOMPRESSED' || !header.isCompressed) {
      return joinBytes([uncompressedPageHeader(header), content]);
    }
    if (!decompress) throw new RangeError(`compression ${codec} cannot be read`);
    const levels = content.subarray(0, header.levelBytes);
    const size = header.uncompressedSize - header.levelBytes;
    const values = decompress(content.subarray(header.levelBytes), size);
    if (values.length !== size) throw new RangeError('a page does not have the size that its header states');
    return joinBytes([uncompressedPageHeader(header), levels, values]);
  }

  async #bytes(start: number, end: number): Promise<Uint8Array> {
    if (start < this.#aheadAt || end > this.#aheadAt + this.#ahead.length) {
      const to = Math.max(end, Math.min(start + READ_BYTES, this.#end));
      this.#ahead = await this.#source.read(start, to);
      this.#aheadAt = start;
    }
    return this.#ahead.subarray(start - this.#aheadAt, end - this.#aheadAt);
  }
}
