import { Rng } from '../core/rng.ts';
import { logGamma, tTwoSidedP } from '../core/distributions.ts';

/** Mean with its spread. `interval` is null for one value: nothing can be said of the spread. */
export interface Estimate {
  readonly n: number;
  readonly mean: number;
  /** Sample standard deviation (n − 1); null for one value. */
  readonly standardDeviation: number | null;
  /** 95 % interval; which kind is named where it is made. */
  readonly interval: readonly [number, number] | null;
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/** The t with P(|T| > t) = 1 − level. */
export function tQuantile(level: number, degrees: number): number {
  let low = 0;
  let high = 1e4;
  for (let i = 0; i < 200; i++) {
    const middle = (low + high) / 2;
    if (tTwoSidedP(middle, degrees) > 1 - level) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Mean, standard deviation and t interval of the mean (over seeds, or over items taken as independent). */
export function estimate(values: ArrayLike<number>, level = 0.95): Estimate {
  const n = values.length;
  const centre = mean(values);
  if (n < 2) return { n, mean: centre, standardDeviation: null, interval: null };
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (values[i]! - centre) ** 2;
  const standardDeviation = Math.sqrt(squares / (n - 1));
  const half = (tQuantile(level, n - 1) * standardDeviation) / Math.sqrt(n);
  return { n, mean: centre, standardDeviation, interval: [centre - half, centre + half] };
}

function quantile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low]! + (at - low) * (sorted[high]! - sorted[low]!);
}

export interface PairedDifference {
  readonly seeds: number;
  readonly items: number;
  /** Mean of (after − before). */
  readonly mean: number;
  /** 95 % percentile interval of the two-level bootstrap. */
  readonly interval: readonly [number, number];
  /** Two-sided bootstrap p: twice the smaller tail beyond zero, at least 1 / resamples. */
  readonly p: number;
}

/**
 * Paired two-level bootstrap: seeds are drawn with replacement, then items, the same for all drawn seeds since all seeds
 * answer the same items (Owen 2007, the pigeonhole bootstrap; items drawn anew for each seed would count as more items
 * than there are). The difference of the same items is averaged. `before[s][i]` and `after[s][i]` are scores of item i under seed s.
 * With `strata` (one label per item) items are drawn within their stratum; with `clusters` (one label per item, of its
 * stratum) whole clusters are drawn, as for items that share a context.
 */
export function pairedBootstrap(
  before: readonly ArrayLike<number>[],
  after: readonly ArrayLike<number>[],
  options: {
    readonly resamples?: number;
    readonly seed?: number | string;
    readonly strata?: readonly string[];
    readonly clusters?: readonly number[];
  } = {},
): PairedDifference {
  const resamples = options.resamples ?? 10_000;
  const rng = new Rng(`bootstrap/${options.seed ?? 0}`);
  const seeds = before.length;
  const items = before[0]?.length ?? 0;
  const differences = before.map((row, s) =>
    Float64Array.from({ length: items }, (_, i) => after[s]![i]! - row[i]!),
  );
  const groups = new Map<string, Map<number, number[]>>();
  for (let i = 0; i < items; i++) {
    const label = options.strata?.[i] ?? '';
    if (!groups.has(label)) groups.set(label, new Map());
    const group = groups.get(label)!;
    const cluster = options.clusters?.[i] ?? i;
    if (group.has(cluster)) group.get(cluster)!.push(i);
    else group.set(cluster, [i]);
  }
  const strata = [...groups.values()].map((group) => [...group.values()]);
  const means = new Float64Array(resamples);
  for (let r = 0; r < resamples; r++) {
    const drawn = differences.map((_, s) => differences[seeds === 1 ? s : rng.below(seeds)]!);
    let sum = 0;
    for (const clusters of strata)
      for (let i = 0; i < clusters.length; i++)
        for (const item of clusters[rng.below(clusters.length)]!) for (const row of drawn) sum += row[item]!;
    means[r] = sum / (seeds * items);
  }
  means.sort();
  let below = 0;
  let above = 0;
  for (const value of means) {
    if (value <= 0) below++;
    if (value >= 0) above++;
  }
  return {
    seeds,
    items,
    mean: mean(differences.map((row) => mean(row))),
    interval: [quantile(means, 0.025), quantile(means, 0.975)],
    p: Math.min(1, Math.max(1 / resamples, (2 * Math.min(below, above)) / resamples)),
  };
}

/** Exact two-sided McNemar test from the discordant counts (only before right, only after right). */
export function mcNemarP(onlyBefore: number, onlyAfter: number): number {
  const n = onlyBefore + onlyAfter;
  if (n === 0) return 1;
  const smaller = Math.min(onlyBefore, onlyAfter);
  let tail = 0;
  for (let k = 0; k <= smaller; k++) {
    tail += Math.exp(logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1) - n * Math.LN2);
  }
  return Math.min(1, 2 * tail);
}

/** Holm's step-down correction: adjusted p values in the order given. */
export function holm(pValues: readonly number[]): number[] {
  const order = pValues.map((_, i) => i).sort((a, b) => pValues[a]! - pValues[b]!);
  const adjusted = new Array<number>(pValues.length);
  let running = 0;
  order.forEach((index, rank) => {
    running = Math.max(running, Math.min(1, (pValues.length - rank) * pValues[index]!));
    adjusted[index] = running;
  });
  return adjusted;
}
