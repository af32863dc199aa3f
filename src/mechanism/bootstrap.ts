import { Rng } from '../core/rng.ts';
import { tTwoSidedP } from '../core/distributions.ts';

/** A mean difference over items with its 95 % interval. */
export interface ItemDifference {
  /** Items that both sides have a value for. */
  readonly items: number;
  /** Mean of (after − before), weighted as the document's averages are. */
  readonly mean: number;
  /** 95 % percentile interval of the paired bootstrap over items; null for fewer than `fewestItems`. */
  readonly interval: readonly [number, number] | null;
  /**
   * Two-sided p of the paired t test over items; null without an interval. What many cells are corrected by: the
   * bootstrap's own p cannot fall below 1 / resamples, and of a few items its tails are too light.
   */
  readonly p: number | null;
}

export interface BootstrapOptions {
  readonly resamples?: number;
  readonly seed?: number | string;
}

/** Fewer items give no interval: the resamples of two hold the true mean about every other time. */
export const fewestItems = 3;

/** True when the interval lies on one side of zero. */
export function excludesZero({ interval }: ItemDifference): boolean {
  return interval !== null && (interval[0] > 0 || interval[1] < 0);
}

/**
 * Paired bootstrap over items (10,000 resamples unless told otherwise). The resamples are drawn once and serve every
 * cell of a map, so cells are compared under the same draws and a thousand of them take less than a second.
 */
export class ItemBootstrap {
  readonly resamples: number;
  /** [items, resamples]: how often an item was drawn. */
  private readonly times: Uint16Array;
  /** By resample: weight of all drawn items, for the many cells that lack none. */
  private readonly totals: Float64Array;
  private readonly sums: Float64Array;

  /** @param weights by item: query tokens, so that the mean is the pooled one. */
  constructor(
    private readonly weights: readonly number[],
    options: BootstrapOptions = {},
  ) {
    this.resamples = options.resamples ?? 10_000;
    const items = weights.length;
    const rng = new Rng(`mechanism bootstrap/${options.seed ?? 0}`);
    this.times = new Uint16Array(items * this.resamples);
    for (let r = 0; r < this.resamples; r++) {
      for (let i = 0; i < items; i++) this.times[rng.below(items) * this.resamples + r]! += 1;
    }
    this.totals = new Float64Array(this.resamples);
    this.addDrawn(this.totals, Float64Array.from(weights));
    this.sums = new Float64Array(this.resamples);
  }

  get items(): number {
    return this.weights.length;
  }

  /** Adds to each resample the values of its items. */
  private addDrawn(sums: Float64Array, values: Float64Array): void {
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (value === 0) continue;
      const times = this.times.subarray(i * this.resamples, (i + 1) * this.resamples);
      for (let r = 0; r < sums.length; r++) sums[r]! += value * times[r]!;
    }
  }

  /** Difference of two subjects on one cell; items where either value is null are left out. */
  difference(before: readonly (number | null)[], after: readonly (number | null)[]): ItemDifference {
    const items = this.weights.length;
    const weight = new Float64Array(items);
    const product = new Float64Array(items);
    const differences: number[] = [];
    let total = 0;
    let sum = 0;
    for (let i = 0; i < items; i++) {
      const [a, b] = [before[i] ?? null, after[i] ?? null];
      if (a === null || b === null) continue;
      differences.push(b - a);
      weight[i] = this.weights[i]!;
      product[i] = weight[i]! * (b - a);
      total += weight[i]!;
      sum += product[i]!;
    }
    const used = differences.length;
    const mean = total > 0 ? sum / total : NaN;
    if (used < fewestItems || total <= 0) return { items: used, mean, interval: null, p: null };
    let totals = this.totals;
    if (used < items) {
      totals = new Float64Array(this.resamples);
      this.addDrawn(totals, weight);
    }
    this.sums.fill(0);
    this.addDrawn(this.sums, product);
    let kept = 0;
    for (let r = 0; r < this.resamples; r++) {
      // A resample may hold only items that the cell lacks.
      if (totals[r] !== 0) this.sums[kept++] = this.sums[r]! / totals[r]!;
    }
    const drawn = this.sums.subarray(0, kept);
    const interval = [quantile(drawn, 0.025), quantile(drawn, 0.975)] as const;
    return { items: used, mean, interval, p: pairedP(differences) };
  }
}

function pairedP(differences: readonly number[]): number {
  const n = differences.length;
  const mean = differences.reduce((sum, value) => sum + value, 0) / n;
  const variance = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  if (variance === 0) return mean === 0 ? 1 : 0;
  return tTwoSidedP(mean / Math.sqrt(variance / n), n - 1);
}

/** Puts the value of rank `rank` in its place, nothing larger before it, nothing smaller after. */
function select(values: Float64Array, rank: number): number {
  let [low, high] = [0, values.length - 1];
  while (low < high) {
    const pivot = values[(low + high) >> 1]!;
    let [i, j] = [low, high];
    while (i <= j) {
      while (values[i]! < pivot) i++;
      while (values[j]! > pivot) j--;
      if (i > j) break;
      const held = values[i]!;
      values[i++] = values[j]!;
      values[j--] = held;
    }
    if (rank <= j) high = j;
    else if (rank >= i) low = i;
    else break;
  }
  return values[rank]!;
}

/** Between neighbours in order, without sorting the rest: thousands of cells are asked. Reorders `values`. */
function quantile(values: Float64Array, share: number): number {
  const at = share * (values.length - 1);
  const rank = Math.floor(at);
  const low = select(values, rank);
  if (rank + 1 >= values.length) return low;
  let next = Infinity;
  for (let i = rank + 1; i < values.length; i++) next = Math.min(next, values[i]!);
  return low + (at - rank) * (next - low);
}

/**
 * Benjamini and Hochberg's step-up: which hypotheses are rejected so that at most `rate` of them are expected to be
 * false. Maps have thousands of cells, where a family-wise correction would leave nothing to see.
 */
export function discoveries(ps: readonly (number | null)[], rate = 0.05): boolean[] {
  const order = ps.flatMap((p, index) => (p === null ? [] : [{ p, index }])).sort((a, b) => a.p - b.p);
  const last = order.findLastIndex(({ p }, rank) => p <= (rate * (rank + 1)) / order.length);
  const found = new Array<boolean>(ps.length).fill(false);
  for (const { index } of order.slice(0, last + 1)) found[index] = true;
  return found;
}
