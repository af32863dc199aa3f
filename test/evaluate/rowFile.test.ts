import { describe, expect, it } from 'vitest';
import type { ByteSource } from '../../src/core/byteSource.ts';
import type { JsonValue } from '../../src/core/json.ts';
import { benchmarkOf } from '../../src/evaluate/benchmarks.ts';
import { parseCsv } from '../../src/core/csv.ts';
import { BenchmarkParquet, defaultGenerateOptions, generateRows } from '../../src/evaluate/generateRows.ts';
import { nodeId } from '../../src/evaluate/graphwalksGenerator.ts';
import { gradeResponses } from '../../src/evaluate/gradeResponses.ts';
import { openRowFile, type FileRow } from '../../src/evaluate/rowFile.ts';
import { bytesSource } from '../helpers/checkpoint.ts';

const counter = { tokenizer: 'words', count: (text: string) => text.match(/\w+|[^\w\s]/g)?.length ?? 0 };
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

async function all(rows: AsyncIterable<FileRow>): Promise<FileRow[]> {
  const found: FileRow[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

/** The same source, counting the bytes that are asked for. */
function counting(source: ByteSource): ByteSource & { readBytes: number } {
  const counted = {
    ...source,
    readBytes: 0,
    read: (start: number, end: number) => {
      counted.readBytes += Math.min(end, source.sizeBytes ?? end) - start;
      return source.read(start, end);
    },
  };
  return counted;
}

describe.each(['mrcr', 'graphwalks'] as const)('generated %s rows', (benchmark) => {
  const options = { ...defaultGenerateOptions, benchmark, count: 6, tokens: 1500, seed: 3 };

  it('are the same as Parquet and as JSON Lines, and the same again', async () => {
    const rows = [...generateRows(options, counter)];
    expect([...generateRows(options, counter)]).toEqual(rows);
    const parquet = new BenchmarkParquet(benchmark);
    for (const row of rows) expect(await parquet.add(row)).toBeNull();
    const file = await openRowFile(bytesSource('rows.parquet', await parquet.finish()));
    expect(file).toMatchObject({ format: 'parquet', rowCount: 6 });
    const lines = await openRowFile(
      bytesSource('rows.jsonl', text(rows.map((row) => JSON.stringify(row)).join('\n'))),
    );
    expect(await all(file.rows())).toEqual(await all(lines.rows()));
    for (const { value, index } of await all(file.rows())) {
      const bench = benchmarkOf(benchmark);
      const row = bench.read(value, `row ${index}`);
      expect(bench.violations(row)).toEqual([]);
      expect(counter.count(bench.lengthTexts(row)!.join('\n'))).toBeLessThanOrEqual(1500);
    }
  });

  it('ask several questions about one context where that is wanted', () => {
    const rows = [
      ...generateRows({ ...options, count: 10, frame: 'short', questionsPerContext: 4 }, counter),
    ];
    const bench = benchmarkOf(benchmark);
    const contextOf = (prompt: string): string =>
      benchmark === 'mrcr'
        ? JSON.stringify((JSON.parse(prompt) as unknown[]).slice(0, -1))
        : prompt.split('Operation:')[0]!;
    const contexts = rows.map(({ prompt }) => contextOf(prompt));
    expect(contexts.map((context) => contexts.indexOf(context))).toEqual([0, 0, 0, 0, 4, 4, 4, 4, 8, 8]);
    expect(new Set(rows.map(({ prompt }) => prompt)).size).toBe(10);
    rows.forEach((each, index) => {
      const row = bench.read(each as unknown as JsonValue, `row ${index}`);
      // The short frame is ours; all else is as published.
      expect(bench.violations(row).filter((violation) => !/example|prompt/.test(violation))).toEqual([]);
      expect(counter.count(bench.lengthTexts(row)!.join('\n'))).toBeLessThanOrEqual(1500);
    });
  });

  it('give up their light columns without the prompts being read', async () => {
    const parquet = new BenchmarkParquet(benchmark);
    for (const row of generateRows({ ...options, count: 40 }, counter)) await parquet.add(row);
    const source = counting(bytesSource('rows.parquet', await parquet.finish()));
    const file = await openRowFile(source);
    source.readBytes = 0;
    const bench = benchmarkOf(benchmark);
    const light = await all(file.rows({ columns: bench.gradingColumns, indices: [3, 7, 39] }));
    expect(light.map(({ index }) => index)).toEqual([3, 7, 39]);
    expect(Object.keys(light[0]!.value as object)).not.toContain('prompt');
    expect(source.readBytes).toBeLessThan(source.sizeBytes! / 3);
    expect(bench.lengthTexts(bench.read(light[0]!.value, 'row 3'))).toBeNull();
  });
});

describe('generated graphwalks rows', () => {
  it('fill their tokens where a tokenizer knows the ids of small graphs only', () => {
    const known = new Set(Array.from({ length: 100 }, (_, index) => nodeId(index)));
    const spelled = {
      tokenizer: 'some ids',
      count: (prompt: string) =>
        (prompt.match(/\w+|[^\w\s]/g) ?? []).reduce((sum, word) => {
          const isOther = /^[0-9a-f]{10}$/.test(word) && !known.has(word);
          return sum + (isOther ? 6 : 1);
        }, 0),
    };
    const options = { ...defaultGenerateOptions, benchmark: 'graphwalks', count: 4, tokens: 2000 } as const;
    for (const row of generateRows({ ...options, seed: 1 }, spelled)) {
      const used = spelled.count(row.prompt);
      expect(used).toBeLessThanOrEqual(2000);
      expect(used).toBeGreaterThan(0.95 * 2000);
    }
  });
});

describe('CSV', () => {
  it('reads quotes, line breaks in cells and a last line without its end', () => {
    expect(parseCsv('\ufeffa,b\r\n"x, ""y""\nz",1\r\n,2')).toEqual([
      { a: 'x, "y"\nz', b: '1' },
      { a: '', b: '2' },
    ]);
  });
});

describe('grading a file of responses', () => {
  const rows = Array.from({ length: 5 }, (_, i) => ({ ID: `2024-I-${i}`, Problem: 'p', Answer: i }));
  const data = text(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const respond = (list: readonly JsonValue[]): ByteSource => bytesSource('responses.jsonl', text(list.map((each) => (typeof each === 'string' ? each : JSON.stringify(each))).join('\n'))); // prettier-ignore
  const grade = async (list: readonly JsonValue[]) =>
    gradeResponses(benchmarkOf('aime'), await openRowFile(bytesSource('aime.jsonl', data)), respond(list), {
      mode: 'boxed',
      length: null,
      floor: false,
      stripThinking: true,
      varyPresentation: false,
    });

  it('reports what is out of order, double, missing, unreadable and of no row, with its line', async () => {
    const report = await grade([
      { index: 3, response: '<think>\\boxed{9}</think>\\boxed{3}' },
      { index: 1, response: '\\boxed{1}' },
      { index: 3, response: '\\boxed{0}' },
      'not json',
      { index: 9, response: '' },
      { index: 0, response: '\\boxed{7}' },
      { index: -1, response: '' },
    ]);
    expect(report).toMatchObject({
      rows: 5,
      responses: 7,
      graded: 3,
      outOfOrder: 2,
      duplicates: 1,
      missing: 2,
      unknown: 1,
      unreadable: 2,
    });
    expect(report.scores.overall.mean).toBeCloseTo(2 / 3, 12);
    expect(report.meanWithMissingAsZero).toBeCloseTo(2 / 5, 12);
    expect(report.problems.map(({ line, index }) => [line, index])).toEqual([
      [2, 1],
      [3, 3],
      [4, null],
      [6, 0],
      [7, null],
      [null, 2],
      [null, 4],
      [null, 9],
    ]);
  });

  it('takes several samples of an item as such: mean@k, pass@k, maj@k', async () => {
    const samples = [0, 1, 2, 3].flatMap((sample) =>
      rows.map((_, index) => ({ index, sample, response: `\\boxed{${sample < index ? index : 900}}` })),
    );
    const { scores, samples: count } = await grade(samples);
    expect(count).toBe(4);
    // Items 0 … 4 have 0, 1, 2, 3 and 4 right samples of 4.
    expect(scores.repeated).toMatchObject({ samples: 4, items: 5, meanAtK: 0.5, consistency: 0.4 });
    expect(scores.repeated!.passAtK.map(({ k }) => k)).toEqual([1, 2, 4]);
    expect(scores.repeated!.passAtK[1]!.mean).toBeCloseTo((0 + 0.5 + 5 / 6 + 1 + 1) / 5, 12);
    expect(scores.repeated!.majorityAtK).toBeCloseTo(3 / 5, 12);
    expect(scores.overall.perSeed).toEqual([0.8, 0.6, 0.4, 0.2]);
  });
});
