import type { Histogram } from '../../../workers/dataApi.ts';

export type LengthBins = 'paper' | 'auto' | 'log';

/** Width asked for; null lets the worker choose. Fine bins are gathered for the log scale. */
export const binWidths: Readonly<Record<LengthBins, number | null>> = { paper: 2000, auto: null, log: 16 };

/**
 * The bins that a set's lengths are shown in. Until the reader chooses, lengths of very different size are on a log
 * scale, where they are read better. Told by the lengths themselves: edges follow the bins that were asked for, and
 * would answer each choice with the other one.
 */
export function shownBins(chosen: LengthBins | null, histogram: Histogram | null): LengthBins {
  if (chosen !== null) return chosen;
  const isSkewed = histogram !== null && (histogram.p95 ?? 0) * 6 < (histogram.highest ?? 0);
  return isSkewed ? 'log' : 'auto';
}
