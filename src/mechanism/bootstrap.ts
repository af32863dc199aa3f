import { Rng } from '../core/rng.ts';
import { fewestItems, tTwoSidedP } from '../core/distributions.ts';

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
  /** [items, resamples]: the item's share of the resample's weight, for the many cells that lack none. */
  private readonly shares: Float64Array;
  private readonly means: Float64Array;
  /** Room for the ends of the means. */
  private readonly tail: Float64Array;

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
    this.shares = this.sharesOf(Float64Array.from(weights)).shares;
    this.means = new Float64Array(this.resamples);
    this.tail = new Float64Array(this.resamples);
  }

  get items(): number {
    return this.weights.length;
  }

  /** Shares by item, of the resamples in which any of these items were drawn. */
  private sharesOf(weight: Float64Array): { shares: Float64Array; kept: number } {
    const shares = new Float64Array(weight.length * this.resamples);
    let kept = 0;
    for (let r = 0; r < this.resamples; r++) {
      let total = 0;
      for (let i = 0; i < weight.length; i++) total += weight[i]! * this.times[i * this.resamples + r]!;
      // A resample may hold only items that the cell lacks.
      if (total === 0) continue;
      for (let i = 0; i < weight.length; i++) {
        shares[i * this.resamples + kept] = (weight[i]! * this.times[i * this.resamples + r]!) / total;
      }
      kept++;
    }
    return { shares, kept };
  }

  /** Means of the resamples into `means`, four items at a time: memory is what thousands of cells wait for. */
  private resample(shares: Float64Array, values: Float64Array, kept: number): Float64Array {
    const means = this.means.subarray(0, kept);
    means.fill(0);
    const row = (i: number): Float64Array => shares.subarray(i * this.resamples, i * this.resamples + kept);
    let i = 0;
    for (; i + 4 <= values.length; i += 4) {
      const [a, b, c, d] = [row(i), row(i + 1), row(i + 2), row(i + 3)];
      const [va, vb, vc, vd] = [values[i]!, values[i + 1]!, values[i + 2]!, values[i + 3]!];
      for (let r = 0; r < kept; r++) means[r]! += va * a[r]! + vb * b[r]! + vc * c[r]! + vd * d[r]!;
    }
    for (; i < values.length; i++) {
      const [a, va] = [row(i), values[i]!];
      for (let r = 0; r < kept; r++) means[r]! += va * a[r]!;
    }
    return means;
  }

  /** The 2.5 % and 97.5 % quantiles of the means. */
  private interval(drawn: Float64Array, mean: number): [number, number] {
    let squares = 0;
    for (let r = 0; r < drawn.length; r++) squares += (drawn[r]! - mean) ** 2;
    const near = 1.5 * Math.sqrt(squares / drawn.length);
    return [
      this.quantile(drawn, 0.025, -Infinity, mean - near),
      this.quantile(drawn, 0.975, mean + near, Infinity),
    ];
  }

  /** A quantile that is looked for among the means in [from, to] alone, where the ranks asked for lie there. */
  private quantile(drawn: Float64Array, share: number, from: number, to: number): number {
    let inside = 0;
    let below = 0;
    for (let r = 0; r < drawn.length; r++) {
      const value = drawn[r]!;
      if (value < from) below++;
      else if (value <= to) this.tail[inside++] = value;
    }
    const at = share * (drawn.length - 1);
    const isThere = Math.floor(at) >= below && Math.floor(at) + 1 < below + inside;
    return isThere ? quantile(this.tail.subarray(0, inside), at - below) : quantile(drawn, at);
  }

  /** Difference of two subjects on one cell; items where either value is null are left out. */
  difference(before: readonly (number | null)[], after: readonly (number | null)[]): ItemDifference {
    const items = this.weights.length;
    const weight = new Float64Array(items);
    const values = new Float64Array(items);
    const differences: number[] = [];
    let total = 0;
    let sum = 0;
    for (let i = 0; i < items; i++) {
      const [a, b] = [before[i] ?? null, after[i] ?? null];
      if (a === null || b === null) continue;
      differences.push(b - a);
      weight[i] = this.weights[i]!;
      values[i] = b - a;
      total += weight[i]!;
      sum += weight[i]! * (b - a);
    }
    const used = differences.length;
    const mean = total > 0 ? sum / total : NaN;
    if (used < fewestItems || total <= 0) return { items: used, mean, interval: null, p: null };
    const { shares, kept } =
      used < items ? this.sharesOf(weight) : { shares: this.shares, kept: this.resamples };
    const drawn = this.resample(shares, values, kept);
    const interval = this.interval(drawn, mean);
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

/**
 * Paired differences of statistics that are no means over items, such as a Gini coefficient of pooled loads. `measure`
 * writes `width` differences of the set in which each item counts so many times; NaN where one does not exist. Items
 * are drawn within their stratum; a stratum of fewer than `fewestItems` gives no interval. The interval are the 2.5 and
 * 97.5 percentiles, less twice what the resamples exceed the value by on average: noise of few items makes loads seem
 * apart, once in the value and once more in a resample. The p is that of Tukey's jackknife, a t test of what leaving
 * out each item changes: of a mean it is the paired t test.
 */
export function resampleDifferences(
  strata: readonly number[],
  width: number,
  measure: (times: Uint16Array, out: Float64Array) => void,
  options: BootstrapOptions = {},
): ItemDifference[] {
  const items = strata.length;
  const members = [...new Set(strata)].map((name) =>
    strata.flatMap((stratum, item) => (stratum === name ? [item] : [])),
  );
  const once = (left: number | null): Float64Array => {
    const times = new Uint16Array(items).fill(1);
    if (left !== null) times[left] = 0;
    const out = new Float64Array(width);
    measure(times, out);
    return out;
  };
  const whole = once(null);
  if (members.length === 0 || members.some(({ length }) => length < fewestItems)) {
    return Array.from(whole, (mean) => ({ items, mean, interval: null, p: null }));
  }
  const without = strata.map((_, item) => once(item));
  const drawn = drawStrata(members, items, width, measure, options);
  return Array.from(whole, (mean, at) => {
    const values = drawn[at]!.filter((value) => !Number.isNaN(value));
    const left = without.map((out) => out[at]!);
    if (Number.isNaN(mean) || values.length === 0 || left.some(Number.isNaN)) {
      return { items, mean, interval: null, p: null };
    }
    const excess = 2 * (values.reduce((sum, value) => sum + value, 0) / values.length - mean);
    const end = (share: number): number => quantile(values, share * (values.length - 1)) - excess;
    return { items, mean, interval: [end(0.025), end(0.975)], p: jackknifeP(mean, left, members) };
  });
}

/** By difference: its values in the resamples. */
function drawStrata(
  members: readonly (readonly number[])[],
  items: number,
  width: number,
  measure: (times: Uint16Array, out: Float64Array) => void,
  { resamples = 1000, seed = 0 }: BootstrapOptions,
): Float64Array[] {
  const rng = new Rng(`mechanism bootstrap of strata/${seed}`);
  const drawn = Array.from({ length: width }, () => new Float64Array(resamples));
  const times = new Uint16Array(items);
  const out = new Float64Array(width);
  for (let r = 0; r < resamples; r++) {
    times.fill(0);
    for (const own of members) for (let n = 0; n < own.length; n++) times[own[rng.below(own.length)]!]! += 1;
    measure(times, out);
    for (let at = 0; at < width; at++) drawn[at]![r] = out[at]!;
  }
  return drawn;
}

/** Two-sided p of a statistic of all items from its values without each one, the items in strata. */
function jackknifeP(whole: number, left: readonly number[], members: readonly (readonly number[])[]): number {
  let corrected = whole;
  let variance = 0;
  for (const own of members) {
    const values = own.map((item) => left[item]!);
    const mean = values.reduce((sum, value) => sum + value, 0) / own.length;
    corrected -= (own.length - 1) * (mean - whole);
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    variance += ((own.length - 1) / own.length) * squares;
  }
  if (variance === 0) return corrected === 0 ? 1 : 0;
  return tTwoSidedP(corrected / Math.sqrt(variance), left.length - members.length);
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

/** The value at a rank, between neighbours in order, without sorting the rest. Reorders `values`. */
function quantile(values: Float64Array, at: number): number {
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
