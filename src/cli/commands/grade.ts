import { UsageError } from '../../core/errors.ts';
import { benchmarkIds, noReadableRow, type Benchmark } from '../../evaluate/benchmark.ts';
import { benchmarkOf } from '../../evaluate/benchmarks.ts';
import { gradeResponses, type GradedRow, type GradeReport } from '../../evaluate/gradeResponses.ts';
import { lastValue, parseArguments, type ParsedArguments } from '../compileArguments.ts';
import { openBenchmarkFile, openLengthCounter } from '../evaluateFiles.ts';
import { scoresText } from '../evaluateText.ts';
import { openPath } from '../nodeSource.ts';
import { endProgress, EXIT_DONE, EXIT_REJECTED, print, printable, progressLine } from '../output.ts';
import { checkWritable, fileWriter, refuseInput } from '../outputFile.ts';

const help = `acc grade BENCHMARK --data FILE --responses FILE [options]: scores of stored responses

  BENCHMARK          ${benchmarkIds.join(', ')}
  --data FILE        the benchmark's own file: Parquet, JSON Lines, JSON or CSV
  --responses FILE   JSON Lines {"index": n, "response": "…"}, in any order; n counts the data's rows from 0.
                     Several per index with "sample": k (pass@k, maj@k). - for standard input
  --mode NAME        graphwalks: repaired (default), official-0, readme-literal, lm-eval, lm-eval-flexible, openbench
                     mrcr: published (default), lenient-prefix
                     mmlu-pro: chain (default), L1, L2, expected-random-credit
                     gpqa: last (default), first      aime: boxed (default), with-fallback
                     ifeval: prompt-strict (default), prompt-loose
  --permutations     gpqa: sample k was shown the options as acc evaluate --permutations shows them under seed k;
                     without it every sample as acc evaluate shows them, in one order drawn from the question's hash.
                     A line may state its own: "order": [2, 0, 3, 1] says that A was option 2, B option 0 … where 0 is
                     the correct answer and 1 to 3 are the incorrect ones, as the columns number them.
                     --rows and --json state the order in which each response was read
  --tokenizer X      bins by length: a name (default qwen3), or a folder or file with a tokenizer.json;
                     the published bins are counted with o200k
  --no-lengths       do not read the prompts: no bins by length
  --floor            MRCR: score of the wrong needles, and scores normalised by it
  --raw              do not take a leading <think>…</think> off the responses
  --rows FILE        one JSON line per graded response
  --json             one JSON document: mean, counts, slices, problems, and a row per response

Exit codes: 0 done, 1 done with responses that are missing, double, unreadable or of no row, or with data rows that
cannot be read, 2 usage or unreadable input.`;

const shapes = {
  data: 'one',
  responses: 'one',
  mode: 'one',
  tokenizer: 'one',
  'no-lengths': 'flag',
  floor: 'flag',
  permutations: 'flag',
  raw: 'flag',
  rows: 'one',
  json: 'flag',
  help: 'flag',
} as const;

function rowLine({ index, sample, order, score, correct, extracted, measures }: GradedRow): string {
  const about = { index, ...(sample > 0 ? { sample } : {}), ...(order ? { order } : {}) };
  return JSON.stringify({ ...about, score, correct, extracted, measures });
}

/** In which order the options of a benchmark that turns them were taken to have been shown; empty for others. */
function orderText(benchmark: Benchmark, varyPresentation: boolean, withOwnOrder: number): string {
  if (benchmark.variants === 1) return '';
  const order = varyPresentation ? 'another option order per sample' : 'one option order for all samples';
  return `, ${order}${withOwnOrder > 0 ? `, ${withOwnOrder} with an order of their own` : ''}`;
}

/** The chosen mode. Throws `UsageError` for one that the benchmark does not have. */
export function modeOf(parsed: ParsedArguments, modes: readonly [string, ...string[]]): string {
  const mode = lastValue(parsed, 'mode') ?? modes[0];
  if (!modes.includes(mode))
    throw new UsageError('bad-mode', `There is no mode "${mode}"`, { expected: modes.join(', ') });
  return mode;
}

function problemsText(report: GradeReport): string {
  const counts = [
    [report.missing, 'missing'],
    [report.duplicates, 'double'],
    [report.outOfOrder, 'out of order'],
    [report.unknown, 'of no row'],
    [report.unreadable, 'unreadable'],
    [report.rowProblems, 'data rows with problems'],
    [report.unreadableRows, 'data rows that cannot be read'],
  ] as const;
  const found = counts.filter(([count]) => count > 0).map(([count, name]) => `${count} ${name}`);
  if (found.length === 0) return '';
  const lines = report.problems
    .slice(0, 10)
    .map(
      ({ line, index, problem }) =>
        `  ${line === null ? '' : `line ${line}: `}${index === null ? '' : `index ${index}: `}${printable(problem)}`,
    );
  return [`\nProblems: ${found.join(', ')}`, ...lines].join('\n');
}

/** `acc grade`. */
export async function run(argv: string[]): Promise<number> {
  const parsed = parseArguments(argv, shapes);
  if (parsed.flags.has('help')) {
    await print(help);
    return EXIT_DONE;
  }
  const [name, ...rest] = parsed.words;
  const data = lastValue(parsed, 'data');
  const responses = lastValue(parsed, 'responses');
  if (name === undefined || rest.length > 0 || !benchmarkIds.some((id) => id === name)) {
    throw new UsageError('bad-benchmark', 'acc grade needs a benchmark', {
      expected: benchmarkIds.join(', '),
      actual: parsed.words.join(' '),
    });
  }
  if (data === null || responses === null)
    throw new UsageError('missing-option', 'acc grade needs --data FILE and --responses FILE');
  const benchmark = benchmarkOf(name);
  const mode = modeOf(parsed, benchmark.modes);
  const rowsPath = lastValue(parsed, 'rows');
  if (data === '-' && responses === '-')
    throw new UsageError('bad-option', 'Standard input can be read once only', {
      expected: '- for --data or for --responses',
      actual: '- for both',
    });
  if (rowsPath !== null) {
    await refuseInput(rowsPath, { '--data': data, '--responses': responses });
    await checkWritable(rowsPath);
  }
  const withLengths = !parsed.flags.has('no-lengths');
  const file = await openBenchmarkFile(data);
  const opened = [file.source];
  const close = async (): Promise<void> => {
    for (const source of opened) await source.close();
  };
  const open = async <T>(opening: Promise<T>): Promise<T> =>
    opening.catch(async (error: unknown) => {
      await close();
      throw error;
    });
  const responseFile = await open(openPath(responses));
  opened.push(responseFile);
  const length = withLengths
    ? await open(openLengthCounter(lastValue(parsed, 'tokenizer') ?? 'qwen3'))
    : null;
  const asJson = parsed.flags.has('json');
  const varyPresentation = parsed.flags.has('permutations');
  const rowsFile = rowsPath === null ? null : await open(fileWriter(rowsPath));
  // The document is written while rows are graded: a million rows never lie in memory.
  let hasRow = false;
  // Its head waits for the first rows: data that cannot be read leaves no half of a document.
  let pending = asJson
    ? [`{\n  "benchmark": ${JSON.stringify(benchmark.id)},\n  "mode": ${JSON.stringify(mode)},\n  "rows": [`]
    : [];
  let pendingLength = 0;
  const flush = async (): Promise<void> => {
    if (pending.length > 0) await print(pending.join('\n'));
    pending = [];
    pendingLength = 0;
  };
  const report = await gradeResponses(benchmark, file.rows, responseFile, {
    mode,
    length,
    floor: parsed.flags.has('floor'),
    stripThinking: !parsed.flags.has('raw'),
    varyPresentation,
    onProgress: (stage, done, total) =>
      progressLine(`${stage} ${total ? `${Math.floor((100 * done) / total)} %` : done}`),
    onRow: async (row) => {
      await rowsFile?.write(`${rowLine(row)}\n`);
      if (!asJson) return;
      const line = `${hasRow ? '    ,' : '     '}${rowLine(row)}`;
      hasRow = true;
      pending.push(line);
      pendingLength += line.length;
      if (pendingLength > 65_536) await flush();
    },
  })
    .catch(async (error: unknown) => {
      await rowsFile?.discard();
      throw error;
    })
    .finally(close);
  endProgress();
  if (report.unreadableRows === report.rows) {
    await rowsFile?.discard();
    const first = report.rows > 0 ? report.problems[0] : undefined;
    throw noReadableRow(benchmark, data, first?.problem ?? null);
  }
  await rowsFile?.end();
  if (asJson) {
    await flush();
    const { scores, rows, ...counts } = report;
    const mean = report.graded > 0 ? scores.overall.mean : null;
    const facts = { mean, dataRows: rows, ...counts, scores, benchmark: undefined, mode: undefined };
    const summary = JSON.stringify(facts, null, 2);
    await print(`  ],\n${summary.slice(2)}`);
  } else {
    await print(
      `${benchmark.label}, mode ${mode}: ${report.graded} of ${report.rows} rows graded${report.samples > 1 ? `, ${report.samples} samples each` : ''}${orderText(benchmark, varyPresentation, report.withOwnOrder)}\n\n` +
        (report.graded > 0
          ? scoresText(report.scores, benchmark.scoreLabel, report.lengthTokenizer)
          : 'No response could be graded.') +
        (report.missing > 0
          ? `\n\nWith missing responses as 0: ${report.meanWithMissingAsZero.toFixed(4)}`
          : '') +
        problemsText(report),
    );
  }
  const isClean =
    report.missing + report.duplicates + report.unknown + report.unreadable + report.unreadableRows === 0 &&
    report.graded > 0;
  return isClean ? EXIT_DONE : EXIT_REJECTED;
}
