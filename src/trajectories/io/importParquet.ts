import type { ByteSource } from '../../core/byteSource.ts';
import { CancelledError, messageOf } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import type { RawRecord } from '../format.ts';
import type { ImportRun } from './importRun.ts';
import { detectBest } from '../detectBest.ts';
import { SAMPLE_RECORDS } from './recognise.ts';
import { RecordSink, type Leaf } from './recordSink.ts';
import { readParquetFooter } from './parquetRows.ts';
import { parquetWindows } from './parquetWindows.ts';

/** Imports a Parquet table, row window by row window. Yields whenever events should be handed out. */
export async function* importParquet(run: ImportRun, source: ByteSource, leaf: Leaf): AsyncGenerator<void> {
  run.totals.files++;
  const { file } = leaf;
  const size = source.sizeBytes ?? 0;
  let sink: RecordSink | null = null;
  let rowsRead = 0;
  try {
    const footer = await readParquetFooter(source, size);
    for await (const window of parquetWindows(source, size, footer, run.yielder)) {
      if (window.problem !== null) {
        const message = `Rows ${window.firstRow} to ${window.endRow - 1} could not be read: ${window.problem}.`;
        run.issue('error', 'damaged-rows', message, { file, record: window.firstRow });
        continue;
      }
      const records = window.rows.map((value, index) => rowRecord(file, window.firstRow + index, value));
      if (!sink) {
        sink = new RecordSink(run, leaf, { layout: 'rows', envelope: null, envelopePlace: null });
        const sample = {
          file,
          container: 'rows',
          records: records.slice(0, SAMPLE_RECORDS),
          envelope: null,
        } as const;
        const best = detectBest(sample, run.options.formats);
        if (best) sink.begin(best.adapter, best.detection);
      }
      for (const record of records) {
        sink.accept(record, { type: 'row', row: record.record, pages: window.pages });
        rowsRead++;
        if (!run.yielder.isDue) continue;
        yield;
        await run.yielder.pause();
      }
      if (leaf.chain.length === 0) run.reached(window.doneBytes);
      yield;
      await run.yielder.pause();
      if (sink.isGivenUp) break;
    }
    sink?.finish();
    if (sink?.foundFormat) return;
    const columns = footer.schema.slice(1, 12).map((element) => element.name);
    const message = `The table is not of a format that is known. Its columns: ${columns.join(', ')}.`;
    run.issue('error', 'unrecognised-format', message, { file });
  } catch (error) {
    if (error instanceof CancelledError) throw error;
    const after = rowsRead > 0 ? ` after row ${rowsRead - 1}` : '';
    run.issue('error', 'damaged-table', `The Parquet file could not be read${after}: ${messageOf(error)}.`, {
      file,
    });
    sink?.finish();
  }
}

/** A row as a record. Columnar files have no byte range for it. */
function rowRecord(file: string, row: number, value: JsonObject): RawRecord {
  return { file, record: row, byteStart: null, byteEnd: null, key: null, value };
}
