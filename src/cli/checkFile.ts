import { rename } from 'node:fs/promises';
import { judgedAgain, type CheckRecord, type CheckRun } from '../check/report.ts';
import type { VerdictOptions } from '../check/verdicts.ts';
import { InputError } from '../core/errors.ts';
import { canonicalJson, isObject, type JsonValue } from '../core/json.ts';
import { jsonLines } from '../evaluate/jsonLines.ts';
import { DiskJournal } from './evaluateFiles.ts';
import { fileSource } from './nodeSource.ts';
import { fileWriter } from './outputFile.ts';

/** How every record begins. */
const head = '{"id":';

/** The record of a line; null where a crash cut it in half, `undefined` where it is something else. */
function recordFrom(text: string): CheckRecord | null | undefined {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    return text.startsWith(head) || head.startsWith(text) ? null : undefined;
  }
  const isRecord =
    isObject(value) &&
    typeof value['line'] === 'number' &&
    Array.isArray(value['verdicts']) &&
    [value['scores'], value['thresholds'], value['run']].every(isObject);
  return isRecord ? (value as unknown as CheckRecord) : undefined;
}

/** The records of a file. Throws `InputError` where it holds something else. */
async function* recordsOf(path: string): AsyncGenerator<CheckRecord> {
  const source = await fileSource(path);
  try {
    for await (const { number, text } of jsonLines(source)) {
      if (text.trim() === '') continue;
      const record = recordFrom(text);
      if (record) yield record;
      if (record === undefined) {
        throw new InputError('no-check', 'The file holds something other than what acc check writes', {
          where: `${path}, line ${number}`,
          advice: 'give another file',
        });
      }
    }
  } finally {
    await source.close();
  }
}

/** Throws `InputError` saying in what two runs differ. */
function sameRun(found: CheckRun, expected: CheckRun, path: string): void {
  const names = [...new Set([...Object.keys(expected), ...Object.keys(found)])];
  const name = names.find(
    (each) => canonicalJson(found[each] ?? null) !== canonicalJson(expected[each] ?? null),
  );
  if (name === undefined) return;
  throw new InputError('other-run', 'The file holds the records of another run', {
    where: path,
    expected: `${name} ${JSON.stringify(expected[name] ?? null)}`,
    actual: JSON.stringify(found[name] ?? null),
    advice: 'choose another --out, or remove the file',
  });
}

/** The records of a check on disk: they are kept as they come, and a stopped run goes on behind them. */
export class CheckFile {
  private readonly lines = new Set<number>();
  private endsLine = true;

  private constructor(
    private readonly path: string,
    private readonly disk: DiskJournal,
  ) {}

  /**
   * Opens a file, or begins one. Records under other thresholds are judged anew, with the numbers they have.
   * @param onRecord hears of every record that is there
   * @throws InputError when the file belongs to another run or holds something else
   */
  static async open(
    path: string,
    run: CheckRun,
    thresholds: VerdictOptions,
    onRecord: (record: CheckRecord) => void,
  ): Promise<CheckFile> {
    const file = new CheckFile(path, new DiskJournal(path));
    const source = await file.disk.open();
    if (!source) return file;
    const current = canonicalJson({ ...thresholds });
    let isStale = false;
    for await (const record of recordsOf(path)) {
      sameRun(record.run, run, path);
      file.lines.add(record.line);
      isStale ||= canonicalJson({ ...record.thresholds }) !== current;
      onRecord(judgedAgain(record, thresholds));
    }
    const size = source.sizeBytes ?? 0;
    file.endsLine = (await source.read(size - 1, size))[0] === 10;
    if (isStale) await file.judgeAnew(thresholds);
    return file;
  }

  has(line: number): boolean {
    return this.lines.has(line);
  }

  /** Stores a record; resolves when it is safe. */
  async add(record: CheckRecord): Promise<void> {
    await this.disk.append(`${this.endsLine ? '' : '\n'}${JSON.stringify(record)}\n`);
    this.endsLine = true;
    this.lines.add(record.line);
  }

  close(): Promise<void> {
    return this.disk.close();
  }

  private async judgeAnew(thresholds: VerdictOptions): Promise<void> {
    const part = `${this.path}.part`;
    const writer = await fileWriter(part);
    for await (const record of recordsOf(this.path)) {
      await writer.write(`${JSON.stringify(judgedAgain(record, thresholds))}\n`);
    }
    await writer.end();
    await this.disk.close();
    await rename(part, this.path);
    this.endsLine = true;
  }
}

/** Verdicts by line of the examples, and which file of examples that is. Throws `InputError` for other files. */
export async function readVerdicts(
  path: string,
): Promise<{ readonly dataSha256: string; readonly byLine: ReadonlyMap<number, readonly string[]> }> {
  const byLine = new Map<number, readonly string[]>();
  let first: CheckRun | null = null;
  for await (const { line, run, verdicts } of recordsOf(path)) {
    first ??= run;
    sameRun(run, first, path);
    byLine.set(line, verdicts);
  }
  if (!first) throw new InputError('no-check', 'The file holds no records of acc check', { where: path });
  return { dataSha256: first.dataSha256, byLine };
}
