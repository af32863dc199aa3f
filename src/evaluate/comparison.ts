import { compareLabels, saysMore, withCell } from './scoreTable.ts';
import { holm, mcNemarP, pairedBootstrap, type PairedDifference } from './statistics.ts';

/** A graded response without its text: all that statistics need of it. */
export interface ItemScore {
  readonly index: number;
  readonly seed: number;
  readonly score: number;
  readonly correct: boolean | null;
  readonly slices: Readonly<Record<string, string>>;
}

/** Items by how two subjects did on them. Right means: on more than half of the seeds. */
interface ItemMatrix {
  readonly bothRight: number;
  readonly onlyBefore: number;
  readonly onlyAfter: number;
  readonly bothWrong: number;
}

interface SliceDifference extends PairedDifference {
  readonly dimension: string;
  readonly label: string;
}

/** Two subjects on the same items under the same seeds. */
export interface Comparison {
  readonly benchmark: string;
  readonly before: string;
  readonly after: string;
  /** Items and seeds that both have; others are left out. */
  readonly items: number;
  readonly seeds: readonly number[];
  readonly leftOut: number;
  /** Dimensions whose bins the bootstrap draws within; empty where none of them divides the items. */
  readonly strata: readonly string[];
  readonly overall: PairedDifference;
  /** The same difference per slice; n and interval of its own, no correction for their number. */
  readonly slices: readonly SliceDifference[];
  readonly matrix: ItemMatrix | null;
  /** Exact two-sided McNemar test of the matrix; null without one. */
  readonly mcNemar: number | null;
  /** Each score is 1 for right and 0 for wrong, so that McNemar's test is of the difference of the scores. */
  readonly isExact: boolean;
  /** p after Holm's correction over the benchmarks compared together; null for one alone. */
  readonly holmP: number | null;
}

interface Paired {
  readonly indices: number[];
  readonly seeds: number[];
  /** [seed][item] */
  readonly before: ItemScore[][];
  readonly after: ItemScore[][];
}

function byIndex(scores: readonly ItemScore[]): Map<number, Map<number, ItemScore>> {
  const items = new Map<number, Map<number, ItemScore>>();
  for (const score of scores) {
    const held = items.get(score.index);
    if (held) held.set(score.seed, score);
    else items.set(score.index, new Map([[score.seed, score]]));
  }
  return items;
}

/** Seeds that both have at all, and the items that both have under every one of these. */
function pairUp(before: readonly ItemScore[], after: readonly ItemScore[]): Paired {
  const [a, b] = [byIndex(before), byIndex(after)];
  const seedsOf = (scores: readonly ItemScore[]): Set<number> => new Set(scores.map(({ seed }) => seed));
  const other = seedsOf(after);
  const seeds = [...seedsOf(before)].filter((seed) => other.has(seed)).sort((x, y) => x - y);
  const indices = [...a.keys()]
    .filter((index) => seeds.every((seed) => a.get(index)?.has(seed) && b.get(index)?.has(seed)))
    .sort((x, y) => x - y);
  const rows = (items: Map<number, Map<number, ItemScore>>): ItemScore[][] =>
    seeds.map((seed) => indices.map((index) => items.get(index)!.get(seed)!));
  return { indices, seeds, before: rows(a), after: rows(b) };
}

/** Dimensions by which benchmarks are made up, so many items of each bin. */
const strataDimensions = ['needles', 'length'];

/** The bin that an item was made for. */
function binOf({ slices }: ItemScore): string {
  return strataDimensions.map((dimension) => slices[dimension] ?? '').join(' × ');
}

/** Items that a bin must have to be drawn from by itself: the spread within fewer is told too small, within one not at all. */
const leastOfBin = 5;

/** The stratum of each item: its bin, the smallest bins put together until they have items enough. */
function strataOf(items: readonly ItemScore[]): string[] {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(binOf(item), (counts.get(binOf(item)) ?? 0) + 1);
  const together = new Set<string>();
  let pooled = 0;
  for (const [bin, count] of [...counts].sort(([a, x], [b, y]) => x - y || compareLabels(a, b))) {
    if (count >= leastOfBin && (pooled === 0 || pooled >= leastOfBin)) break;
    together.add(bin);
    pooled += count;
  }
  return items.map((item) => (together.has(binOf(item)) ? 'small bins' : binOf(item)));
}

function difference(
  pairs: Paired,
  keep: readonly number[],
  resamples: number,
  name: string,
): PairedDifference {
  const scores = (rows: ItemScore[][]): number[][] => rows.map((row) => keep.map((at) => row[at]!.score));
  const strata = strataOf(keep.map((at) => pairs.before[0]![at]!));
  return pairedBootstrap(scores(pairs.before), scores(pairs.after), { resamples, seed: name, strata });
}

/** Indices of the items in each cell of the matrix, in order. */
export type MatrixItems = Readonly<Record<keyof ItemMatrix, readonly number[]>>;

function itemsOf(pairs: Paired): MatrixItems | null {
  const isRight = (rows: ItemScore[][], at: number): boolean | null => {
    let right = 0;
    for (const row of rows) {
      const { correct } = row[at]!;
      if (correct === null) return null;
      if (correct) right++;
    }
    return right * 2 > rows.length;
  };
  const cells: Record<keyof ItemMatrix, number[]> = {
    bothRight: [],
    onlyBefore: [],
    onlyAfter: [],
    bothWrong: [],
  };
  for (const [at, index] of pairs.indices.entries()) {
    const [before, after] = [isRight(pairs.before, at), isRight(pairs.after, at)];
    if (before === null || after === null) return null;
    cells[before ? (after ? 'bothRight' : 'onlyBefore') : after ? 'onlyAfter' : 'bothWrong'].push(index);
  }
  return cells;
}

function matrixOf(pairs: Paired): ItemMatrix | null {
  const cells = itemsOf(pairs);
  if (!cells) return null;
  const { bothRight, onlyBefore, onlyAfter, bothWrong } = cells;
  return {
    bothRight: bothRight.length,
    onlyBefore: onlyBefore.length,
    onlyAfter: onlyAfter.length,
    bothWrong: bothWrong.length,
  };
}

/** The items behind the counts of `Comparison.matrix`; null where that is. */
export function matrixItems(before: readonly ItemScore[], after: readonly ItemScore[]): MatrixItems | null {
  return itemsOf(pairUp(before, after));
}

export interface ComparisonNames {
  readonly benchmark: string;
  readonly before: string;
  readonly after: string;
}

/**
 * Compares two subjects by the paired two-level bootstrap (seeds, and items within their bins of length and needles),
 * overall and per slice. Null when no item was graded for both under a common seed.
 */
export function compareScores(
  before: readonly ItemScore[],
  after: readonly ItemScore[],
  names: ComparisonNames,
  options: { readonly resamples?: number; readonly seed?: number } = {},
): Comparison | null {
  const pairs = pairUp(before, after);
  if (pairs.indices.length === 0 || pairs.seeds.length === 0) return null;
  const resamples = options.resamples ?? 10_000;
  const stream = `${names.benchmark}/${options.seed ?? 0}`;
  const groups = new Map<string, { dimension: string; label: string; at: number[] }>();
  const first = pairs.before[0]!;
  const isStratified = new Set(strataOf(first)).size > 1;
  for (const [at, item] of first.entries()) {
    for (const [dimension, label] of Object.entries(withCell(item.slices))) {
      const key = `${dimension}\u0000${label}`;
      const group = groups.get(key);
      if (group) group.at.push(at);
      else groups.set(key, { dimension, label, at: [at] });
    }
  }
  const labelsOf = (name: string): number =>
    [...groups.values()].filter(({ dimension }) => dimension === name).length;
  const slices = [...groups.values()]
    .filter(({ dimension }) => saysMore(dimension, labelsOf))
    .sort((a, b) =>
      a.dimension < b.dimension ? -1 : a.dimension > b.dimension ? 1 : compareLabels(a.label, b.label),
    )
    .map(({ dimension, label, at }) => ({
      dimension,
      label,
      ...difference(pairs, at, resamples, `${stream}/${dimension}/${label}`),
    }));
  const matrix = matrixOf(pairs);
  const all = new Set([...before, ...after].map(({ index }) => index));
  return {
    ...names,
    items: pairs.indices.length,
    seeds: pairs.seeds,
    leftOut: all.size - pairs.indices.length,
    strata: strataDimensions.filter(
      (name) => isStratified && new Set(first.map(({ slices }) => slices[name])).size > 1,
    ),
    overall: difference(
      pairs,
      pairs.indices.map((_, at) => at),
      resamples,
      stream,
    ),
    slices,
    matrix,
    mcNemar: matrix ? mcNemarP(matrix.onlyBefore, matrix.onlyAfter) : null,
    isExact: [...pairs.before, ...pairs.after]
      .flat()
      .every(({ score, correct }) => correct !== null && score === Number(correct)),
    holmP: null,
  };
}

/**
 * Holm's correction over benchmarks compared together: McNemar's p where scores are right or wrong, else the
 * bootstrap's. GraphWalks' matrix counts exact sets, its score is F1.
 */
export function correctTogether(comparisons: readonly Comparison[]): Comparison[] {
  if (comparisons.length < 2) return [...comparisons];
  const adjusted = holm(
    comparisons.map(({ isExact, mcNemar, overall }) => (isExact ? mcNemar : null) ?? overall.p),
  );
  return comparisons.map((each, index) => ({ ...each, holmP: adjusted[index] ?? null }));
}
