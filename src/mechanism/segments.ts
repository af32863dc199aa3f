import type { MeasuredItem } from './items.ts';

/** How the keys of an item are cut so that every mass asked for is a sum of segments. */
export interface Segments {
  /** First token of each position segment, ascending, 0 first. */
  readonly positions: readonly number[];
  /** First distance of each distance segment, ascending, 0 first. */
  readonly distances: readonly number[];
}

export interface SegmentOptions {
  readonly sinkTokens: number;
  readonly thresholds: readonly number[];
  /** Bins of the density; 0 for none. */
  readonly bins: number;
}

/** First token of density bin b of an item of `tokens` tokens. */
export function binStart(bin: number, bins: number, tokens: number): number {
  return Math.floor((bin * tokens) / bins);
}

/** Bins of the distance histogram of `tokens` tokens: 0, 1, 2–3, 4–7, … */
export function histogramBins(tokens: number): number {
  return 1 + Math.ceil(Math.log2(Math.max(tokens, 2)));
}

const ascending = (values: Iterable<number>): number[] => [...new Set(values)].sort((a, b) => a - b);

/** Segments whose boundaries are those of sink, pieces, density bins; of histogram bins and thresholds. */
export function planSegments(item: MeasuredItem, options: SegmentOptions): Segments {
  const tokens = item.ids.length;
  const positions = [0, options.sinkTokens];
  for (const { start, end } of item.evidence) positions.push(start, end);
  for (let b = 0; b < options.bins; b++) positions.push(binStart(b, options.bins, tokens));
  const distances = [0, ...options.thresholds.map((t) => t + 1)];
  for (let b = 1; b < histogramBins(tokens); b++) distances.push(2 ** (b - 1));
  return {
    positions: ascending(positions).filter((start) => start < tokens),
    distances: ascending(distances).filter((start) => start < tokens),
  };
}

/** Index of the first start at or behind `value`. */
function lowerBound(starts: readonly number[], value: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Σ of the masses of the segments within [from, to), whose boundaries both ends are (or lie past the last one). */
export function massWithin(
  masses: ArrayLike<number>,
  at: number,
  starts: readonly number[],
  from: number,
  to: number,
): number {
  let sum = 0;
  const end = lowerBound(starts, to);
  for (let s = lowerBound(starts, from); s < end; s++) sum += masses[at + s]!;
  return sum;
}
