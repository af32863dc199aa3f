import type { ByteSource } from '../../core/byteSource.ts';
import { InputError } from '../../core/errors.ts';
import type { JsonValue } from '../../core/json.ts';
import { asyncBuffer, readParquetFooter, readParquetRows } from '../../trajectories/io/parquetRows.ts';
import { sniffMagic } from '../../trajectories/io/sniff.ts';
import { benchmarkTexts } from './benchmarkRows.ts';
import type { BenchmarkText } from './decontaminate.ts';

/** Rows of a Parquet file that are held at once. */
const blockRows = 256;

/**
 * The questions and answers of a benchmark file: JSON, JSON lines or Parquet.
 * @throws InputError when it has none
 */
export async function readBenchmark(source: ByteSource): Promise<BenchmarkText[]> {
  const sizeBytes = source.sizeBytes ?? 0;
  const isParquet = sniffMagic(await source.read(0, Math.min(64, sizeBytes))) === 'parquet';
  const texts = isParquet ? await parquetTexts(source, sizeBytes) : await jsonTexts(source, sizeBytes);
  if (texts.length > 0) return texts;
  throw new InputError('bad-benchmark', 'No benchmark questions were found', {
    where: source.name,
    expected: 'JSON, JSON lines or Parquet with a question, prompt or answer column',
  });
}

async function parquetTexts(source: ByteSource, sizeBytes: number): Promise<BenchmarkText[]> {
  const metadata = await readParquetFooter(source, sizeBytes);
  const file = asyncBuffer(source, sizeBytes);
  const texts: BenchmarkText[] = [];
  const rowCount = Number(metadata.num_rows);
  for (let start = 0; start < rowCount; start += blockRows) {
    const rows = await readParquetRows(file, metadata, start, Math.min(rowCount, start + blockRows));
    rows.forEach((row, index) => texts.push(...benchmarkTexts(source.name, start + index, row)));
  }
  return texts;
}

async function jsonTexts(source: ByteSource, sizeBytes: number): Promise<BenchmarkText[]> {
  const content = new TextDecoder().decode(await source.read(0, sizeBytes));
  return rowsOf(content).flatMap((row, index) => benchmarkTexts(source.name, index, row));
}

function rowsOf(content: string): JsonValue[] {
  try {
    const value = JSON.parse(content) as JsonValue;
    return Array.isArray(value) ? value : [value];
  } catch {
    return content.split('\n').flatMap((line) => {
      try {
        return line.trim() === '' ? [] : [JSON.parse(line) as JsonValue];
      } catch {
        return [];
      }
    });
  }
}
