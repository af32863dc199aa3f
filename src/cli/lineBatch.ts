import type { ByteSource } from '../core/byteSource.ts';
import type { DraftTrajectory } from '../trajectories/format.ts';
import { formatById } from '../trajectories/formats/registry.ts';
import { importFile } from '../trajectories/import.ts';
import { skipBlank } from '../trajectories/io/valueScanner.ts';
import type { Trajectory } from '../trajectories/schema.ts';

/** Smaller files are read by the main thread: telling their format takes as long as reading them. */
const leastBytes = 8 << 20;
/** Bytes of lines that go to a thread together; a batch ends with the line that reaches it. */
const batchBytes = 1 << 20;
const newline = 0x0a;

/** A range of whole lines of a JSON-lines file, one record a line. */
export interface LineBatch {
  readonly path: string;
  /** Name of the file in outputs. */
  readonly file: string;
  /** Id of the adapter that reads the file. */
  readonly format: string;
  /** Which of the books of verdicts tells about its runs; null for none. */
  readonly book: number | null;
  /** Bytes [start, end) of the file. */
  readonly start: number;
  readonly end: number;
  /** Number in the file of the first record. */
  readonly firstRecord: number;
}

/**
 * The format of a large JSON-lines file whose records are runs of their own, so that threads can read ranges of its
 * lines; null when it is anything else.
 */
export async function lineFormat(source: ByteSource): Promise<string | null> {
  if (!source.seekable || (source.sizeBytes ?? 0) < leastBytes) return null;
  for await (const event of importFile(source, {
    complete: (draft: DraftTrajectory) => draft as Trajectory,
  })) {
    if (event.type === 'progress') continue;
    if (event.type !== 'file') return null;
    const { layout, chain, format } = event.file;
    const isPlain = layout === 'json-lines' && chain.length === 0;
    return isPlain && formatById(format)?.unit === 'record' ? format : null;
  }
  return null;
}

/** Cuts a file at line ends; blank lines count as no record. */
export async function* lineBatches(
  source: ByteSource,
  place: Pick<LineBatch, 'path' | 'file' | 'format' | 'book'>,
): AsyncGenerator<LineBatch> {
  let start = 0;
  let firstRecord = 0;
  let record = 0;
  let base = 0;
  // A line may go on over several chunks.
  let isBlank = true;
  for await (const chunk of source.stream()) {
    let at = 0;
    while (at < chunk.length) {
      const found = chunk.indexOf(newline, at);
      const end = found === -1 ? chunk.length : found;
      if (isBlank && skipBlank(chunk, at, end) < end) isBlank = false;
      if (found === -1) break;
      at = found + 1;
      if (!isBlank) record++;
      isBlank = true;
      if (base + at - start < batchBytes) continue;
      yield { ...place, start, end: base + at, firstRecord };
      start = base + at;
      firstRecord = record;
    }
    base += chunk.length;
  }
  if (base > start) yield { ...place, start, end: base, firstRecord };
}
