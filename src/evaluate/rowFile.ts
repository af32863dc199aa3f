import type { AsyncBuffer, FileMetaData, ParquetParsers } from 'hyparquet';
import { parquetMetadataAsync, parquetRead } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import type { ByteSource } from '../core/byteSource.ts';
import { InputError, messageOf, throwIfCancelled } from '../core/errors.ts';
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { parseCsv } from '../core/csv.ts';
import { jsonLines } from './jsonLines.ts';

/** One row of a benchmark file, or why it cannot be read. */
export interface FileRow {
  /** Zero-based number of the row in the file. */
  readonly index: number;
  readonly value: JsonValue;
  readonly problem: string | null;
}

/** Consecutive rows of a Parquet file. */
interface ParquetWindow {
  readonly firstRow: number;
  readonly endRow: number;
  readonly rows: readonly JsonObject[];
  readonly problem: string | null;
}

/**
 * Reads the rows of a footer's row groups in windows of bounded memory. Shells that have a page-wise reader pass
 * it; without one each row group is decoded at once.
 */
export type WindowReader = (
  source: ByteSource,
  sizeBytes: number,
  footer: FileMetaData,
  signal: AbortSignal | undefined,
) => AsyncIterable<ParquetWindow>;

interface RowsWanted {
  /** Top-level columns to read; the rest is not even fetched from a Parquet file. All by default. */
  readonly columns?: readonly string[];
  /** Row numbers wanted, ascending; all by default. */
  readonly indices?: readonly number[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (doneBytes: number) => void;
}

/** A benchmark file of any of the formats in which they are published. */
export interface RowFile {
  readonly format: 'parquet' | 'jsonl' | 'json' | 'csv';
  readonly sizeBytes: number | null;
  /** Known at once for Parquet only. */
  readonly rowCount: number | null;
  readonly columns: readonly string[] | null;
  rows(wanted?: RowsWanted): AsyncGenerator<FileRow>;
}

/** JSON and CSV files are read as a whole up to this size. */
const wholeFileBytes = 256 * 1024 * 1024;

/** Opens a benchmark file; the format is told by its content. Throws `InputError` when it is none of these. */
export async function openRowFile(source: ByteSource, windows?: WindowReader): Promise<RowFile> {
  const head = await source.read(0, 4096);
  if (head.length === 0) throw new InputError('empty-file', 'The file is empty', { where: source.name });
  if (String.fromCharCode(...head.subarray(0, 4)) === 'PAR1')
    return parquetFile(source, windows ?? wholeGroups);
  const start = new TextDecoder()
    .decode(head)
    .replace(/^\ufeff/, '')
    .trimStart();
  if (start.startsWith('[')) return listFile(source);
  if (start.startsWith('{')) return linesFile(source);
  if (/^[^\n]*,[^\n]*\n/.test(start)) return csvFile(source);
  throw new InputError('unknown-benchmark-file', 'This is no benchmark file', {
    where: source.name,
    expected: 'Parquet, JSON Lines, a JSON list of rows, or CSV',
  });
}

/** Steps through ascending wanted indices. */
class WantedRows {
  private at = 0;
  constructor(private readonly indices: readonly number[] | undefined) {}
  has(index: number): boolean {
    if (!this.indices) return true;
    while (this.at < this.indices.length && this.indices[this.at]! < index) this.at++;
    return this.indices[this.at] === index;
  }
  /** No wanted row at or after this one. */
  isDone(index: number): boolean {
    return this.indices !== undefined && (this.indices.at(-1) ?? -1) < index;
  }
  touches(first: number, end: number): boolean {
    return !this.indices || this.indices.some((index) => index >= first && index < end);
  }
}

function picked(value: JsonValue, columns: readonly string[] | undefined): JsonValue {
  if (!columns || !isObject(value)) return value;
  const row: JsonObject = {};
  for (const name of columns) if (Object.hasOwn(value, name)) row[name] = value[name]!;
  return row;
}

function linesFile(source: ByteSource): RowFile {
  return {
    format: 'jsonl',
    sizeBytes: source.sizeBytes,
    rowCount: null,
    columns: null,
    async *rows({ columns, indices, signal, onProgress } = {}) {
      const wanted = new WantedRows(indices);
      let index = 0;
      for await (const line of jsonLines(source, signal)) {
        if (wanted.isDone(index)) return;
        if (line.text.trim() === '') continue;
        if (wanted.has(index)) {
          if (line.problem !== null) yield { index, value: null, problem: line.problem };
          else {
            let value: JsonValue = null;
            let problem: string | null = null;
            try {
              value = picked(JSON.parse(line.text) as JsonValue, columns);
            } catch (error) {
              problem = `line ${line.number} is not JSON: ${messageOf(error)}`;
            }
            yield { index, value, problem };
          }
        }
        index++;
        onProgress?.(line.end);
      }
    },
  };
}

async function wholeText(source: ByteSource, signal: AbortSignal | undefined): Promise<string> {
  if ((source.sizeBytes ?? 0) > wholeFileBytes) {
    throw new InputError('file-too-large', 'A list or table of this size must be JSON Lines or Parquet', {
      where: source.name,
      expected: `at most ${wholeFileBytes / 1024 / 1024} MiB`,
    });
  }
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of source.stream(0, signal)) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}

function tableFile(
  format: 'json' | 'csv',
  source: ByteSource,
  parse: (text: string) => readonly JsonValue[],
): RowFile {
  return {
    format,
    sizeBytes: source.sizeBytes,
    rowCount: null,
    columns: null,
    async *rows({ columns, indices, signal, onProgress } = {}) {
      const wanted = new WantedRows(indices);
      const rows = parse(await wholeText(source, signal));
      onProgress?.(source.sizeBytes ?? 0);
      for (const [index, value] of rows.entries()) {
        throwIfCancelled(signal, `Reading ${source.name}`);
        if (wanted.has(index)) yield { index, value: picked(value, columns), problem: null };
      }
    },
  };
}

function listFile(source: ByteSource): RowFile {
  return tableFile('json', source, (text) => {
    try {
      const value = JSON.parse(text.replace(/^\ufeff/, '')) as JsonValue;
      return Array.isArray(value) ? value : [value];
    } catch (error) {
      throw new InputError('not-json', 'The file begins like a JSON list but is none', {
        where: source.name,
        actual: messageOf(error),
      });
    }
  });
}

function csvFile(source: ByteSource): RowFile {
  return tableFile('csv', source, parseCsv);
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const parsers: Partial<ParquetParsers> = {
  stringFromBytes: (bytes: Uint8Array | undefined) => bytes && utf8.decode(bytes),
  jsonFromBytes: (bytes: Uint8Array | undefined) => bytes && utf8.decode(bytes),
};

function bufferOf(source: ByteSource, sizeBytes: number): AsyncBuffer {
  return {
    byteLength: sizeBytes,
    slice: async (start, end = sizeBytes) => {
      const bytes = await source.read(start, end);
      return bytes.slice().buffer;
    },
  };
}

async function* wholeGroups(
  source: ByteSource,
  sizeBytes: number,
  footer: FileMetaData,
  signal: AbortSignal | undefined,
): AsyncGenerator<ParquetWindow> {
  let firstRow = 0;
  for (const group of footer.row_groups) {
    throwIfCancelled(signal, `Reading ${source.name}`);
    const endRow = firstRow + Number(group.num_rows);
    let rows: JsonObject[] = [];
    let problem: string | null = null;
    try {
      await parquetRead({
        file: bufferOf(source, sizeBytes),
        metadata: footer,
        rowStart: firstRow,
        rowEnd: endRow,
        rowFormat: 'object',
        compressors,
        parsers,
        geoparquet: false,
        onComplete: (complete) => {
          rows = complete.map((row) => toJson(row) as JsonObject);
        },
      });
    } catch (error) {
      problem = messageOf(error);
    }
    yield { firstRow, endRow, rows, problem };
    firstRow = endRow;
  }
}

/** Decoded values as JSON: whole numbers as numbers, times as text. */
function toJson(value: unknown): JsonValue {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Uint8Array) return utf8.decode(value);
  if (Array.isArray(value) || ArrayBuffer.isView(value))
    return Array.from(value as ArrayLike<unknown>, toJson);
  if (typeof value !== 'object' || value === null) return null;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, toJson(item)]));
}

/** A footer with only these top-level columns: no other column's bytes are asked for. */
function withColumns(footer: FileMetaData, columns: readonly string[] | undefined): FileMetaData {
  if (!columns) return footer;
  const kept = new Set(columns);
  const [root, ...elements] = footer.schema;
  const schema: FileMetaData['schema'] = [];
  let children = 0;
  // The schema is a tree in preorder; each top-level entry is followed by its descendants.
  for (let at = 0; at < elements.length;) {
    let end = at + 1;
    for (let open = elements[at]?.num_children ?? 0; open > 0 && end < elements.length; end++) {
      open += (elements[end]?.num_children ?? 0) - 1;
    }
    if (kept.has(elements[at]?.name ?? '')) {
      schema.push(...elements.slice(at, end));
      children++;
    }
    at = end;
  }
  return {
    ...footer,
    schema: [{ ...root!, num_children: children }, ...schema],
    row_groups: footer.row_groups.map((group) => ({
      ...group,
      columns: group.columns.filter((column) => kept.has(column.meta_data?.path_in_schema[0] ?? '')),
    })),
  };
}

async function parquetFile(source: ByteSource, windows: WindowReader): Promise<RowFile> {
  const sizeBytes = source.sizeBytes;
  if (sizeBytes === null || !source.seekable) {
    throw new InputError('parquet-not-seekable', 'A Parquet file must be readable at any place', {
      where: source.name,
    });
  }
  let footer: FileMetaData;
  try {
    footer = await parquetMetadataAsync(bufferOf(source, sizeBytes), { parsers, geoparquet: false });
  } catch (error) {
    throw new InputError('damaged-parquet', 'The Parquet file cannot be read', {
      where: source.name,
      actual: messageOf(error),
    });
  }
  const names = new Set(
    footer.row_groups[0]?.columns.map((column) => column.meta_data?.path_in_schema[0] ?? '') ?? [],
  );
  return {
    format: 'parquet',
    sizeBytes,
    rowCount: Number(footer.num_rows),
    columns: [...names],
    async *rows({ columns, indices, signal, onProgress } = {}) {
      const wanted = new WantedRows(indices);
      const narrow = withColumns(footer, columns);
      let groupStart = 0;
      for (const group of narrow.row_groups) {
        const groupRows = Number(group.num_rows);
        const first = groupStart;
        groupStart += groupRows;
        if (!wanted.touches(first, groupStart)) continue;
        const oneGroup = { ...narrow, row_groups: [group], num_rows: BigInt(groupRows) };
        for await (const window of windows(source, sizeBytes, oneGroup, signal)) {
          throwIfCancelled(signal, `Reading ${source.name}`);
          for (let row = window.firstRow; row < window.endRow; row++) {
            const index = first + row;
            if (!wanted.has(index)) continue;
            const value = window.rows[row - window.firstRow] ?? null;
            yield { index, value, problem: window.problem };
          }
          if (wanted.isDone(first + window.endRow)) return;
          onProgress?.(
            Math.round((sizeBytes * (first + window.endRow)) / Math.max(1, Number(footer.num_rows))),
          );
        }
      }
    },
  };
}
