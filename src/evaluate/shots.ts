import { InputError } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';
import type { Benchmark, BenchmarkId } from './benchmark.ts';
import { mmluPro, mmluProPrompt, readMmluProShot, type MmluProShot } from './mmluPro.ts';
import type { RowFile } from './rowFile.ts';

/** Worked examples of its subject that published results of MMLU-Pro give before each question. */
export const publishedShots = 5;

/** Worked examples as they were read. */
export interface Shots {
  readonly name: string;
  /** sha256 of the file, hex: part of what makes two runs the same run. */
  readonly sha256: string;
  /** The first of each subject in the order of the file, as many as published results give. */
  readonly bySubject: ReadonlyMap<string, readonly MmluProShot[]>;
}

/** Whether published results of a benchmark are of questions after worked examples. */
export function takesShots(benchmark: BenchmarkId): boolean {
  return benchmark === mmluPro.id;
}

/** Whether a row of a file can stand as a worked example. */
export function isShot(value: JsonValue): boolean {
  try {
    readMmluProShot(value, '');
    return true;
  } catch {
    return false;
  }
}

/** Reads the validation split. Throws `InputError` for a row that is no worked example, and for a file without rows. */
export async function readShots(rows: RowFile, name: string, sha256: string): Promise<Shots> {
  const bySubject = new Map<string, MmluProShot[]>();
  for await (const { index, value, problem } of rows.rows()) {
    const where = `${name}, row ${index}`;
    if (problem !== null)
      throw new InputError('unreadable-shot', 'A worked example cannot be read', { where, actual: problem });
    const shot = readMmluProShot(value, where);
    const held = bySubject.get(shot.category) ?? [];
    if (held.length < publishedShots) held.push(shot);
    bySubject.set(shot.category, held);
  }
  if (bySubject.size === 0) {
    throw new InputError('no-shots', 'The file has no worked examples', {
      where: name,
      expected: 'the rows of the validation split of TIGER-Lab/MMLU-Pro',
    });
  }
  return { name, sha256, bySubject };
}

/**
 * MMLU-Pro asked after worked examples. Throws `InputError` for another benchmark, and where the examples are the
 * questions.
 */
export function withShots(
  benchmark: Benchmark,
  { name, sha256, bySubject }: Shots,
  dataSha256: string,
): Benchmark {
  if (!takesShots(benchmark.id)) {
    throw new InputError('no-shots-taken', `${benchmark.label} is asked without worked examples`, {
      expected: mmluPro.label,
    });
  }
  if (sha256 === dataSha256) {
    throw new InputError('shots-are-data', 'The worked examples are the questions that are asked', {
      where: name,
      expected: 'two files: the test split to ask, the validation split as examples',
    });
  }
  const asked: typeof mmluPro = {
    ...mmluPro,
    messages: (row) => [{ role: 'user', content: mmluProPrompt(row, bySubject.get(row.category) ?? []) }],
    shots: { name, sha256, perSubject: new Map([...bySubject].map(([key, held]) => [key, held.length])) },
  };
  return asked;
}
