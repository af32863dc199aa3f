import type { Histogram } from '../../../workers/dataApi.ts';

export interface MiniBar {
  readonly x: number;
  readonly width: number;
  readonly y: number;
  readonly height: number;
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Bars of a small histogram in a box; counts of all kinds together, each non-empty bin at least 1 px high. */
export function layoutMiniHistogram(histogram: Histogram, width: number, height: number): readonly MiniBar[] {
  const bins = histogram.edges.length - 1;
  if (bins < 1) return [];
  const counts = Array.from({ length: bins }, (_, bin) =>
    histogram.series.reduce((sum, series) => sum + (series.counts[bin] ?? 0), 0),
  );
  const highest = Math.max(1, ...counts);
  const step = width / bins;
  return counts.map((count, bin) => {
    const bar = count === 0 ? 0 : Math.max(1, (count / highest) * height);
    return {
      x: bin * step,
      width: Math.max(1, step - 1),
      y: height - bar,
      height: bar,
      from: Math.ceil(histogram.edges[bin] ?? 0),
      to: Math.max(Math.ceil(histogram.edges[bin] ?? 0), Math.ceil(histogram.edges[bin + 1] ?? 0) - 1),
      count,
    };
  });
}
