import { Rng } from '../core/rng.ts';

/** A mean difference over items with its 95 % interval. */
export interface ItemDifference {
  /** Items that both sides have a value for. */
  readonly items: number;
  /** Mean of (after − before), weighted as the document's averages are. */
  readonly mean: number;
  /** 95 % percentile interval of the paired bootstrap over items; null for fewer than two items. */
  readonly interval: readonly [number, number] | null;
  /** Two-sided: twice the smaller tail beyond zero, at least 1 / resamples; null without an interval. */
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
 * cell of a map, so cells are compared under the same draws and a thousand of them take seconds.
 */
export class ItemBootstrap {
  readonly resamples: number;
  /** [resamples, items]: drawn items. */
  private readonly draws: Uint32Array;
  private readonly sums: Float64Array;

  /** @param weights by item: query tokens, so that the mean is the pooled one. */
  constructor(
    private readonly weights: readonly number[],
    options: BootstrapOptions = {},
  ) {
    this.resamples = options.resamples ?? 10_000;
    const items = weights.length;
    const rng = new Rng(`mechanism bootstrap/${options.seed ?? 0}`);
    this.draws = new Uint32Array(this.resamples * items);
    for (let at = 0; at < this.draws.length; at++) this.draws[at] = rng.below(items);
    this.sums = new Float64Array(this.resamples);
  }

  /** Difference of two subjects on one cell; items where either value is null are left out. */
  difference(before: readonly (number | null)[], after: readonly (number | null)[]): ItemDifference {
    const items = this.weights.length;
    const weight = new Float64Array(items);
    const product = new Float64Array(items);
    let used = 0;
    let total = 0;
    let sum = 0;
    for (let i = 0; i < items; i++) {
      const [a, b] = [before[i] ?? null, after[i] ?? null];
      if (a === null || b === null) continue;
      used++;
      weight[i] = this.weights[i]!;
      product[i] = weight[i]! * (b - a);
      total += weight[i]!;
      sum += product[i]!;
    }
    const mean = total > 0 ? sum / total : NaN;
    if (used < 2) return { items: used, mean, interval: null, p: null };
    let below = 0;
    let above = 0;
    let kept = 0;
    for (let r = 0; r < this.resamples; r++) {
      let top = 0;
      let bottom = 0;
      for (let at = r * items; at < (r + 1) * items; at++) {
        const item = this.draws[at]!;
        top += product[item]!;
        bottom += weight[item]!;
      }
      // A resample may hold only items that the cell lacks.
      if (bottom === 0) continue;
      const value = top / bottom;
      if (value <= 0) below++;
      if (value >= 0) above++;
      this.sums[kept++] = value;
    }
    const sorted = this.sums.subarray(0, kept).sort();
    const p = Math.min(1, Math.max((2 * Math.min(below, above)) / kept, 1 / kept));
    return { items: used, mean, interval: [quantile(sorted, 0.025), quantile(sorted, 0.975)], p };
  }
}

function quantile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low]! + (at - low) * (sorted[high]! - sorted[low]!);
}

/** Holm's step-down: which hypotheses are rejected with a family-wise error of at most `level`. */
export function holmRejected(ps: readonly (number | null)[], level = 0.05): boolean[] {
  const order = ps.flatMap((p, index) => (p === null ? [] : [{ p, index }])).sort((a, b) => a.p - b.p);
  const rejected = new Array<boolean>(ps.length).fill(false);
  for (const [rank, { p, index }] of order.entries()) {
    if (p > level / (order.length - rank)) break;
    rejected[index] = true;
  }
  return rejected;
}
