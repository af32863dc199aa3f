import type { JsonObject } from '../core/json.ts';
import { holm, mean, pairedBootstrap } from './statistics.ts';

/** Ways of training that are compared; `base` is the model without an adapter. */
export const replicationArms = [
  'base',
  'acc',
  'sft-processed',
  'sft-supervised',
  'acc-no-distractors',
  'acc-chronological',
] as const;
export type ReplicationArm = (typeof replicationArms)[number];

export const replicationArmNames: Readonly<Record<ReplicationArm, string>> = {
  base: 'Base',
  acc: 'ACC',
  'sft-processed': 'Agent SFT, equal processed tokens',
  'sft-supervised': 'Agent SFT, equal supervised tokens',
  'acc-no-distractors': 'ACC without distractors',
  'acc-chronological': 'ACC, chronological',
};

const replicationBenchmarks = ['mrcr', 'graphwalks', 'short-tasks'] as const;
export type ReplicationBenchmark = (typeof replicationBenchmarks)[number];

/** A held-out set: one benchmark at one length (null: the short tasks). */
export interface ReplicationSet {
  readonly benchmark: ReplicationBenchmark;
  readonly tokens: number | null;
  readonly items: number;
  /** Items that follow one another share a context, so many at a time. */
  readonly questionsPerContext: number;
  readonly sha256: string;
}

/** One adapter, trained and asked everything. */
export interface ReplicationRun {
  readonly arm: ReplicationArm;
  /** Of data order, permutation and the adapter's start; null for the base model, which none of them changes. */
  readonly seed: number | null;
  readonly adapterSha256: string | null;
  readonly trained: {
    readonly dataSha256: string;
    readonly examples: number;
    readonly steps: number;
    readonly processedTokens: number;
    readonly supervisedTokens: number;
    readonly longestExample: number;
    readonly lastLoss: number;
  } | null;
  /** Scores of the items of each set, in the order of `sets`. */
  readonly scores: readonly (readonly number[])[];
}

export interface ReplicationCell {
  readonly arm: ReplicationArm;
  readonly benchmark: ReplicationBenchmark;
  /** Null: all lengths together, each counting the same. */
  readonly tokens: number | null;
  readonly items: number;
  readonly mean: number;
  /** 95 % interval of the two-level bootstrap over seeds and items. */
  readonly interval: readonly [number, number];
  readonly perSeed: readonly number[];
}

export interface ReplicationDifference {
  readonly benchmark: ReplicationBenchmark;
  readonly before: ReplicationArm;
  readonly after: ReplicationArm;
  readonly tokens: number | null;
  readonly items: number;
  readonly mean: number;
  /** 95 % interval of the paired two-level bootstrap. */
  readonly interval: readonly [number, number];
  readonly p: number;
  /** After Holm's correction over the differences of all lengths together; null for a single length. */
  readonly holmP: number | null;
}

/** What a replication found, with all that decides it: the file of `acc replicate`. */
export interface ReplicationResult {
  readonly format: 'acc-replication/1';
  readonly command: string;
  readonly version: string;
  readonly isComplete: boolean;
  readonly model: { readonly name: string; readonly sha256: string; readonly tokenizerSha256: string };
  readonly device: string;
  readonly options: JsonObject;
  readonly arms: readonly { readonly id: ReplicationArm; readonly label: string }[];
  readonly seeds: readonly number[];
  readonly sets: readonly ReplicationSet[];
  readonly runs: readonly ReplicationRun[];
  readonly cells: readonly ReplicationCell[];
  readonly differences: readonly ReplicationDifference[];
}

type Facts = Pick<ReplicationResult, 'seeds' | 'sets' | 'runs'>;

/** Positions in `sets` that a cell is made of. */
function setsOf({ sets }: Facts, benchmark: ReplicationBenchmark, tokens: number | null): number[] {
  return sets.flatMap((set, at) =>
    set.benchmark === benchmark && (tokens === null || set.tokens === tokens) ? [at] : [],
  );
}

interface Scores {
  /** [seed][item], weighted so that the mean counts every set the same. */
  readonly rows: number[][];
  /** The set of each item. */
  readonly strata: string[];
  /** The context of each item within its set. */
  readonly clusters: number[];
}

/** Scores of an arm, one row a seed; the base model's stand for every seed. Null where a run is missing. */
function scoresOf(facts: Facts, arm: ReplicationArm, positions: readonly number[]): Scores | null {
  const total = positions.reduce((sum, at) => sum + facts.sets[at]!.items, 0);
  const rows: number[][] = [];
  for (const seed of facts.seeds) {
    const run = facts.runs.find((each) => each.arm === arm && (each.seed === null || each.seed === seed));
    if (!run) return null;
    rows.push(
      positions.flatMap((at) => {
        const scores = run.scores[at] ?? [];
        const weight = total / (positions.length * scores.length);
        return scores.map((score) => score * weight);
      }),
    );
  }
  const strata = positions.flatMap((at) => Array.from({ length: facts.sets[at]!.items }, () => String(at)));
  const clusters = positions.flatMap((at) =>
    Array.from({ length: facts.sets[at]!.items }, (_, item) =>
      Math.floor(item / facts.sets[at]!.questionsPerContext),
    ),
  );
  return total === 0 ? null : { rows, strata, clusters };
}

/** Benchmarks with their lengths, and all lengths together (null) where there are several. */
function groupsOf({ sets }: Facts): { benchmark: ReplicationBenchmark; tokens: number | null }[] {
  return replicationBenchmarks.flatMap((benchmark) => {
    const lengths = sets.filter((set) => set.benchmark === benchmark).map(({ tokens }) => tokens);
    const all = lengths.length === 1 ? [] : lengths.map((tokens) => ({ benchmark, tokens }));
    return lengths.length === 0 ? [] : [...all, { benchmark, tokens: null }];
  });
}

/** Means of every arm with intervals, for the arms of which every seed is there. */
export function replicationCells(facts: Facts): ReplicationCell[] {
  return groupsOf(facts).flatMap(({ benchmark, tokens }) => {
    const positions = setsOf(facts, benchmark, tokens);
    return replicationArms.flatMap((arm): ReplicationCell[] => {
      const scores = scoresOf(facts, arm, positions);
      if (!scores) return [];
      const { rows, strata, clusters } = scores;
      const zeros = rows.map((row) => row.map(() => 0));
      const seed = `${benchmark}/${String(tokens)}/${arm}`;
      const { mean: centre, interval } = pairedBootstrap(zeros, rows, { seed, strata, clusters });
      return [
        {
          arm,
          benchmark,
          tokens,
          items: strata.length,
          mean: centre,
          interval,
          perSeed: rows.map((row) => mean(row)),
        },
      ];
    });
  });
}

/** ACC and its variants against the base model, and ACC against every other arm; Holm over all lengths together. */
export function replicationDifferences(facts: Facts): ReplicationDifference[] {
  const pairs: [ReplicationArm, ReplicationArm][] = [];
  for (const arm of replicationArms) {
    if (arm !== 'base') pairs.push(['base', arm]);
    if (arm !== 'base' && arm !== 'acc') pairs.push([arm, 'acc']);
  }
  const found = groupsOf(facts).flatMap(({ benchmark, tokens }) => {
    const positions = setsOf(facts, benchmark, tokens);
    return pairs.flatMap(([before, after]): ReplicationDifference[] => {
      const [a, b] = [scoresOf(facts, before, positions), scoresOf(facts, after, positions)];
      if (!a || !b) return [];
      const seed = `${benchmark}/${String(tokens)}/${before}/${after}`;
      const {
        mean: centre,
        interval,
        p,
      } = pairedBootstrap(a.rows, b.rows, {
        seed,
        strata: a.strata,
        clusters: a.clusters,
      });
      return [
        { benchmark, before, after, tokens, items: a.strata.length, mean: centre, interval, p, holmP: null },
      ];
    });
  });
  const together = found.filter(({ tokens }) => tokens === null);
  const adjusted = holm(together.map(({ p }) => p));
  return found.map((each) => ({ ...each, holmP: adjusted[together.indexOf(each)] ?? null }));
}
