import { describe, expect, it } from 'vitest';
import { layoutExpertLoad } from '../../src/charts/expertLoad/layout.ts';
import {
  layoutTrainingCurve,
  smoothed,
  trendOf,
  type CurveSpec,
} from '../../src/charts/trainingCurve/layout.ts';

const size = { width: 600, height: 240, fontSize: 12 };
const spec: CurveSpec = {
  name: 'loss',
  title: 'Loss falls',
  subtitle: 'nats a token',
  xLabel: 'step',
  yLabel: 'loss',
  logY: false,
  fromZero: false,
  valueText: (value) => value.toFixed(2),
  markers: [{ x: 3, label: 'checkpoint', kind: 'checkpoint' }],
};
const points = [3, 2, NaN, 1].map((y, index) => ({ x: index + 1, y }));

describe('the training curve', () => {
  it('smooths with a corrected start, so that the first value is the first measured', () => {
    expect(smoothed(points, 0.9).map(({ x }) => x)).toEqual([1, 2, 4]);
    expect(smoothed(points, 0.9)[0]!.y).toBeCloseTo(3, 12);
    expect(smoothed([{ x: 1, y: 5 }, { x: 2, y: 5 }], 0.5)[1]!.y).toBeCloseTo(5, 12); // prettier-ignore
  });

  it('tells a trend only where the ends lie apart beyond their noise, and none of a few steps', () => {
    const noisy = (slope: number) => Array.from({ length: 40 }, (_, step) => 2 + slope * step + (step % 2 === 0 ? 0.2 : -0.2)); // prettier-ignore
    expect(trendOf(noisy(-0.02))).toMatchObject({ window: 8, way: 'falls' });
    expect(trendOf(noisy(0.02))?.way).toBe('rises');
    expect(trendOf(noisy(-0.002))?.way).toBe('unclear');
    expect(trendOf(noisy(-1).slice(0, 19))).toBeNull();
    expect(trendOf([...noisy(-0.02), NaN])?.last).toBeCloseTo(1.29, 12);
  });

  it('leaves out what is no number in the picture and names it in the table and aloud', () => {
    const geometry = layoutTrainingCurve(spec, [{ name: 'raw', kind: 'raw', points }], size);
    const path = geometry.marks.find((mark) => mark.type === 'path');
    expect(path?.type === 'path' && path.d.split('L')).toHaveLength(3);
    expect(geometry.table.rows[2]).toEqual([3, null]);
    expect(geometry.cells.map(({ label }) => label)).toEqual([
      'step 1, raw 3.00',
      'step 2, raw 2.00',
      'step 3, raw not a number, checkpoint',
      'step 4, raw 1.00',
    ]);
  });

  it('labels small values as powers of ten, or as it is told', () => {
    const rates = [1e-4, 9.5e-5].map((y, x) => ({ x, y }));
    const drawn = (more: Partial<CurveSpec>) =>
      layoutTrainingCurve(
        { ...spec, fromZero: true, ...more },
        [{ name: 'rate', kind: 'line', points: rates }],
        size,
      ).marks.flatMap((mark) => (mark.type === 'text' ? [mark.text] : []));
    expect(drawn({})).toContain('2e-5');
    expect(drawn({ tickText: (value) => `${value * 1e6} per million` })).toContain('20 per million');
  });

  it('draws long runs with few points and keeps every extreme', () => {
    const long = Array.from({ length: 20_000 }, (_, x) => ({ x, y: x === 12_345 ? 99 : Math.sin(x) }));
    const { marks, cells } = layoutTrainingCurve(spec, [{ name: 'raw', kind: 'raw', points: long }], size);
    const path = marks.find((mark) => mark.type === 'path');
    const heights = path?.type === 'path' ? path.d.slice(1).split('L').map((each) => Number(each.split(',')[1])) : []; // prettier-ignore
    expect(heights.length).toBeLessThan(900);
    expect(Math.min(...heights)).toBeLessThan(30);
    expect(cells.length).toBeLessThanOrEqual(121);
  });

  it('has a frame before there is anything, and takes what is not above zero from a log scale', () => {
    expect(layoutTrainingCurve(spec, [{ name: 'raw', kind: 'raw', points: [] }], size).cells).toEqual([]);
    const log = layoutTrainingCurve({ ...spec, logY: true }, [{ name: 'raw', kind: 'line', points: [{ x: 1, y: 0 }, { x: 2, y: 1 }] }], size); // prettier-ignore
    expect(JSON.stringify(log.marks)).not.toMatch(/null|NaN|Infinity/);
  });
});

describe('the load of experts', () => {
  it('is stated in multiples of an even share, with idle experts counted', () => {
    const geometry = layoutExpertLoad({ step: 7 }, [{ layer: 1, counts: [6, 2, 0, 0] }], size);
    expect(geometry.title).toBe('L1·E0 takes 3.0 × an even share; 2 of 4 experts take nothing');
    expect(geometry.cells[1]!.label).toBe('L1·E1: 25.0 % of the layer’s tokens, 1.00 × an even share');
    expect(geometry.table.rows[0]).toEqual([1, 0, 6, 0.75, 3]);
  });
});
