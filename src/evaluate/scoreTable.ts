import { measureParts, type Benchmark, type Graded, type Measure, type Presentation } from './benchmark.ts';
import { estimate, tQuantile, type Estimate } from './statistics.ts';

/** The score of some items under some seeds. */
export interface GroupScore {
  readonly label: string;
  /** Items with at least one graded response. */
  readonly items: number;
  readonly responses: number;
  /** Mean over items of the mean over their seeds. */
  readonly mean: number;
  /** Mean of each seed, in the order of the run's seeds; null for a seed without responses. */
  readonly perSeed: readonly (number | null)[];
  /** Spread of the seeds' means with its t interval; null unless two seeds or more have responses. */
  readonly overSeeds: Estimate | null;
  /** Spread of the items' means with its t interval: how much another sample of items might differ. */
  readonly overItems: Estimate;
}

/** One slice dimension: length, needles, depth, type … */
interface SliceScores {
  readonly dimension: string;
  readonly groups: readonly GroupScore[];
}

interface MeasureScore {
  readonly name: string;
  /** Sum over everything counted, divided by its count (a micro-average where an item counts several things). */
  readonly mean: number;
  readonly count: number;
  readonly perSeed: readonly (number | null)[];
  readonly overSeeds: Estimate | null;
}

/** What several samples of an item add, where answers are right or wrong. */
export interface RepeatedScore {
  /** Samples per item: all items counted here have as many. */
  readonly samples: number;
  readonly items: number;
  readonly meanAtK: number;
  /** Unbiased 1 − C(n − c, k) / C(n, k), averaged over items. */
  readonly passAtK: readonly { readonly k: number; readonly mean: number }[];
  /**
   * The most frequent answer is right; of equally frequent ones the first given counts. Null where no answer is a
   * choice that samples could agree on (IFEval).
   */
  readonly majorityAtK: number | null;
  /** Share of items on which all samples gave the same answer; null as the above. */
  readonly consistency: number | null;
}

export interface Scores {
  readonly overall: GroupScore;
  readonly slices: readonly SliceScores[];
  readonly measures: readonly MeasureScore[];
  readonly repeated: RepeatedScore | null;
}

/** One graded response of an item. */
export interface SeedScore {
  /** Position in the list of seeds. */
  readonly seed: number;
  readonly score: number;
  readonly correct: boolean | null;
  /** What samples of the item share when they gave the same answer; null when there is nothing to share. */
  readonly vote: string | null;
  readonly measures: Readonly<Record<string, Measure>>;
}

/** A graded response of an item as tables take it. */
export function seedScore(
  benchmark: Benchmark,
  row: unknown,
  seed: number,
  presentation: Presentation,
  { score, correct, extracted, measures }: Graded,
): SeedScore {
  const vote = extracted === null ? null : benchmark.vote(extracted, row, presentation);
  return { seed, score, correct, vote, measures };
}

const cellDimension = 'needles × length';

/** Slices of an item and, where its needles and its length are both known (MRCR), the cell of both. */
export function withCell(slices: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const { needles, length } = slices;
  if (needles === undefined || length === undefined) return slices;
  return { ...slices, [cellDimension]: `${needles} × ${length}` };
}

/** False of cells that only repeat the needles or the lengths: where there is one of the others. */
export function saysMore(dimension: string, labelsOf: (dimension: string) => number): boolean {
  return (
    dimension !== cellDimension || labelsOf(cellDimension) > Math.max(labelsOf('needles'), labelsOf('length'))
  );
}

class Group {
  items = 0;
  responses = 0;
  /** Welford's running mean and sum of squared deviations, over items. */
  private mean = 0;
  private squares = 0;
  private readonly sums: Float64Array;
  private readonly counts: Float64Array;
  constructor(seeds: number) {
    this.sums = new Float64Array(seeds);
    this.counts = new Float64Array(seeds);
  }

  add(scores: readonly SeedScore[]): void {
    let sum = 0;
    for (const { seed, score } of scores) {
      sum += score;
      this.sums[seed]! += score;
      this.counts[seed]! += 1;
    }
    const value = sum / scores.length;
    this.items++;
    this.responses += scores.length;
    const change = value - this.mean;
    this.mean += change / this.items;
    this.squares += change * (value - this.mean);
  }

  result(label: string): GroupScore {
    const perSeed = Array.from(this.sums, (sum, seed) =>
      this.counts[seed]! > 0 ? sum / this.counts[seed]! : null,
    );
    const n = this.items;
    const standardDeviation = n < 2 ? null : Math.sqrt(Math.max(0, this.squares) / (n - 1));
    const half = standardDeviation === null ? 0 : (quantileOf(n - 1) * standardDeviation) / Math.sqrt(n);
    return {
      label,
      items: n,
      responses: this.responses,
      mean: this.mean,
      perSeed,
      overSeeds: spreadOf(perSeed),
      overItems: {
        n,
        mean: this.mean,
        standardDeviation,
        interval: standardDeviation === null ? null : [this.mean - half, this.mean + half],
      },
    };
  }
}

const quantiles = new Map<number, number>();
function quantileOf(degrees: number): number {
  let value = quantiles.get(degrees);
  if (value === undefined) {
    value = tQuantile(0.95, degrees);
    quantiles.set(degrees, value);
  }
  return value;
}

function spreadOf(perSeed: readonly (number | null)[]): Estimate | null {
  const means = perSeed.filter((value) => value !== null);
  return means.length < 2 ? null : estimate(means);
}

/** 1 − C(n − c, k) / C(n, k): the chance that k of n samples, c of them right, hold a right one. */
export function passAtK(n: number, c: number, k: number): number {
  if (n - c < k) return 1;
  let missing = 1;
  for (let i = n - c + 1; i <= n; i++) missing *= 1 - k / i;
  return 1 - missing;
}

/** Most labels of one dimension; further ones are counted together. */
const mostLabels = 500;

/** Gathers scores item by item in memory that does not grow with their number. */
export class ScoreTable {
  private readonly overall: Group;
  private readonly dimensions = new Map<string, Map<string, Group>>();
  private readonly measures = new Map<string, { sums: Float64Array; counts: Float64Array }>();
  private readonly passes = new Map<number, { sum: number }>();
  private repeatedItems = 0;
  private repeatedMean = 0;
  private hasVotes = false;
  private majority = 0;
  private consistent = 0;

  constructor(private readonly seedCount: number) {
    this.overall = new Group(seedCount);
  }

  /** Adds an item with all its graded responses (one or more). */
  add(slices: Readonly<Record<string, string>>, scores: readonly SeedScore[]): void {
    if (scores.length === 0) return;
    this.overall.add(scores);
    for (const [dimension, label] of Object.entries(withCell(slices)))
      this.groupOf(dimension, label).add(scores);
    for (const { seed, measures } of scores) {
      for (const [name, measure] of Object.entries(measures)) {
        const [sum, count] = measureParts(measure);
        let held = this.measures.get(name);
        if (!held) {
          held = { sums: new Float64Array(this.seedCount), counts: new Float64Array(this.seedCount) };
          this.measures.set(name, held);
        }
        held.sums[seed]! += sum;
        held.counts[seed]! += count;
      }
    }
    if (
      scores.length === this.seedCount &&
      this.seedCount > 1 &&
      scores.every(({ correct }) => correct !== null)
    ) {
      this.addRepeated(scores);
    }
  }

  private groupOf(dimension: string, label: string): Group {
    let labels = this.dimensions.get(dimension);
    if (!labels) {
      labels = new Map();
      this.dimensions.set(dimension, labels);
    }
    const name = labels.has(label) || labels.size < mostLabels ? label : 'other';
    let group = labels.get(name);
    if (!group) {
      group = new Group(this.seedCount);
      labels.set(name, group);
    }
    return group;
  }

  private addRepeated(scores: readonly SeedScore[]): void {
    const n = scores.length;
    const right = scores.filter(({ correct }) => correct).length;
    this.repeatedItems++;
    this.repeatedMean += right / n;
    for (let k = 1; k <= n; k = k * 2 > n && k < n ? n : k * 2) {
      const held = this.passes.get(k);
      if (held) held.sum += passAtK(n, right, k);
      else this.passes.set(k, { sum: passAtK(n, right, k) });
    }
    const votes = new Map<string, { count: number; correct: boolean }>();
    for (const { vote, correct } of scores) {
      if (vote === null) continue;
      const same = votes.get(vote);
      if (same) same.count++;
      else votes.set(vote, { count: 1, correct: correct === true });
    }
    if (votes.size > 0) this.hasVotes = true;
    let winner: { count: number; correct: boolean } | null = null;
    for (const each of votes.values()) if (!winner || each.count > winner.count) winner = each;
    if (winner?.correct) this.majority++;
    if (winner?.count === n) this.consistent++;
  }

  result(): Scores {
    const measures = [...this.measures].map(([name, { sums, counts }]): MeasureScore => {
      const perSeed = Array.from(sums, (sum, seed) => (counts[seed]! > 0 ? sum / counts[seed]! : null));
      const total = sums.reduce((a, b) => a + b, 0);
      const count = counts.reduce((a, b) => a + b, 0);
      return { name, mean: count > 0 ? total / count : 0, count, perSeed, overSeeds: spreadOf(perSeed) };
    });
    const items = this.repeatedItems;
    return {
      overall: this.overall.result('all'),
      slices: [...this.dimensions]
        .filter(([dimension]) => saysMore(dimension, (name) => this.dimensions.get(name)?.size ?? 0))
        .sort(([a], [b]) => dimensionOrder(a) - dimensionOrder(b) || (a < b ? -1 : 1))
        .map(([dimension, labels]) => ({
          dimension,
          groups: [...labels]
            .sort(([a], [b]) => compareLabels(a, b))
            .map(([label, group]) => group.result(label)),
        })),
      measures,
      repeated:
        items === 0
          ? null
          : {
              samples: this.seedCount,
              items,
              meanAtK: this.repeatedMean / items,
              passAtK: [...this.passes].map(([k, { sum }]) => ({ k, mean: sum / items })),
              majorityAtK: this.hasVotes ? this.majority / items : null,
              consistency: this.hasVotes ? this.consistent / items : null,
            },
    };
  }
}

const firstDimensions = ['length', 'needles', cellDimension, 'type', 'depth'];

function dimensionOrder(name: string): number {
  const at = firstDimensions.indexOf(name);
  return at < 0 ? firstDimensions.length : at;
}

function numbersOf(label: string): number[] {
  return Array.from(label.matchAll(/\d[\d,]*\.?\d*/g), ([number]) => Number(number.replaceAll(',', '')));
}

/** Labels by their numbers one after the other, then as text. */
export function compareLabels(a: string, b: string): number {
  const [x, y] = [numbersOf(a), numbersOf(b)];
  for (let at = 0; at < Math.min(x.length, y.length); at++) if (x[at] !== y[at]) return x[at]! - y[at]!;
  return a < b ? -1 : a > b ? 1 : 0;
}
