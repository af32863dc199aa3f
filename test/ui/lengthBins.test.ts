import { expect, it } from 'vitest';
import { binWidths, shownBins } from '../../src/ui/views/qa/lengthBins.ts';
import { histogramOf } from '../../src/workers/tableQuery.ts';

it('lengths of very different size are on a log scale, and stay there whatever bins come back', () => {
  // One in twenty is above 1,700; bins of 250 tokens end at 10,250, those of 16 at 10,016: 6 × 1,700 lies between.
  const lengths = [...Array.from({ length: 95 }, () => 1700), ...Array.from({ length: 5 }, () => 10_000)];
  const rows = Uint32Array.from(lengths.keys());
  const shown: string[] = [];
  let bins = shownBins(null, null);
  for (let turn = 0; turn < 4; turn++) {
    const binWidth = binWidths[bins];
    const asked = binWidth === null ? { binCount: 40 } : { binWidth };
    const histogram = histogramOf(rows, (row) => lengths[row]!, () => 'search', asked); // prettier-ignore
    bins = shownBins(null, histogram);
    shown.push(bins);
  }
  expect(new Set(shown).size).toBe(1);
  expect(shownBins('paper', null)).toBe('paper');
});
