import { describe, expect, it } from 'vitest';
import { layoutForest, type ForestRow } from '../../src/charts/forest/layout.ts';
import { layoutScoreByLength } from '../../src/charts/scoreByLength/layout.ts';

const size = { width: 800, height: 260, fontSize: 12 };

describe('the forest of differences', () => {
  const spec = {
    benchmark: 'mrcr',
    scoreLabel: 'mean match ratio',
    before: 'base',
    after: 'tuned',
    seeds: 3,
  };
  const row = (label: string, mean: number, interval: readonly [number, number]): ForestRow => ({ dimension: label === '' ? '' : 'needles', label, n: 20, mean, interval, p: 0.01 }); // prettier-ignore

  it('says what the overall interval allows to say, and no more', () => {
    expect(layoutForest(spec, [row('', 0.2, [0.1, 0.3])], size).title).toBe(
      'tuned is better than base by 0.200',
    );
    expect(layoutForest(spec, [row('', -0.2, [-0.3, -0.1])], size).title).toBe(
      'tuned is worse than base by 0.200',
    );
    expect(layoutForest(spec, [row('', 0.2, [-0.1, 0.5])], size).title).toBe(
      'No clear difference between tuned and base (+0.200)',
    );
    expect(layoutForest(spec, [], size).title).toBe('Nothing to compare yet');
  });

  it('claims nothing of a slice with too few items for an interval', () => {
    const one: ForestRow = { ...row('8', -0.4, [0, 0]), n: 1, interval: null, p: null };
    const geometry = layoutForest(spec, [row('', 0.2, [-0.1, 0.3]), one], size);
    expect(geometry.marks.flatMap((mark) => (mark.type === 'rect' ? [mark.fill] : []))).toEqual(['surface', 'surface']); // prettier-ignore
    expect(geometry.cells[1]?.label).toBe('needles 8: −0.400, too few items for an interval, 1 item');
  });

  it('draws lines whose interval holds zero open, zero in the middle', () => {
    const geometry = layoutForest(spec, [row('', 0.2, [0.1, 0.3]), row('8', 0, [-0.3, 0.3])], size);
    const boxes = geometry.marks.filter((mark) => mark.type === 'rect');
    expect(boxes.map(({ fill }) => fill)).toEqual(['accent', 'surface']);
    const zero = geometry.marks.find((mark) => mark.type === 'line' && mark.stroke === 'axis');
    const box = boxes[1];
    expect(
      box?.type === 'rect' && zero?.type === 'line' && Math.abs(box.x + box.width / 2 - zero.x1) < 1,
    ).toBe(true);
    expect(geometry.cells.map(({ label }) => label)).toEqual([
      'all items: +0.200, 95 % +0.100 to +0.300, p 0.010, 20 items',
      'needles 8: +0.000, 95 % −0.300 to +0.300, p 0.010, 20 items',
    ]);
  });
});

describe('score against length', () => {
  const spec = {
    benchmark: 'mrcr',
    scoreLabel: 'mean match ratio',
    tokenizer: 'o200k',
    intervals: 'items',
  } as const;
  const score = (label: string, mean: number, half: number) => ({
    label,
    n: 10,
    mean,
    interval: [mean - half, mean + half] as const,
  });

  it('sorts bins by size, breaks the line at a bin without items, and names a fall only when intervals are apart', () => {
    const base = { name: 'base', scores: [score('8,193–16,384', 0.4, 0.1), score('2,049–4,096', 0.9, 0.1)] };
    const tuned = {
      name: 'tuned',
      scores: [
        score('2,049–4,096', 0.9, 0.05),
        score('4,097–8,192', 0.8, 0.05),
        score('8,193–16,384', 0.5, 0.05),
      ],
    };
    const geometry = layoutScoreByLength(spec, [base, tuned], size);
    expect(geometry.title).toBe('tuned falls from 0.90 at 2,049–4,096 tokens to 0.50 at 8,193–16,384');
    const texts = geometry.marks.flatMap((mark) =>
      mark.type === 'text' && mark.text.startsWith('≤') ? [mark.text] : [],
    );
    expect(texts).toEqual(['≤ 4k', '≤ 8k', '≤ 16k']);
    const paths = geometry.marks.flatMap((mark) => (mark.type === 'path' ? [mark.d] : []));
    expect(paths.map((path) => path.replace(/[^ML]/g, ''))).toEqual(['MM', 'MLL']);
    const wide = { name: 'one', scores: [score('2,049–4,096', 0.9, 0.3), score('4,097–8,192', 0.7, 0.3)] };
    expect(layoutScoreByLength(spec, [wide], size).title).toContain('no clear change');
    // Told of, and in the colour of its condition.
    const own = { ...spec, told: 'base' };
    const painted = layoutScoreByLength(own, [{ ...base, paint: 'conditionBase' }, tuned], size);
    expect(painted.title).toContain('base rises');
    expect(painted.legend?.map(({ stroke }) => stroke)).toEqual(['conditionBase', 'accent']);
    expect(layoutScoreByLength(spec, [], size).title).toBe('No score by length yet');
  });
});
