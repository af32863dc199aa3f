import type { ByteSource } from '../core/byteSource.ts';
import { messageOf } from '../core/errors.ts';
import { isObject, type JsonValue } from '../core/json.ts';
import type { Benchmark, Graded, Presentation } from './benchmark.ts';
import { jsonLines } from './jsonLines.ts';
import { lengthLabel, tokenSum, type LengthCounter } from './lengthBins.ts';
import type { RowFile } from './rowFile.ts';
import { ScoreTable, seedScore, type Scores, type SeedScore } from './scoreTable.ts';
import { splitThinking } from './thinking.ts';

/** A line of a responses file that was not used, and why. */
interface ResponseProblem {
  /** One-based line of the responses file; null for what concerns the data. */
  readonly line: number | null;
  readonly index: number | null;
  readonly problem: string;
}

export interface GradeOptions {
  readonly mode: string;
  readonly length: LengthCounter | null;
  /** Compute MRCR's wrong-needle floor (needs the prompts). */
  readonly floor: boolean;
  /** Take leading reasoning off before grading; else the response is graded as it is. */
  readonly stripThinking: boolean;
  /** Each sample was asked with another presentation of the item, as an evaluation that varies it does. */
  readonly varyPresentation: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (stage: 'indexing' | 'grading', doneBytes: number, totalBytes: number | null) => void;
  /** Each graded response in the order of the data. Awaited, so that a slow writer holds the grader. */
  readonly onRow?: (row: GradedRow) => void | Promise<void>;
}

export interface GradedRow extends Graded {
  readonly index: number;
  /** Number of the sample where the file holds several per index; 0 otherwise. */
  readonly sample: number;
  /** The options in the order in which the response is read; null where there is one order only. */
  readonly order: readonly number[] | null;
}

export interface GradeReport {
  readonly benchmark: string;
  readonly mode: string;
  readonly lengthTokenizer: string | null;
  /** Rows of the data file. */
  readonly rows: number;
  readonly responses: number;
  readonly graded: number;
  readonly samples: number;
  readonly outOfOrder: number;
  readonly duplicates: number;
  readonly missing: number;
  /** Responses whose index is beyond the data. */
  readonly unknown: number;
  /** Graded responses that say themselves in which order the options were shown. */
  readonly withOwnOrder: number;
  readonly unreadable: number;
  /** The first rows that cannot be read, then the first other problems; the counts are complete. */
  readonly problems: readonly ResponseProblem[];
  /** Data rows that break a fact of the published data, and rows that cannot be read. */
  readonly rowProblems: number;
  readonly unreadableRows: number;
  readonly scores: Scores;
  /** The mean when rows without a response count as 0. */
  readonly meanWithMissingAsZero: number;
}

const mostProblems = 100;
/** Samples of one item that a responses file may hold. */
const mostSamples = 1024;

/** Offsets of lines by item: eight bytes each, whatever the responses' length. */
class OffsetList {
  private values = new Float64Array(1024).fill(-1);
  length = 0;
  get(index: number): number {
    return index < this.length ? this.values[index]! : -1;
  }
  set(index: number, offset: number): void {
    if (index >= this.values.length) {
      const grown = new Float64Array(Math.max(index + 1, this.values.length * 2)).fill(-1);
      grown.set(this.values);
      this.values = grown;
    }
    this.values[index] = offset;
    this.length = Math.max(this.length, index + 1);
  }
}

/** Reads single lines of a file by their offset, a window at a time. */
class LineReader {
  private window: Uint8Array = new Uint8Array(0);
  private windowStart = 0;
  constructor(private readonly source: ByteSource) {}

  async at(offset: number): Promise<string> {
    for (let size = 64 * 1024; ; size *= 4) {
      const from = offset - this.windowStart;
      if (from >= 0 && from < this.window.length) {
        const end = this.window.indexOf(10, from);
        if (end >= 0) return new TextDecoder().decode(this.window.subarray(from, end));
        const isLast =
          this.source.sizeBytes !== null && this.windowStart + this.window.length >= this.source.sizeBytes;
        if (isLast) return new TextDecoder().decode(this.window.subarray(from));
      }
      // A file in falling order is read backwards: the window then ends behind the line.
      const isBackwards = offset < this.windowStart && size === 64 * 1024;
      const start = isBackwards ? Math.max(0, offset - (size * 3) / 4) : offset;
      this.window = await this.source.read(start, start + size);
      this.windowStart = start;
      if (this.window.length === 0) return '';
    }
  }
}

interface ResponseLine {
  readonly index: number;
  readonly sample: number;
  readonly response: string;
  readonly order: readonly number[] | null;
}

/** The order of options that a line states: null for none, false for what is no order of that many. */
function orderOf(value: JsonValue | undefined, options: number): readonly number[] | null | false {
  // Where options have one order only, "order" is a column of the file's own.
  if (value === undefined || value === null || options === 1) return null;
  const isOrder =
    Array.isArray(value) &&
    value.length === options &&
    Array.from({ length: options }, (_, place) => place).every((place) => value.includes(place));
  return isOrder && (value as number[]);
}

/**
 * One line {"index", "response"}; also "seed" or "sample", and the "order" in which that many options were shown.
 * Chat-shaped responses are not guessed at.
 */
function readResponse(text: string, options: number): ResponseLine | string {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (error) {
    return `not JSON: ${messageOf(error)}`;
  }
  if (!isObject(value)) return 'not an object';
  const { index, response } = value;
  const sample = value['sample'] ?? value['seed'] ?? 0;
  if (typeof index !== 'number' || !Number.isSafeInteger(index) || index < 0)
    return 'no "index" (whole number from 0)';
  if (typeof response !== 'string') return 'no "response" (text)';
  if (typeof sample !== 'number' || !Number.isSafeInteger(sample) || sample < 0 || sample >= mostSamples) {
    return `"sample" must be a whole number below ${mostSamples}`;
  }
  if (index > 1e9) return 'the index is beyond any data';
  const order = orderOf(value['order'], options);
  if (order === false) return `"order" must hold 0 … ${options - 1}, each once`;
  return { index, sample, response, order };
}

/**
 * Grades a file of responses against a benchmark file. Both are streamed: memory holds one row, and eight bytes
 * per response. Of several responses with the same index and sample the first counts.
 */
export async function gradeResponses(
  benchmark: Benchmark,
  rows: RowFile,
  responses: ByteSource,
  options: GradeOptions,
): Promise<GradeReport> {
  const { signal } = options;
  const problems: ResponseProblem[] = [];
  const note = (problem: ResponseProblem): void => {
    if (problems.length < mostProblems) problems.push(problem);
  };
  const counts = { responses: 0, outOfOrder: 0, duplicates: 0, unreadable: 0, unknown: 0 };
  const offsets: OffsetList[] = [];
  const highest: number[] = [];
  for await (const line of jsonLines(responses, signal)) {
    if (line.text.trim() === '' && line.problem === null) continue;
    counts.responses++;
    const read = line.problem ?? readResponse(line.text, benchmark.variants);
    if (typeof read === 'string') {
      counts.unreadable++;
      note({ line: line.number, index: null, problem: read });
      continue;
    }
    const { index, sample } = read;
    const list = (offsets[sample] ??= new OffsetList());
    if (list.get(index) >= 0) {
      counts.duplicates++;
      note({ line: line.number, index, problem: 'a second response to this index; the first counts' });
      continue;
    }
    if (index < (highest[sample] ?? -1)) {
      counts.outOfOrder++;
      note({ line: line.number, index, problem: `out of order, after index ${highest[sample]}` });
    }
    highest[sample] = Math.max(highest[sample] ?? -1, index);
    list.set(index, line.start);
    options.onProgress?.('indexing', line.end, responses.sizeBytes);
  }

  const samples = offsets.flatMap((list, sample) => (list ? [sample] : []));
  const table = new ScoreTable(Math.max(1, samples.length));
  const reader = new LineReader(responses);
  const columns =
    options.length || options.floor
      ? [...benchmark.gradingColumns, ...benchmark.promptColumns]
      : benchmark.gradingColumns;
  let rowCount = 0;
  let graded = 0;
  let withOwnOrder = 0;
  let missing = 0;
  let rowProblems = 0;
  let unreadableRows = 0;
  const unreadable: ResponseProblem[] = [];
  let scored = 0;
  const progress = (doneBytes: number): void => options.onProgress?.('grading', doneBytes, rows.sizeBytes);
  for await (const item of rows.rows({ columns, onProgress: progress, ...(signal ? { signal } : {}) })) {
    rowCount++;
    let row: unknown;
    try {
      if (item.problem !== null) throw new Error(item.problem);
      row = benchmark.read(item.value, `row ${item.index}`);
    } catch (error) {
      rowProblems++;
      unreadableRows++;
      const problem = benchmark.isPrivate ? 'the row cannot be read' : messageOf(error);
      if (unreadable.length < mostProblems) unreadable.push({ line: null, index: item.index, problem });
      continue;
    }
    if (benchmark.violations(row).length > 0) rowProblems++;
    const scores: SeedScore[] = [];
    for (const [position, sample] of samples.entries()) {
      const offset = offsets[sample]!.get(item.index);
      if (offset < 0) {
        missing++;
        note({
          line: null,
          index: item.index,
          problem: samples.length > 1 ? `no response for sample ${sample}` : 'no response',
        });
        continue;
      }
      const read = readResponse((await reader.at(offset)).replace(/^\ufeff/, ''), benchmark.variants);
      if (typeof read === 'string') continue;
      const text = options.stripThinking ? splitThinking(read.response).text : read.response;
      const variant = options.varyPresentation ? sample % benchmark.variants : 0;
      const presentation: Presentation = read.order ?? variant;
      if (read.order) withOwnOrder++;
      const result = benchmark.grade(text, row, { mode: options.mode, floor: options.floor, presentation });
      scores.push(seedScore(benchmark, row, position, presentation, result));
      graded++;
      const order = benchmark.optionOrder?.(row, presentation) ?? null;
      await options.onRow?.({ index: item.index, sample, order, ...result });
    }
    if (scores.length === 0) {
      if (samples.length === 0) missing++;
      continue;
    }
    scored++;
    const texts = options.length ? benchmark.lengthTexts(row) : null;
    const length: Record<string, string> =
      texts && options.length ? { length: lengthLabel(tokenSum(texts, options.length)) } : {};
    table.add({ ...length, ...benchmark.slices(row) }, scores);
  }
  for (const sample of samples) {
    const list = offsets[sample]!;
    for (let index = rowCount; index < list.length; index++) {
      if (list.get(index) < 0) continue;
      counts.unknown++;
      note({ line: null, index, problem: `the data has no row ${index}` });
    }
  }
  const scores = table.result();
  const mean = scored > 0 ? scores.overall.mean : 0;
  return {
    benchmark: benchmark.id,
    mode: options.mode,
    lengthTokenizer: options.length?.tokenizer ?? null,
    rows: rowCount,
    ...counts,
    graded,
    withOwnOrder,
    samples: samples.length,
    missing,
    problems: [...unreadable, ...problems],
    rowProblems,
    unreadableRows,
    scores,
    meanWithMissingAsZero: rowCount > 0 ? (mean * scored) / rowCount : 0,
  };
}
