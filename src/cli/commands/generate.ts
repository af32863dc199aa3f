import { UsageError } from '../../core/errors.ts';
import {
  BenchmarkParquet,
  defaultGenerateOptions,
  generateRows,
  graphProblems,
  type GenerateOptions,
  type GraphProblemName,
} from '../../evaluate/generateRows.ts';
import { lastValue, numberValue, parseArguments } from '../compileArguments.ts';
import { openLengthCounter, wholeNumber } from '../evaluateFiles.ts';
import { endProgress, EXIT_DONE, note, print, printJson, progressLine, writeOut } from '../output.ts';
import { fileWriter, type FileWriter } from '../outputFile.ts';

const help = `acc generate mrcr|graphwalks --count N --tokens N --seed N --out FILE [options]: benchmark rows in the published columns

  --count N          rows
  --tokens N         aim for this many tokens of prompt (MRCR: prompt and answer together), never above
  --seed N           default 0; the same options give the same bytes
  --out FILE         JSON Lines, or Parquet when the name ends .parquet; - for standard output
  --tokenizer X      counts the tokens: a name (default qwen3), or a folder or file with a tokenizer.json
  --short-frame      leaves the worked examples out, which alone take some 400 tokens: for contexts below 1,000
  mrcr:
  --needles N        2 (default), 4, 8, or any number from 1
  graphwalks:
  --problem NAME…    bfs parents (default, in turn); of our own making: shortest-path reachability
  --depth N          of the BFS, default 2
  --out-degree N     edges that leave each node, default 2
  --json             a JSON document on what was made`;

const standardOutput: FileWriter = { write: writeOut, end: async () => {}, discard: async () => {} };

/** `acc generate`. */
export async function run(argv: string[]): Promise<number> {
  const parsed = parseArguments(argv, {
    count: 'one',
    tokens: 'one',
    seed: 'one',
    out: 'one',
    tokenizer: 'one',
    needles: 'one',
    problem: 'many',
    depth: 'one',
    'out-degree': 'one',
    'short-frame': 'flag',
    json: 'flag',
    help: 'flag',
  });
  if (parsed.flags.has('help')) {
    await print(help);
    return EXIT_DONE;
  }
  const [benchmark, ...rest] = parsed.words;
  if ((benchmark !== 'mrcr' && benchmark !== 'graphwalks') || rest.length > 0) {
    throw new UsageError('bad-benchmark', 'acc generate needs mrcr or graphwalks', {
      actual: parsed.words.join(' '),
    });
  }
  const out = lastValue(parsed, 'out');
  if (out === null) throw new UsageError('missing-option', 'acc generate needs --out FILE');
  const names = parsed.values.get('problem') ?? defaultGenerateOptions.problems;
  const problems = names
    .flatMap((name) => name.split(','))
    .map((name): GraphProblemName => {
      const problem = graphProblems.find((each) => each === name);
      if (!problem)
        throw new UsageError('bad-problem', `There is no problem "${name}"`, {
          expected: graphProblems.join(', '),
        });
      return problem;
    });
  const options: GenerateOptions = {
    benchmark,
    count: wholeNumber(numberValue(parsed, 'count'), 0, 'count'),
    tokens: wholeNumber(numberValue(parsed, 'tokens'), 0, 'tokens'),
    seed: wholeNumber(numberValue(parsed, 'seed'), 0, 'seed', 0),
    needles: wholeNumber(numberValue(parsed, 'needles'), defaultGenerateOptions.needles, 'needles'),
    problems,
    depth: wholeNumber(numberValue(parsed, 'depth'), defaultGenerateOptions.depth, 'depth'),
    outDegree: wholeNumber(numberValue(parsed, 'out-degree'), defaultGenerateOptions.outDegree, 'out-degree'),
    ...(parsed.flags.has('short-frame') ? { frame: 'short' as const } : {}),
  };
  const counter = await openLengthCounter(lastValue(parsed, 'tokenizer') ?? 'qwen3');
  const parquet = out.endsWith('.parquet') ? new BenchmarkParquet(benchmark) : null;
  const output = out === '-' ? standardOutput : await fileWriter(out);
  let done = 0;
  try {
    for (const row of generateRows(options, counter)) {
      const part = parquet ? await parquet.add(row) : `${JSON.stringify(row)}\n`;
      if (part !== null) await output.write(part);
      progressLine(`${++done} of ${options.count} rows`);
    }
    if (parquet) await output.write(await parquet.finish());
  } catch (error) {
    await output.discard();
    throw error;
  }
  await output.end();
  endProgress();
  const facts = { ...options, rows: done, tokenizer: counter.tokenizer, out };
  if (parsed.flags.has('json') && out !== '-') await printJson(facts);
  else
    note(
      `${done} rows of ${benchmark} (up to ${options.tokens} ${counter.tokenizer} tokens, seed ${options.seed}) in ${out}`,
    );
  return EXIT_DONE;
}
