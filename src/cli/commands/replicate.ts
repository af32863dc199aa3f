import { version } from '../../../package.json';
import { CancelledError, UsageError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import { replicationArms, type ReplicationArm } from '../../evaluate/replication.ts';
import { readTrainConfig, type TrainConfig } from '../../train/config.ts';
import { lastValue, numberValue, parseArguments, type ParsedArguments } from '../compileArguments.ts';
import { fileOfProject } from '../compileTokenizer.ts';
import { wholeNumber } from '../evaluateFiles.ts';
import { openModelFolder } from '../modelFolder.ts';
import { EXIT_DONE, EXIT_REJECTED, note, print, printJson } from '../output.ts';
import { replicationText } from '../replicate/replicationText.ts';
import { runReplication } from '../replicate/runReplication.ts';
import type { SetPlan } from '../replicate/sets.ts';

const help = `acc replicate [options]: what Agent Context Compilation does to a model, against controls

Makes trajectories in the world, compiles them in every way below, trains a LoRA adapter on each under each seed, and
asks every adapter and the model alone the same held-out questions: MRCR-style and GraphWalks-style rows that no
training text resembles in length, and the world's short tasks, which must not be unlearnt.

  base                the model alone
  acc                 compiled examples: evidence and distractors shuffled, answer behind the run's own reasoning
  sft-processed       the same trajectories as agent turns, as many tokens read
  sft-supervised      the same, as many tokens learnt
  acc-no-distractors, acc-chronological

  --model DIR         default the model in the box
  --out DIR           default replication; holds every training, answer and result.json; a stopped run goes on, also
                      from a result.json alone: what it holds of the same model, sets and options is not done again
  --overwrite         replace what --out holds of other options; without it that is kept
  --seeds N           default 3: permutation, data order, start of the adapter
  --arms NAME…        default all
  --lengths N…        default 256 512 1024 2048 tokens
  --items N…          questions of a benchmark at each length, default 200
  --per-context N     questions that share a conversation or graph, default 4: it is read once; intervals draw contexts
  --short N           short tasks, default 500; 0 leaves them out
  --trajectories N    default 600                     --size A B     how much an agent has to read, default 0.5 1
  --steps N           default 60                      --step-tokens N   read in a step, default 4096
  --budget N          longest example, default 2048   --set KEY=VALUE…  further keys of the training config
  --dev               other trajectories and questions than those that are reported: to try designs on
  --json              the result as JSON

Exit codes: 0 done, 1 stopped, 2 usage or unreadable input.`;

const one = [
  'model',
  'out',
  'seeds',
  'short',
  'per-context',
  'trajectories',
  'steps',
  'step-tokens',
  'budget',
];
const many = ['arms', 'lengths', 'items', 'size', 'set'];

/** `acc replicate`. */
export async function run(argv: string[]): Promise<number> {
  const parsed = parseArguments(argv, {
    ...Object.fromEntries(one.map((name) => [name, 'one'] as const)),
    ...Object.fromEntries(many.map((name) => [name, 'many'] as const)),
    ...Object.fromEntries(['dev', 'overwrite', 'json', 'help'].map((name) => [name, 'flag'] as const)),
  });
  if (parsed.flags.has('help')) {
    await print(help);
    return EXIT_DONE;
  }
  if (parsed.words.length > 0) {
    throw new UsageError('bad-argument', 'acc replicate takes options only', {
      actual: parsed.words.join(' '),
    });
  }
  const sizes = numbers(parsed, 'size', [0.5, 1], 0);
  if (sizes.length !== 2 || sizes[0]! > sizes[1]! || sizes[1]! > 1) {
    throw new UsageError('bad-size', '--size needs two numbers, 0 ≤ least ≤ greatest ≤ 1', {
      actual: sizes.join(' '),
    });
  }
  const whole = (name: string, fallback: number, least = 1): number =>
    wholeNumber(numberValue(parsed, name), fallback, name, least);
  const box = 'public/models/world-moe-3m';
  const model = lastValue(parsed, 'model') ?? fileOfProject(box) ?? box;
  const options = {
    model,
    out: lastValue(parsed, 'out') ?? 'replication',
    command: ['acc replicate', ...withoutPlaces(argv)].join(' '),
    version,
    seeds: whole('seeds', 3),
    arms: armsOf(parsed),
    sets: setsOf(parsed, whole('short', 500, 0), whole('per-context', 4)),
    isDev: parsed.flags.has('dev'),
    trajectories: whole('trajectories', 600),
    sizes: [sizes[0]!, sizes[1]!] as const,
    budget: whole('budget', 2048),
    steps: whole('steps', 60),
    stepTokens: whole('step-tokens', 4096),
    config: configOf(parsed),
    overwrite: parsed.flags.has('overwrite'),
  };
  const opened = await openModelFolder(model);
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    const result = await runReplication(options, opened, stop.signal);
    if (parsed.flags.has('json')) await printJson(result);
    else await print(replicationText(result));
    return EXIT_DONE;
  } catch (error) {
    if (!(error instanceof CancelledError)) throw error;
    note(`acc: stopped; the same command goes on from what is in ${options.out}`);
    return EXIT_REJECTED;
  } finally {
    process.removeListener('SIGINT', onSignal);
    process.removeListener('SIGTERM', onSignal);
    await opened.close();
  }
}

/** The options that decide the numbers: where model and results lie on a disk, and what lay there, does not. */
function withoutPlaces(argv: readonly string[]): string[] {
  const isPlace = (word: string | undefined): boolean => word === '--model' || word === '--out';
  return argv.filter(
    (word, at) =>
      !isPlace(word) && !isPlace(argv[at - 1]) && word !== '--overwrite' && !/^--(model|out)=/.test(word),
  );
}

/** The numbers of an option, each at least `least`. */
function numbers(
  parsed: ParsedArguments,
  name: string,
  fallback: readonly number[],
  least: number,
): readonly number[] {
  const given = parsed.values.get(name)?.flatMap((value) => value.split(','));
  const values = given?.map(Number) ?? fallback;
  if (values.some((value) => !(value >= least))) {
    throw new UsageError('bad-option', `option --${name} needs numbers from ${least}`, {
      actual: given?.join(' ') ?? '',
    });
  }
  return values;
}

function armsOf(parsed: ParsedArguments): ReplicationArm[] {
  const given = parsed.values.get('arms')?.flatMap((value) => value.split(',')) ?? replicationArms;
  const arms = given.map((name): ReplicationArm => {
    const arm = replicationArms.find((each) => each === name);
    if (!arm) {
      throw new UsageError('bad-arm', `There is no arm "${name}"`, { expected: replicationArms.join(', ') });
    }
    return arm;
  });
  if (arms.includes('sft-supervised') && !arms.includes('acc')) {
    throw new UsageError('bad-arm', 'The arm sft-supervised is matched to what acc learns', {
      advice: 'add acc to --arms',
    });
  }
  return arms;
}

function setsOf(parsed: ParsedArguments, short: number, questionsPerContext: number): SetPlan[] {
  const lengths = numbers(parsed, 'lengths', [256, 512, 1024, 2048], 64).map(Math.floor);
  const items = numbers(parsed, 'items', [200], 1).map(Math.floor);
  if (items.length !== 1 && items.length !== lengths.length) {
    throw new UsageError('bad-option', '--items needs one number, or one for each length', {
      expected: `1 or ${lengths.length} numbers`,
      actual: items.join(' '),
    });
  }
  const sets = lengths.map((tokens, at) => ({
    tokens,
    count: items[at] ?? items[0]!,
    questionsPerContext,
  }));
  return [
    ...sets.map((set) => ({ ...set, benchmark: 'mrcr' as const, maxNewTokens: 96 })),
    ...sets.map((set) => ({ ...set, benchmark: 'graphwalks' as const, maxNewTokens: 64 })),
    ...(short > 0
      ? [
          {
            benchmark: 'short-tasks' as const,
            tokens: null,
            count: short,
            questionsPerContext: 1,
            maxNewTokens: 128,
          },
        ]
      : []),
  ];
}

function configOf(parsed: ParsedArguments): Partial<TrainConfig> {
  const given: JsonObject = {};
  for (const text of parsed.values.get('set') ?? []) {
    const equals = text.indexOf('=');
    if (equals < 1) throw new UsageError('bad-option', '--set needs KEY=VALUE', { actual: text });
    const value = text.slice(equals + 1);
    try {
      given[text.slice(0, equals)] = JSON.parse(value) as JsonObject[string];
    } catch {
      // A word, such as a preset's name.
      given[text.slice(0, equals)] = value;
    }
  }
  const config = readTrainConfig(given, '--set');
  return Object.fromEntries(Object.entries(config).filter(([name]) => Object.hasOwn(given, name)));
}
