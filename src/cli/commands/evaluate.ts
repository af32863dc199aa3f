import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { CancelledError, InputError, UsageError } from '../../core/errors.ts';
import type { JsonObject, JsonValue } from '../../core/json.ts';
import { canonicalJson, isObject } from '../../core/json.ts';
import { memoryJournal } from '../../evaluate/memoryJournal.ts';
import { benchmarkIds } from '../../evaluate/benchmark.ts';
import { benchmarkOf } from '../../evaluate/benchmarks.ts';
import { compareScores, correctTogether, type Comparison } from '../../evaluate/comparison.ts';
import { defaultEndpointOptions, endpointSubject } from '../../evaluate/endpointSubject.ts';
import { engineSubject } from '../../evaluate/engineSubject.ts';
import { Journal } from '../../evaluate/journal.ts';
import { runEvaluation, runIdentity, type EvaluationPlan } from '../../evaluate/runEvaluation.ts';
import { readShots, takesShots, withShots, type Shots } from '../../evaluate/shots.ts';
import type { Subject } from '../../evaluate/subject.ts';
import { defaultLoadOptions } from '../../model/planner.ts';
import { greedySampling } from '../../gpu/kernels/sampling.ts';
import { ModelSession } from '../../model/session.ts';
import { hashCheckpoint } from '../../train/runRecord.ts';
import { kvTypeCode, weightTypes, type KvType, type WeightType } from '../../gpu/tensors.ts';
import { lastValue, numberValue, parseArguments, type ParsedArguments } from '../compileArguments.ts';
import {
  DiskJournal,
  evaluationFiles,
  openBenchmarkFile,
  openLengthCounter,
  readEvaluation,
  wholeNumber,
  writeEvaluation,
  type StoredEvaluation,
} from '../evaluateFiles.ts';
import { comparisonText, scoresText } from '../evaluateText.ts';
import { openAdapterFolder, openModelFolder } from '../modelFolder.ts';
import { openNodeEngine } from '../nodeEngine.ts';
import {
  endProgress,
  EXIT_DONE,
  EXIT_REJECTED,
  note,
  print,
  printable,
  printJson,
  progressLine,
} from '../output.ts';
import { checkWritable } from '../outputFile.ts';
import { modeOf } from './grade.ts';

const help = `acc evaluate BENCHMARK --data FILE (--model DIR | --endpoint URL --model-name NAME) [options]: scores with intervals
acc evaluate compare --before DIR… --after DIR…: paired comparison of finished evaluations, Holm over benchmarks

  BENCHMARK            ${benchmarkIds.join(', ')}
  --data FILE          the benchmark's own file, or one of acc generate
  --out DIR            keeps every response as it comes; a stopped run goes on with the same command
  --against DIR        compare with a finished evaluation of the same data (paired bootstrap within its bins, McNemar)
  --mode NAME          as in acc grade
  --limit N            at most N rows, at even distances        --max-item-tokens N  only rows of at most N tokens
  --only NAME=LABEL…   only rows of these slices, e.g. needles=2 needles=4 type=bfs
  --shots FILE         MMLU-Pro: the validation split; its first 5 worked examples of the subject before each question
  --tokenizer X        counts lengths: a name (default qwen3), or a folder or file with a tokenizer.json
  --seeds N            default 1; seeds 0 … N − 1              --permutations     GPQA: another option order per seed
  --max-new-tokens N   default 4096                            --temperature X    default 0      --top-p X  default 1
 the built-in engine:
  --model DIR          Hugging Face checkpoint                 --weights TYPE  --kv TYPE  --context N (default 8192)
  --adapter DIR        PEFT LoRA adapter, merged while loading
 an OpenAI-compatible endpoint:
  --endpoint URL       http://host:port/v1                     --model-name NAME
  --key-env NAME       environment variable with the key (default ACC_API_KEY; none is needed for local servers)
  --concurrency N      default 4                               --requests-per-minute N
  --attempts N         tries per question, default 6           --timeout SECONDS  without a byte, default 300
  --body JSON          further fields of the request, e.g. {"chat_template_kwargs":{"enable_thinking":false}}
  --json               one JSON document: result, scores per item, comparison

Exit codes: 0 done, 1 stopped, or finished without an answer to some questions or without rows that cannot be read,
2 usage or unreadable input.`;

const one = ['data', 'shots', 'out', 'against', 'mode', 'limit', 'max-item-tokens', 'tokenizer', 'seeds', 'max-new-tokens', 'temperature', 'top-p',
  'model', 'adapter', 'weights', 'kv', 'context', 'endpoint', 'model-name', 'key-env', 'concurrency', 'requests-per-minute', 'attempts', 'timeout', 'body']; // prettier-ignore
const shapes = {
  ...Object.fromEntries(one.map((name) => [name, 'one'] as const)),
  ...Object.fromEntries(['only', 'before', 'after'].map((name) => [name, 'many'] as const)),
  ...Object.fromEntries(['permutations', 'json', 'help'].map((name) => [name, 'flag'] as const)),
};

const engineOptions = ['model', 'adapter', 'weights', 'kv', 'context'];
const endpointOptions = ['endpoint', 'model-name', 'key-env', 'concurrency', 'requests-per-minute', 'attempts', 'timeout', 'body']; // prettier-ignore

/** Throws `UsageError` for options that would be passed over: what is measured would not be what they say. */
function refuseOptions(parsed: ParsedArguments, names: readonly string[], goWith: string): void {
  const given = names.find((name) => parsed.values.has(name));
  if (given === undefined) return;
  throw new UsageError('bad-option', `option --${given} does nothing here`, {
    expected: `it goes with ${goWith}`,
  });
}

interface OpenSubject {
  readonly subject: Subject;
  readonly close: () => Promise<void>;
}

function jsonObjectOption(text: string | null): JsonObject {
  if (text === null) return {};
  let value: JsonValue = null;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    // Reported below.
  }
  if (!isObject(value)) throw new UsageError('bad-body', '--body needs a JSON object', { actual: text });
  return value;
}

function openEndpoint(url: string, parsed: ParsedArguments): OpenSubject {
  const model = lastValue(parsed, 'model-name');
  if (model === null) throw new UsageError('missing-option', '--endpoint needs --model-name NAME');
  const perMinute = numberValue(parsed, 'requests-per-minute');
  const subject = endpointSubject({
    ...defaultEndpointOptions,
    url,
    model,
    key: process.env[lastValue(parsed, 'key-env') ?? 'ACC_API_KEY'] ?? null,
    concurrency: wholeNumber(
      numberValue(parsed, 'concurrency'),
      defaultEndpointOptions.concurrency,
      'concurrency',
    ),
    requestsPerMinute: perMinute === null ? null : wholeNumber(perMinute, 1, 'requests-per-minute'),
    attempts: wholeNumber(numberValue(parsed, 'attempts'), defaultEndpointOptions.attempts, 'attempts'),
    idleTimeoutMs:
      1000 *
      wholeNumber(numberValue(parsed, 'timeout'), defaultEndpointOptions.idleTimeoutMs / 1000, 'timeout'),
    extraBody: jsonObjectOption(lastValue(parsed, 'body')),
  });
  return { subject, close: async () => {} };
}

function typeOption<T extends string>(
  parsed: ParsedArguments,
  name: string,
  choices: readonly T[],
  fallback: T,
): T {
  const given = lastValue(parsed, name) ?? fallback;
  const choice = choices.find((each) => each === given);
  if (!choice)
    throw new UsageError('bad-choice', `--${name} needs one of ${choices.join(', ')}`, { actual: given });
  return choice;
}

async function openEngine(folder: string, parsed: ParsedArguments): Promise<OpenSubject> {
  const opened = await openModelFolder(folder);
  const { checkpoint, tokenizer } = opened;
  const weightType = typeOption<WeightType>(parsed, 'weights', weightTypes, 'f16');
  const kvType = typeOption<KvType>(parsed, 'kv', Object.keys(kvTypeCode) as KvType[], 'f16');
  const contextLength = wholeNumber(numberValue(parsed, 'context'), 8192, 'context');
  const { sha256: modelSha256 } = await hashCheckpoint(checkpoint);
  const adapterFolder = lastValue(parsed, 'adapter');
  const adapter = adapterFolder === null ? null : await openAdapterFolder(adapterFolder, checkpoint);
  const engine = await openNodeEngine();
  const session = await ModelSession.load(
    engine,
    checkpoint,
    { ...defaultLoadOptions, weightType, kvType, contextLength },
    {
      ...(adapter ? { adapter } : {}),
      onKernels: (done, total) => progressLine(`compiling kernels ${done}/${total}`),
      onProgress: ({ doneBytes, totalBytes }) =>
        progressLine(`loading ${((100 * doneBytes) / totalBytes).toFixed(0)} %`),
    },
  );
  await opened.close();
  endProgress();
  const subject = engineSubject(session, tokenizer, checkpoint.tokenizerConfig, {
    name: adapter ? `${checkpoint.name} + ${adapter.name}` : checkpoint.name,
    identity: {
      type: 'engine',
      model: checkpoint.name,
      // Folders of other weights may be called the same, as what acc train merges is.
      modelSha256,
      chatTemplateSha256: createHash('sha256')
        .update(canonicalJson(checkpoint.tokenizerConfig?.['chat_template'] ?? null))
        .digest('hex'),
      adapter: adapter?.sha256 ?? null,
      tokenizer: tokenizer.sha256,
      weightType,
      kvType,
      contextLength,
    },
    sampling: greedySampling,
  });
  return {
    subject,
    close: async () => {
      session.destroy();
      engine.destroy();
    },
  };
}

async function openShots(path: string | null): Promise<Shots | null> {
  if (path === null) return null;
  const file = await openBenchmarkFile(path);
  try {
    return await readShots(file.rows, file.source.name, await file.sha256());
  } finally {
    await file.source.close();
  }
}

function wantedSlices(values: readonly string[]): Record<string, string[]> {
  const slices: Record<string, string[]> = {};
  for (const text of values) {
    const equals = text.indexOf('=');
    if (equals < 1) throw new UsageError('bad-option', '--only needs NAME=LABEL', { actual: text });
    (slices[text.slice(0, equals)] ??= []).push(text.slice(equals + 1));
  }
  return slices;
}

/** `acc evaluate compare`. */
async function compareFolders(parsed: ParsedArguments): Promise<number> {
  refuseOptions(parsed, [...one, 'only'], 'acc evaluate BENCHMARK');
  const before = parsed.values.get('before') ?? [];
  const after = parsed.values.get('after') ?? [];
  if (before.length === 0 || before.length !== after.length) {
    throw new UsageError(
      'missing-option',
      'acc evaluate compare needs as many --before folders as --after folders',
    );
  }
  const found: Comparison[] = [];
  for (const [at, folder] of before.entries()) found.push(await compareTwo(folder, after[at]!));
  const comparisons = correctTogether(found);
  if (parsed.flags.has('json')) await printJson({ comparisons });
  else await print(comparisons.map(comparisonText).join('\n\n'));
  return EXIT_DONE;
}

async function compareTwo(beforeFolder: string, afterFolder: string): Promise<Comparison> {
  const [before, after] = [await readEvaluation(beforeFolder), await readEvaluation(afterFolder)];
  const where = `${beforeFolder}, ${afterFolder}`;
  checkAlike(before, after, where);
  return compareAlike(before, after, where);
}

/** Throws `InputError` where the scores of two evaluations do not measure the same. */
function checkAlike(
  before: Omit<StoredEvaluation, 'items'>,
  after: Omit<StoredEvaluation, 'items'>,
  where: string,
): void {
  if (before.benchmark !== after.benchmark || before.dataSha256 !== after.dataSha256) {
    throw new InputError('different-data', 'The two evaluations are of different data', {
      where,
      expected: `${before.benchmark} ${before.dataSha256.slice(0, 12)}`,
      actual: `${after.benchmark} ${after.dataSha256.slice(0, 12)}`,
    });
  }
  if (before.mode !== after.mode) {
    throw new InputError('different-mode', 'The two evaluations are graded in different modes', {
      where,
      expected: before.mode,
      actual: after.mode,
      advice: 'run one again with the --mode of the other; answers kept in its --out are not asked again',
    });
  }
}

function compareAlike(before: StoredEvaluation, after: StoredEvaluation, where: string): Comparison {
  const names = { benchmark: before.benchmark, before: before.subject, after: after.subject };
  const comparison = compareScores(before.items, after.items, names);
  if (!comparison)
    throw new InputError('nothing-in-common', 'The two evaluations share no item under a common seed', {
      where,
    });
  return comparison;
}

/** `acc evaluate`. */
export async function run(argv: string[]): Promise<number> {
  const parsed = parseArguments(argv, shapes);
  if (parsed.flags.has('help')) {
    await print(help);
    return EXIT_DONE;
  }
  const [name, ...rest] = parsed.words;
  if (name === 'compare' && rest.length === 0) return compareFolders(parsed);
  if (name === undefined || rest.length > 0 || !benchmarkIds.some((id) => id === name)) {
    throw new UsageError('bad-benchmark', 'acc evaluate needs a benchmark', {
      expected: benchmarkIds.join(', '),
      actual: parsed.words.join(' '),
    });
  }
  const data = lastValue(parsed, 'data');
  const model = lastValue(parsed, 'model');
  const endpoint = lastValue(parsed, 'endpoint');
  if (data === null)
    throw new UsageError('missing-option', 'acc evaluate needs --data FILE', {
      advice: 'acc generate makes one',
    });
  if ((model === null) === (endpoint === null))
    throw new UsageError('missing-option', 'acc evaluate needs --model DIR or --endpoint URL');
  refuseOptions(parsed, ['before', 'after'], 'acc evaluate compare');
  if (endpoint !== null) refuseOptions(parsed, engineOptions, '--model');
  else refuseOptions(parsed, endpointOptions, '--endpoint');
  const published = benchmarkOf(name);
  const mode = modeOf(parsed, published.modes);
  const shotsPath = lastValue(parsed, 'shots');
  if (shotsPath !== null && !takesShots(published.id))
    throw new UsageError('bad-option', `--shots: ${published.label} is asked without worked examples`);
  const seeds = Array.from(
    { length: wholeNumber(numberValue(parsed, 'seeds'), 1, 'seeds') },
    (_, seed) => seed,
  );
  const generation = {
    maxNewTokens: wholeNumber(numberValue(parsed, 'max-new-tokens'), 4096, 'max-new-tokens'),
    temperature: numberValue(parsed, 'temperature') ?? 0,
    topP: numberValue(parsed, 'top-p') ?? 1,
  };
  const limit = numberValue(parsed, 'limit');
  const maxTokens = numberValue(parsed, 'max-item-tokens');
  const against = lastValue(parsed, 'against');
  const out = lastValue(parsed, 'out');
  const slices = wantedSlices(parsed.values.get('only') ?? []);
  if (out !== null) await checkWritable(join(out, evaluationFiles.journal));
  const earlier = against === null ? null : { ...(await readEvaluation(against)), where: against };
  const length = await openLengthCounter(lastValue(parsed, 'tokenizer') ?? 'qwen3');
  const shots = await openShots(shotsPath);
  const { subject, close } =
    endpoint !== null ? openEndpoint(endpoint, parsed) : await openEngine(model ?? '', parsed);
  const file = await openBenchmarkFile(data);
  const dataSha256 = await file.sha256();
  const benchmark = shots ? withShots(published, shots, dataSha256) : published;
  const plan: EvaluationPlan = {
    benchmark,
    rows: file.rows,
    dataName: file.source.name,
    dataSha256,
    subject,
    seeds,
    mode,
    selection: { limit: limit === null ? null : wholeNumber(limit, 1, 'limit'), slices, maxTokens },
    generation,
    varyPresentation: parsed.flags.has('permutations'),
    length,
  };
  const disk = out === null ? null : new DiskJournal(join(out, evaluationFiles.journal));
  let journal: Journal | null = null;
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    const self = { benchmark: name, subject: subject.name, dataSha256, mode };
    if (earlier) checkAlike(earlier, self, earlier.where);
    journal = await Journal.open(disk ?? memoryJournal(), runIdentity(plan));
    const { result, items } = await runEvaluation(plan, journal, {
      signal: stop.signal,
      onProgress: ({ stage, questions, done, failed, mean }) =>
        progressLine(
          stage === 'choosing'
            ? 'choosing rows'
            : `${done}/${questions} answered, ${failed} failed, mean ${mean === null ? '–' : mean.toFixed(3)}`,
        ),
    });
    endProgress();
    if (out !== null) await writeEvaluation(out, result, items);
    const comparison = earlier && compareAlike(earlier, { ...self, items }, earlier.where);
    if (parsed.flags.has('json')) await printJson({ ...result, itemScores: items, comparison });
    else {
      await print(
        [
          `${benchmark.label} (${printable(file.source.name)}), ${printable(subject.name)}: ${result.answered} of ${result.questions} questions answered, mode ${mode}`,
          result.answered > 0
            ? scoresText(result.scores, benchmark.scoreLabel, result.lengthTokenizer)
            : 'Nothing was answered.',
          ...(result.notes.length > 0
            ? [result.notes.map((each) => `Note: ${printable(each)}`).join('\n')]
            : []),
          ...(result.failures.length > 0
            ? [
                result.failures
                  .slice(0, 5)
                  .map(({ index, seed, reason }) => `  item ${index}, seed ${seed}: ${printable(reason)}`)
                  .join('\n'),
              ]
            : []),
          ...(result.rowProblems.length > 0
            ? [
                [
                  `Rows with problems: ${result.rowProblems.length}, of which ${result.unreadableRows} cannot be read`,
                  ...result.rowProblems
                    .slice(0, 10)
                    .map(({ index, problem }) => `  row ${index}: ${printable(problem)}`),
                ].join('\n'),
              ]
            : []),
          ...(comparison ? [comparisonText(comparison)] : []),
        ].join('\n\n'),
      );
    }
    return result.isComplete && result.unreadableRows === 0 ? EXIT_DONE : EXIT_REJECTED;
  } catch (error) {
    endProgress();
    if (!(error instanceof CancelledError)) throw error;
    note(
      `acc: stopped after ${journal?.answered ?? 0} answers${out === null ? '' : '; the same command goes on from there'}`,
    );
    return EXIT_REJECTED;
  } finally {
    process.removeListener('SIGINT', onSignal);
    process.removeListener('SIGTERM', onSignal);
    await disk?.close();
    await file.source.close();
    await close();
  }
}
