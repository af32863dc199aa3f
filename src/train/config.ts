import { InputError } from '../core/errors.ts';
import { isObject, type JsonValue } from '../core/json.ts';
import type { WeightType } from '../gpu/tensors.ts';
import type { Schedule } from './schedule.ts';
import type { TrainerOptions } from './types.ts';

/** Everything that decides a run besides data, model and device. Written into the run record as it was used. */
export interface TrainConfig {
  readonly rank: number;
  readonly alpha: number;
  readonly targets: readonly string[];
  readonly useRslora: boolean;
  readonly dropout: number;
  readonly expertRank: number | null;
  readonly sharedExpertAdapter: boolean;
  readonly trainRouter: boolean;
  readonly auxLossCoef: number;
  readonly learningRate: number;
  readonly schedule: Schedule['schedule'];
  readonly warmupSteps: number;
  readonly warmupFromZero: boolean;
  readonly minLearningRate: number;
  readonly steps: number | null;
  readonly epochs: number | null;
  readonly batchSize: number;
  readonly gradAccumSteps: number;
  readonly maxLength: number;
  readonly overLength: 'refuse' | 'drop';
  readonly packing: boolean;
  readonly shuffle: boolean;
  readonly lossWeighting: 'token' | 'sequence';
  readonly superviseNewline: boolean;
  readonly turns: 'together' | 'apart';
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly maxGradNorm: number;
  readonly checkpointing: boolean;
  readonly weightType: WeightType | 'auto';
  readonly seed: number;
  readonly evalShare: number;
  readonly evalSteps: number | null;
  readonly earlyStopPatience: number;
  readonly keepBest: boolean;
  readonly checkpointSteps: number;
  readonly keepCheckpoints: boolean;
}

type Reader<T> = (value: JsonValue, expected: (text: string) => never) => T;

interface Key<T> {
  readonly fallback: T;
  /** What it is, for help texts and forms. */
  readonly meaning: string;
  readonly read: Reader<T>;
}

const integer =
  (least: number, most = 2 ** 31 - 1): Reader<number> =>
  (value, expected) =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
      ? value
      : expected(`an integer from ${least}${most < 2 ** 31 - 1 ? ` to ${most}` : ' on'}`);
const number =
  (least: number, most: number, openEnd = false): Reader<number> =>
  (value, expected) =>
    typeof value === 'number' && value >= least && (openEnd ? value < most : value <= most)
      ? value
      : expected(
          most === Infinity
            ? `a number from ${least} on`
            : `a number from ${least} to ${openEnd ? 'below ' : ''}${most}`,
        );
const positive: Reader<number> = (value, expected) =>
  typeof value === 'number' && value > 0 && value < Infinity ? value : expected('a number above 0');
const flag: Reader<boolean> = (value, expected) =>
  typeof value === 'boolean' ? value : expected('true or false');
const optional =
  <T>(read: Reader<T>): Reader<T | null> =>
  (value, expected) =>
    value === null ? null : read(value, expected);
const choice =
  <T extends string>(...choices: readonly T[]): Reader<T> =>
  (value, expected) =>
    choices.find((each) => each === value) ??
    expected(`one of ${choices.map((each) => `"${each}"`).join(', ')}`);

/** Names for sets of layers. */
const targetPresets: Readonly<Record<string, readonly string[]>> = {
  'all-linear': ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
  attention: ['q_proj', 'k_proj', 'v_proj', 'o_proj'],
};

const targets: Reader<readonly string[]> = (value, expected) => {
  if (typeof value === 'string' && Object.hasOwn(targetPresets, value)) return targetPresets[value]!;
  if (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((each) => typeof each === 'string' && each !== '')
  ) {
    return value as string[];
  }
  return expected('"all-linear", "attention", or a list of module patterns such as ["q_proj", "v_proj"]');
};

const keys: { readonly [K in keyof TrainConfig]: Key<TrainConfig[K]> } = {
  rank: {
    fallback: 8,
    meaning: 'inner size of each low-rank pair: more can learn more and takes more memory',
    read: integer(1, 1024),
  },
  alpha: {
    fallback: 16,
    meaning: 'strength of the adapter: its output is multiplied by alpha / rank',
    read: positive,
  },
  targets: {
    fallback: targetPresets['all-linear']!,
    meaning: 'layers that get a pair: "all-linear", "attention", or patterns on module paths',
    read: targets,
  },
  useRslora: { fallback: false, meaning: 'multiply by alpha / √rank instead of alpha / rank', read: flag },
  dropout: {
    fallback: 0,
    meaning: 'share of each pair’s inputs that is left out at random while training',
    read: number(0, 1, true),
  },
  expertRank: {
    fallback: null,
    meaning: 'rank of each expert’s pairs; null for the same rank everywhere, which is what vLLM reads',
    read: optional(integer(1, 1024)),
  },
  sharedExpertAdapter: {
    fallback: false,
    meaning: 'one pair for all experts of a layer instead of one for each',
    read: flag,
  },
  trainRouter: { fallback: false, meaning: 'also adapt the routers that choose experts', read: flag },
  auxLossCoef: {
    fallback: 0,
    meaning:
      'weight of the load-balancing loss of the experts (each row’s own, averaged over the rows of an update); 0 leaves it out',
    read: number(0, Infinity),
  },
  learningRate: {
    fallback: 1e-4,
    meaning: 'size of each update at its highest',
    read: number(0, Infinity),
  },
  schedule: {
    fallback: 'cosine',
    meaning: 'how the learning rate falls after the warm-up: constant, linear or cosine',
    read: choice('constant', 'linear', 'cosine'),
  },
  warmupSteps: { fallback: 0, meaning: 'steps over which the learning rate rises', read: integer(0) },
  warmupFromZero: {
    fallback: false,
    meaning: 'the first warm-up step has rate 0, as Hugging Face’s schedulers do',
    read: flag,
  },
  minLearningRate: {
    fallback: 0,
    meaning: 'where the learning rate ends',
    read: number(0, Infinity),
  },
  steps: {
    fallback: null,
    meaning: 'updates in all; null for a number of epochs',
    read: optional(integer(1)),
  },
  epochs: { fallback: 1, meaning: 'times that every example is seen', read: optional(integer(1, 100_000)) },
  batchSize: {
    fallback: 1,
    meaning: 'rows that are handed to the device together (they run one after the other)',
    read: integer(1, 65_536),
  },
  gradAccumSteps: {
    fallback: 1,
    meaning: 'batches whose gradients are added before an update, normalised by all their supervised tokens',
    read: integer(1, 65_536),
  },
  maxLength: { fallback: 4096, meaning: 'most tokens of a row', read: integer(2, 2 ** 20) },
  overLength: {
    fallback: 'refuse',
    meaning: 'examples longer than that: "refuse" does not start, "drop" leaves them out and lists them',
    read: choice('refuse', 'drop'),
  },
  packing: {
    fallback: false,
    meaning: 'several short examples in a row; each sees only itself',
    read: flag,
  },
  shuffle: { fallback: true, meaning: 'another order of rows in every epoch, drawn by the seed', read: flag },
  lossWeighting: {
    fallback: 'token',
    meaning: '"token": every supervised token counts the same; "sequence": every example does',
    read: choice('token', 'sequence'),
  },
  superviseNewline: {
    fallback: false,
    meaning: 'also learn the line break after the end-of-turn token',
    read: flag,
  },
  turns: {
    fallback: 'together',
    meaning:
      'conversations of several replies: "together" learns all of them in one row; "apart" makes an example of each reply and what came before it, as the model reads it when it writes that reply',
    read: choice('together', 'apart'),
  },
  weightDecay: {
    fallback: 0,
    meaning: 'share of each weight taken away per step, times the learning rate',
    read: number(0, 1),
  },
  beta1: { fallback: 0.9, meaning: 'memory of the gradient’s mean', read: number(0, 1, true) },
  beta2: { fallback: 0.999, meaning: 'memory of the gradient’s square', read: number(0, 1, true) },
  epsilon: { fallback: 1e-8, meaning: 'added to the root of the gradient’s square', read: positive },
  maxGradNorm: {
    fallback: 1,
    meaning: 'gradients of a larger norm are scaled down to it; 0 turns that off',
    read: number(0, Infinity),
  },
  checkpointing: {
    fallback: true,
    meaning: 'keep only each layer’s input and compute the rest again: less memory, same result',
    read: flag,
  },
  weightType: {
    fallback: 'auto',
    meaning: 'how the frozen weights are held: auto, f32, f16, int8 or int4',
    read: choice('auto', 'f32', 'f16', 'int8', 'int4'),
  },
  seed: {
    fallback: 0,
    meaning: 'of the adapter’s start, the order of rows, the held-out draw and dropout',
    read: integer(0, 2 ** 32 - 1),
  },
  evalShare: {
    fallback: 0,
    meaning: 'share of the examples held out of training, besides those marked as held out',
    read: number(0, 0.9),
  },
  evalSteps: {
    fallback: null,
    meaning: 'steps between evaluations on held-out examples; null for the end of each epoch',
    read: optional(integer(1)),
  },
  earlyStopPatience: {
    fallback: 0,
    meaning: 'evaluations without a better loss after which training stops; 0 never stops',
    read: integer(0),
  },
  keepBest: {
    fallback: true,
    meaning: 'the saved adapter is that of the best held-out loss, not the last',
    read: flag,
  },
  checkpointSteps: {
    fallback: 50,
    meaning: 'steps between checkpoints to go on from; 0 saves only at stops and at the end',
    read: integer(0),
  },
  keepCheckpoints: {
    fallback: false,
    meaning:
      'keep the adapter of every checkpoint (checkpoint-N), to follow attention and experts through training',
    read: flag,
  },
};

const keyNames = Object.keys(keys) as (keyof TrainConfig)[];

/** The keys with their defaults and meanings, in the order of help texts and forms. */
export const trainConfigKeys: readonly {
  readonly name: keyof TrainConfig;
  readonly fallback: JsonValue;
  readonly meaning: string;
}[] = keyNames.map((name) => ({
  name,
  fallback: keys[name].fallback as JsonValue,
  meaning: keys[name].meaning,
}));

export const defaultTrainConfig: TrainConfig = Object.fromEntries(
  keyNames.map((name) => [name, keys[name].fallback]),
) as unknown as TrainConfig;

/** The known name nearest to a mistyped one, if one is near. */
function nearest(name: string): string | null {
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  const same = keyNames.find((key) => plain(key) === plain(name));
  if (same) return same;
  return keyNames.find((key) => plain(key).includes(plain(name)) || plain(name).includes(plain(key))) ?? null;
}

/**
 * Reads a config from JSON; what is not given has its default.
 * @throws InputError for an unknown key or a value that cannot be used
 */
export function readTrainConfig(value: JsonValue, where = 'the training config'): TrainConfig {
  if (!isObject(value)) {
    throw new InputError('bad-config', 'The training config is no JSON object', { where });
  }
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(keys, name)) continue;
    const meant = nearest(name);
    throw new InputError('unknown-config-key', `"${name}" is no key of a training config`, {
      where,
      expected: `one of ${keyNames.join(', ')}`,
      ...(meant ? { advice: `did you mean "${meant}"?` } : {}),
    });
  }
  const read = <K extends keyof TrainConfig>(name: K): TrainConfig[K] => {
    const given = value[name];
    if (given === undefined) {
      // A number of steps takes the place of the default number of epochs.
      return name === 'epochs' && typeof value['steps'] === 'number'
        ? (null as TrainConfig[K])
        : keys[name].fallback;
    }
    return keys[name].read(given, (expected) => {
      throw new InputError('bad-config-value', `"${name}" cannot be used`, {
        where,
        expected,
        actual: JSON.stringify(given).slice(0, 200),
      });
    });
  };
  const config = Object.fromEntries(keyNames.map((name) => [name, read(name)])) as unknown as TrainConfig;
  if ((config.steps === null) === (config.epochs === null)) {
    throw new InputError('bad-config-value', 'A run needs either steps or epochs', {
      where,
      expected: '"steps" or "epochs", the other null or left out',
      actual: config.steps === null ? 'neither' : 'both',
    });
  }
  if (config.minLearningRate > config.learningRate) {
    throw new InputError('bad-config-value', '"minLearningRate" is above "learningRate"', {
      where,
      expected: `at most ${config.learningRate}`,
      actual: String(config.minLearningRate),
    });
  }
  return config;
}

/** The trainer's part of a config. @param weightType what `auto` stands for with this model */
export function trainerOptionsOf(config: TrainConfig, weightType: WeightType): TrainerOptions {
  return {
    lora: {
      rank: config.rank,
      alpha: config.alpha,
      useRslora: config.useRslora,
      dropout: config.dropout,
      targets: config.targets,
      ...(config.expertRank === null ? {} : { expertRank: config.expertRank }),
      sharedExpertAdapter: config.sharedExpertAdapter,
      trainRouter: config.trainRouter,
      auxLossCoef: config.auxLossCoef,
      seed: config.seed,
    },
    weightType: config.weightType === 'auto' ? weightType : config.weightType,
    maxLength: config.maxLength,
    checkpointing: config.checkpointing,
    beta1: config.beta1,
    beta2: config.beta2,
    epsilon: config.epsilon,
    weightDecay: config.weightDecay,
    maxGradNorm: config.maxGradNorm,
  };
}
