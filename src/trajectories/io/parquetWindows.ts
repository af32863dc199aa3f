import type { AsyncBuffer, ColumnChunk, FileMetaData, RowGroup } from 'hyparquet';
import type { ByteSource } from '../../core/byteSource.ts';
import { CancelledError, messageOf } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import type { RecordPlace } from './locator.ts';
import { ColumnPages, maxRepetitionLevel } from './parquetColumn.ts';
import { writeOffsetIndex } from './parquetPage.ts';
import { asyncBuffer, readParquetFooter, readParquetRows } from './parquetRows.ts';
import { joinBytes } from './sources.ts';
import type { Yielder } from './yielder.ts';

type RowPages = (RecordPlace & { readonly type: 'row' })['pages'];

/** Some consecutive rows, or why they could not be read. */
export interface RowWindow {
  readonly firstRow: number;
  readonly endRow: number;
  readonly rows: readonly JsonObject[];
  readonly problem: string | null;
  /** Where each column's pages for these rows begin; null where the whole row group is read at once. */
  readonly pages: RowPages;
  /** Bytes of the file read up to here. */
  readonly doneBytes: number;
}

/** Row groups up to this many uncompressed bytes are decoded at once, larger ones page by page. */
const WHOLE_GROUP_BYTES = 16 * 1024 * 1024;
/** Uncompressed bytes of the rows decoded together. */
const WINDOW_BYTES = 8 * 1024 * 1024;

function uncompressedBytes(group: RowGroup): number {
  let sum = 0;
  for (const column of group.columns) sum += Number(column.meta_data?.total_uncompressed_size ?? 0);
  return sum;
}

function compressedBytes(group: RowGroup): number {
  let sum = 0;
  for (const column of group.columns) sum += Number(column.meta_data?.total_compressed_size ?? 0);
  return sum;
}

/** How much is decoded at once; tests make it small. */
export interface WindowSizes {
  readonly wholeGroupBytes: number;
  readonly windowBytes: number;
}

const defaultSizes: WindowSizes = { wholeGroupBytes: WHOLE_GROUP_BYTES, windowBytes: WINDOW_BYTES };

/** All rows of a table in order, in windows of bounded size. Rows that are damaged are passed over. */
export async function* parquetWindows(
  source: ByteSource,
  sizeBytes: number,
  footer: FileMetaData,
  yielder: Yielder,
  sizes: WindowSizes = defaultSizes,
): AsyncGenerator<RowWindow> {
  const file = asyncBuffer(source, sizeBytes);
  let groupStart = 0;
  let bytesBefore = 0;
  for (const group of footer.row_groups) {
    const groupRows = Number(group.num_rows);
    const groupBytes = compressedBytes(group);
    const unpackedBytes = uncompressedBytes(group);
    const isLarge = unpackedBytes > sizes.wholeGroupBytes && groupRows > 1;
    const perWindow = isLarge
      ? Math.max(1, Math.floor((groupRows * sizes.windowBytes) / unpackedBytes))
      : groupRows;
    const place: GroupPlace = { groupStart, groupRows, bytesBefore, groupBytes };
    let reader = isLarge ? new GroupReader(source, footer, group) : null;
    let row = 0;
    if (!reader) {
      try {
        const rows = await readParquetRows(file, footer, groupStart, groupStart + groupRows);
        yield { ...rangeOf(place, 0, groupRows), rows, problem: null, pages: null };
        row = groupRows;
      } catch (error) {
        if (error instanceof CancelledError) throw error;
        reader = new GroupReader(source, footer, group);
      }
    }
    while (reader && row < groupRows) {
      await yielder.pause();
      const end = reader.isLost ? groupRows : Math.min(groupRows, row + perWindow);
      yield* readRange(reader, place, row, end, yielder);
      row = end;
    }
    groupStart += groupRows;
    bytesBefore += groupBytes;
  }
}

interface GroupPlace {
  readonly groupStart: number;
  readonly groupRows: number;
  readonly bytesBefore: number;
  readonly groupBytes: number;
}

function rangeOf(
  place: GroupPlace,
  start: number,
  end: number,
): Omit<RowWindow, 'rows' | 'problem' | 'pages'> {
  return {
    firstRow: place.groupStart + start,
    endRow: place.groupStart + end,
    doneBytes: place.bytesBefore + (place.groupBytes * end) / place.groupRows,
  };
}

/** Rows [start, end) of a group; of a damaged range each half is tried alone, down to single rows. */
async function* readRange(
  reader: GroupReader,
  place: GroupPlace,
  start: number,
  end: number,
  yielder: Yielder,
): AsyncGenerator<RowWindow> {
  try {
    const rows = await reader.rows(start, end);
    yield { ...rangeOf(place, start, end), rows, problem: null, pages: reader.pagesAt(start) };
  } catch (error) {
    if (error instanceof CancelledError) throw error;
    if (reader.isLost || end - start === 1) {
      yield { ...rangeOf(place, start, end), rows: [], problem: messageOf(error), pages: null };
      return;
    }
    await yielder.pause();
    const middle = start + Math.ceil((end - start) / 2);
    yield* readRange(reader, place, start, middle, yielder);
    yield* readRange(reader, place, middle, end, yielder);
  }
}

/** One row, read without the rest of the table; null when the file has no such row. */
export async function readParquetRow(
  source: ByteSource,
  place: RecordPlace & { readonly type: 'row' },
): Promise<JsonObject | null> {
  const sizeBytes = source.sizeBytes ?? 0;
  const footer = await readParquetFooter(source, sizeBytes);
  let groupStart = 0;
  for (const group of footer.row_groups) {
    const groupRows = Number(group.num_rows);
    if (place.row < groupStart + groupRows) {
      const row = place.row - groupStart;
      if (!place.pages) break;
      const reader = new GroupReader(source, footer, group);
      await reader.resume(place.pages);
      return (await reader.rows(row, row + 1))[0] ?? null;
    }
    groupStart += groupRows;
  }
  const rows = await readParquetRows(asyncBuffer(source, sizeBytes), footer, place.row, place.row + 1);
  return rows[0] ?? null;
}

/** Reads windows of one row group by handing the decoder a small file of just the pages it needs. */
class GroupReader {
  readonly #footer: FileMetaData;
  readonly #group: RowGroup;
  readonly #columns: readonly ColumnPages[];
  #isLost = false;

  constructor(source: ByteSource, footer: FileMetaData, group: RowGroup) {
    this.#footer = footer;
    this.#group = group;
    this.#columns = group.columns.map((column) => {
      if (!column.meta_data) throw new RangeError('a column has no metadata');
      const level = maxRepetitionLevel(footer, column.meta_data.path_in_schema);
      return new ColumnPages(source, column.meta_data, level, Number(group.num_rows));
    });
  }

  async resume(pages: NonNullable<RowPages>): Promise<void> {
    for (const [index, column] of this.#columns.entries()) {
      const page = pages[index];
      if (page) await column.resume(page[0], page[1]);
    }
  }

  /** The page of each column that a reader of this row begins with. */
  pagesAt(row: number): NonNullable<RowPages> {
    return this.#columns.map((column) => {
      const page = column.pages.findLast((each) => each.startsRow && each.firstRow <= row) ?? column.pages[0];
      return [page?.offset ?? 0, page?.firstRow ?? 0] as const;
    });
  }

  /** True when a column could not be walked on: which rows its later pages hold is not known. */
  get isLost(): boolean {
    return this.#isLost;
  }

  async rows(start: number, end: number): Promise<JsonObject[]> {
    try {
      for (const column of this.#columns) {
        await column.cover(end);
        column.drop(start);
      }
    } catch (error) {
      this.#isLost = true;
      throw error;
    }
    const { file, footer } = this.#window();
    return readParquetRows(file, footer, start, end);
  }

  /** A table of one row group whose columns have only the pages at hand, located by an offset index. */
  #window(): { file: AsyncBuffer; footer: FileMetaData } {
    const pieces: Uint8Array[] = [];
    let position = 0;
    const add = (bytes: Uint8Array): number => {
      pieces.push(bytes);
      position += bytes.length;
      return position - bytes.length;
    };
    add(new Uint8Array(4));
    const columns = this.#columns.map((column, index): ColumnChunk => {
      const chunkStart = position;
      const dictionaryAt = column.dictionary ? add(column.dictionary) : null;
      const pages = column.pages.map(({ bytes, firstRow }) => ({
        offset: add(bytes),
        size: bytes.length,
        firstRow,
      }));
      const size = position - chunkStart;
      const offsetIndex = writeOffsetIndex(pages);
      const indexAt = add(offsetIndex);
      return {
        ...this.#group.columns[index],
        file_offset: BigInt(chunkStart),
        meta_data: {
          ...column.meta,
          codec: column.isUncompressed ? 'UNCOMPRESSED' : column.meta.codec,
          dictionary_page_offset: dictionaryAt === null ? undefined : BigInt(dictionaryAt),
          data_page_offset: BigInt(pages[0]?.offset ?? chunkStart),
          total_compressed_size: BigInt(size),
        },
        offset_index_offset: BigInt(indexAt),
        offset_index_length: offsetIndex.length,
      };
    });
    const bytes = joinBytes(pieces);
    const file = {
      byteLength: bytes.length,
      slice: (start: number, end = bytes.length) => bytes.slice(start, end).buffer,
    };
    return { file, footer: { ...this.#footer, row_groups: [{ ...this.#group, columns }] } };
  }
}
