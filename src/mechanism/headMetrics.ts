import type { AttentionRow, AttentionStatistic, MechanismDocument, MechanismItem } from './document.ts';

/**
 * What a map of heads can show: a statistic of the row, the mass beyond a distance, or gold's share of the attention on
 * evidence.
 */
export type HeadMetric = AttentionStatistic | 'goldShareOfEvidence' | `longRangeMass:${number}`;

/** Takes a metric from a row: pooled and by item. */
export interface HeadReader {
  readonly value: (row: AttentionRow) => number | null;
  /** undefined: values of each item were not kept. */
  readonly perItem: (row: AttentionRow) => readonly (number | null)[] | undefined;
}

const longRange = /^longRangeMass:(\d+)$/;

/** Mean weighted by query tokens over the items that have a value; null without any. */
export function pooledOver(
  items: readonly Pick<MechanismItem, 'queryTokens'>[],
  values: readonly (number | null)[],
): number | null {
  let sum = 0;
  let count = 0;
  values.forEach((value, item) => {
    if (value === null) return;
    const { queryTokens } = items[item]!;
    sum += value * queryTokens;
    count += queryTokens;
  });
  return count > 0 ? sum / count : null;
}

/** gold / (gold + distractor) by item; null for items without pieces of both roles. */
function goldShares({ perItem }: AttentionRow): (number | null)[] | undefined {
  const { goldMass, distractorMass } = perItem;
  if (!goldMass || !distractorMass) return undefined;
  return goldMass.map((gold, item) => {
    const distractor = distractorMass[item] ?? null;
    if (gold === null || distractor === null || gold + distractor <= 0) return null;
    return gold / (gold + distractor);
  });
}

function longRangeReader({ settings }: Pick<MechanismDocument, 'settings'>, threshold: number): HeadReader {
  const at = settings.thresholds.indexOf(threshold);
  if (at >= 0) {
    return {
      value: (row) => row.longRangeMass[at] ?? null,
      perItem: (row) => row.perItem.longRangeMass?.[at],
    };
  }
  // Beyond 2^n - 1 tokens lie the bins of the histogram from 2^n on: any such threshold needs no measuring.
  const bin = Math.log2(threshold + 1) + 1;
  return {
    value: ({ distanceHistogram: bins }) =>
      Number.isInteger(bin) && bins.length > 0
        ? bins.slice(bin).reduce((sum, share) => sum + share, 0)
        : null,
    perItem: () => undefined,
  };
}

/** The reader of a metric by its name (`HeadMetric`); a name that is none reads nothing. */
export function readerOf(
  document: Pick<MechanismDocument, 'settings' | 'items'>,
  metric: string,
): HeadReader {
  const threshold = longRange.exec(metric)?.[1];
  if (threshold !== undefined) return longRangeReader(document, Number(threshold));
  if (metric === 'goldShareOfEvidence') {
    return {
      value: (row) => {
        const shares = goldShares(row);
        return shares ? pooledOver(document.items, shares) : null;
      },
      perItem: goldShares,
    };
  }
  const name = metric as AttentionStatistic;
  return { value: (row) => row[name] ?? null, perItem: (row) => row.perItem[name] };
}
