import { appendFile, mkdir, open, readFile, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ByteSource } from '../core/byteSource.ts';
import { InputError, messageOf, UsageError } from '../core/errors.ts';
import { isObject, type JsonValue } from '../core/json.ts';
import type { ItemScore } from '../evaluate/comparison.ts';
import type { GradedItem, EvaluationResult } from '../evaluate/runEvaluation.ts';
import type { JournalFile } from '../evaluate/journal.ts';
import { jsonLines } from '../evaluate/jsonLines.ts';
import type { LengthCounter } from '../evaluate/lengthBins.ts';
import { openRowFile, type RowFile } from '../evaluate/rowFile.ts';
import { parquetWindows } from '../trajectories/io/parquetWindows.ts';
import { sha256OfSource } from '../trajectories/io/sha256.ts';
import { Yielder } from '../trajectories/io/yielder.ts';
import { openTokenizer } from './compileTokenizer.ts';
import { fileSource, nodeSha256, openPath, type NodeSource } from './nodeSource.ts';
import { cannotWrite, writeWhole } from './outputFile.ts';

/** A benchmark file on disk. */
export interface BenchmarkFile {
  readonly source: NodeSource;
  readonly rows: RowFile;
  sha256(): Promise<string>;
}

/** Opens a benchmark file; Parquet is read page by page, so that shards of any size fit into memory. */
export async function openBenchmarkFile(path: string): Promise<BenchmarkFile> {
  const source = await openPath(path);
  const rows = await openRowFile(source, (file, sizeBytes, footer, signal) =>
    parquetWindows(file, sizeBytes, footer, new Yielder(signal, `Reading ${file.name}`)),
  ).catch(async (error: unknown) => {
    await source.close();
    throw error;
  });
  return { source, rows, sha256: () => sha256OfSource(source, undefined, nodeSha256) };
}

/** The tokenizer that lengths are counted with: a name, or a folder or file with a tokenizer.json. */
export async function openLengthCounter(nameOrPath: string): Promise<LengthCounter> {
  const { tokenizer } = await openTokenizer(nameOrPath);
  return { tokenizer: tokenizer.name, count: (text) => tokenizer.count(text) };
}

/** A journal in a file on disk: each answer is on the medium before the next question counts as asked. */
export class DiskJournal implements JournalFile {
  private handle: FileHandle | null = null;
  constructor(private readonly path: string) {}

  async open(): Promise<ByteSource | null> {
    try {
      if ((await stat(this.path)).size === 0) return null;
    } catch {
      return null;
    }
    this.handle ??= await open(this.path, 'a+');
    const { handle } = this;
    const read = async (start: number, end: number): Promise<Uint8Array> => {
      const buffer = new Uint8Array(Math.max(0, end - start));
      let done = 0;
      while (done < buffer.length) {
        const { bytesRead } = await handle.read(buffer, done, buffer.length - done, start + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return buffer.subarray(0, done);
    };
    const { size } = await handle.stat();
    return {
      name: this.path,
      sizeBytes: size,
      seekable: true,
      read,
      async *stream(start = 0) {
        for (let at = start; at < size; at += 1 << 20) yield await read(at, Math.min(size, at + (1 << 20)));
      },
    };
  }

  async append(line: string): Promise<void> {
    try {
      await mkdir(dirname(this.path), { recursive: true });
      this.handle ??= await open(this.path, 'a+');
      await appendFile(this.handle, line);
      await this.handle.datasync();
    } catch (error) {
      throw cannotWrite(this.path, error);
    }
  }

  async close(): Promise<void> {
    await this.handle?.close();
    this.handle = null;
  }
}

/** Names of the files of a finished evaluation in its folder. */
export const evaluationFiles = {
  journal: 'responses.jsonl',
  result: 'result.json',
  items: 'items.jsonl',
} as const;

/** Writes the result and the scores per item into the run's folder. */
export async function writeEvaluation(
  folder: string,
  result: EvaluationResult,
  items: readonly GradedItem[],
): Promise<void> {
  await writeWhole(
    join(folder, evaluationFiles.items),
    items.map((item) => `${JSON.stringify(item)}\n`).join(''),
  );
  await writeWhole(join(folder, evaluationFiles.result), `${JSON.stringify(result, null, 2)}\n`);
}

/** A finished evaluation as far as a comparison needs it. */
export interface StoredEvaluation {
  readonly benchmark: string;
  readonly subject: string;
  readonly dataSha256: string;
  readonly mode: string;
  readonly items: readonly ItemScore[];
}

/** A finished evaluation as it was written. Throws `InputError` when the folder holds none. */
export async function readEvaluation(folder: string): Promise<StoredEvaluation> {
  let result: JsonValue;
  try {
    result = JSON.parse(await readFile(join(folder, evaluationFiles.result), 'utf8')) as JsonValue;
  } catch (error) {
    throw new InputError('no-evaluation', 'The folder holds no finished evaluation', {
      where: folder,
      expected: `${evaluationFiles.result} and ${evaluationFiles.items}, as acc evaluate --out writes them`,
      actual: messageOf(error),
    });
  }
  const data = isObject(result) ? result['data'] : null;
  if (!isObject(result) || result['format'] !== 'acc-evaluation/1' || !isObject(data)) {
    throw new InputError('no-evaluation', 'result.json is none of acc evaluate', { where: folder });
  }
  const items: ItemScore[] = [];
  const source = await fileSource(join(folder, evaluationFiles.items));
  try {
    for await (const { text } of jsonLines(source)) {
      if (text.trim() !== '') items.push(JSON.parse(text) as ItemScore);
    }
  } finally {
    await source.close();
  }
  const text = (value: JsonValue | undefined): string => (typeof value === 'string' ? value : '');
  return {
    benchmark: text(result['benchmark']),
    subject: text(result['subject']),
    dataSha256: text(data['sha256']),
    mode: text(result['mode']),
    items,
  };
}

/** A whole number of an option, at least `least`. */
export function wholeNumber(value: number | null, fallback: number, name: string, least = 1): number {
  const number = value ?? fallback;
  if (!Number.isSafeInteger(number) || number < least) {
    throw new UsageError('bad-option', `option --${name} needs a whole number from ${least}`, {
      actual: String(number),
    });
  }
  return number;
}
