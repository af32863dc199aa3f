import type { FileMetaData } from 'hyparquet';
import type { ByteSource } from '../../core/byteSource.ts';
import { CancelledError, messageOf } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import type { RecordPlace } from './locator.ts';
import { asyncBuffer, readParquetFooter, readParquetRows } from './parquetRows.ts';
import type { Yielder } from './yielder.ts';

/** Some consecutive rows, or why they could not be read. */
export interface RowWindow {
  readonly firstRow: number;
  readonly endRow: number;
  readonly rows: readonly JsonObject[];
  readonly problem: string | null;
  /** Bytes of the file read up to here. */
  readonly doneBytes: number;
}

/** All rows of a table in order, in windows of bounded size. A row group that is damaged is passed over. */
export async function* parquetWindows(
  source: ByteSource,
  sizeBytes: number,
  footer: FileMetaData,
  yielder: Yielder,
): AsyncGenerator<RowWindow> {
  const file = asyncBuffer(source, sizeBytes);
  let firstRow = 0;
  let doneBytes = 0;
  for (const group of footer.row_groups) {
    const endRow = firstRow + Number(group.num_rows);
    for (const column of group.columns) doneBytes += Number(column.meta_data?.total_compressed_size ?? 0);
    try {
      const rows = await readParquetRows(file, footer, firstRow, endRow);
      yield { firstRow, endRow, rows, problem: null, doneBytes };
    } catch (error) {
      if (error instanceof CancelledError) throw error;
      yield { firstRow, endRow, rows: [], problem: messageOf(error), doneBytes };
    }
    await yielder.pause();
    firstRow = endRow;
  }
}

/** One row, read without the other row groups; null when the file has no such row. */
export async function readParquetRow(
  source: ByteSource,
  place: RecordPlace & { readonly type: 'row' },
): Promise<JsonObject | null> {
  const sizeBytes = source.sizeBytes ?? 0;
  const footer = await readParquetFooter(source, sizeBytes);
  const rows = await readParquetRows(asyncBuffer(source, sizeBytes), footer, place.row, place.row + 1);
  return rows[0] ?? null;
}
