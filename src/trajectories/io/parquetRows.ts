import type { AsyncBuffer, FileMetaData, ParquetParsers } from 'hyparquet';
import { parquetMetadataAsync, parquetRead } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import type { ByteSource } from '../../core/byteSource.ts';
import type { JsonObject, JsonValue } from '../../core/json.ts';

const text = new TextDecoder('utf-8', { ignoreBOM: true });

function isoTime(milliseconds: number): string | null {
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

/** Values as JSON has them: times as ISO text, JSON columns as the text they are. */
const parquetParsers: Partial<ParquetParsers> = {
  timestampFromMilliseconds: (millis: bigint) => isoTime(Number(millis)),
  timestampFromMicroseconds: (micros: bigint) => isoTime(Number(micros / 1000n)),
  timestampFromNanoseconds: (nanos: bigint) => isoTime(Number(nanos / 1000000n)),
  dateFromDays: (days: number) => isoTime(days * 86_400_000)?.slice(0, 10) ?? null,
  stringFromBytes: (bytes: Uint8Array | undefined) => bytes && text.decode(bytes),
  jsonFromBytes: (bytes: Uint8Array | undefined) => bytes && text.decode(bytes),
};

/** A source as hyparquet wants it. */
export function asyncBuffer(source: ByteSource, sizeBytes: number): AsyncBuffer {
  return {
    byteLength: sizeBytes,
    slice: async (start, end = sizeBytes) => {
      const bytes = await source.read(start, end);
      const isExact = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength;
      return (isExact ? bytes.buffer : bytes.slice().buffer) as ArrayBuffer;
    },
  };
}

/** The footer: schema, row groups, where the columns lie. */
export function readParquetFooter(source: ByteSource, sizeBytes: number): Promise<FileMetaData> {
  return parquetMetadataAsync(asyncBuffer(source, sizeBytes), { parsers: parquetParsers, geoparquet: false });
}

/** Rows [start, end) of a file as plain JSON objects. */
export async function readParquetRows(
  file: AsyncBuffer,
  metadata: FileMetaData,
  start: number,
  end: number,
): Promise<JsonObject[]> {
  let rows: Record<string, unknown>[] = [];
  await parquetRead({
    file,
    metadata,
    rowStart: start,
    rowEnd: end,
    rowFormat: 'object',
    compressors,
    parsers: parquetParsers,
    geoparquet: false,
    useOffsetIndex: true,
    onComplete: (complete) => {
      rows = complete;
    },
  });
  return rows.map((row) => toJson(row, 0) as JsonObject);
}

const DEEPEST = 200;

/** Any decoded value as JSON: big integers as numbers where these are exact, as digits otherwise. */
function toJson(value: unknown, level: number): JsonValue {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : null;
    case 'bigint': {
      const number = Number(value);
      return Number.isSafeInteger(number) ? number : value.toString();
    }
    case 'object':
      break;
    default:
      return null;
  }
  if (value === null || level > DEEPEST) return null;
  if (value instanceof Uint8Array) return text.decode(value);
  if (value instanceof Date) return isoTime(value.getTime());
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    return Array.from(value as ArrayLike<unknown>, (item) => toJson(item, level + 1));
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item, level + 1)]));
}
