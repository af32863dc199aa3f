import { describe, expect, it } from 'vitest';
import { layoutQueryMap, pointAt, pointsInside, pointTowards } from '../../src/charts/queryMap/layout.ts';
import { svgDocument } from '../../src/charts/common/paintSvg.ts';
import { queryMapPage } from '../../src/charts/queryMap/paint.ts';
import { lightPaint } from '../../src/charts/common/palette.ts';

const data = {
  kinds: ['search', 'swe', 'sql', 'benchmark'] as const,
  tokens: [100, 400, 900, 0],
  // The corners of a wide rectangle.
  plane: Float32Array.from([0, 0, 4, 0, 0, 1, 4, 1]),
  pairs: [{ a: 0, b: 3 }],
};

describe('the scatter of queries', () => {
  const layout = layoutQueryMap(data, { scale: 1, centre: null }, { width: 400, height: 300 });

  it('has equal scales on both axes, area by tokens, and everything in the window', () => {
    const { x, y, radius } = layout;
    expect((x[1]! - x[0]!) / (y[2]! - y[0]!)).toBeCloseTo(4, 4);
    expect([...x, ...y].every((value) => value > 0 && value < 400)).toBe(true);
    expect(radius[2]).toBeGreaterThan(radius[1]!);
    expect(radius[1]).toBeGreaterThan(radius[0]!);
  });

  it('finds points under the pointer, inside a lasso and towards an arrow', () => {
    const { x, y } = layout;
    expect(pointAt(layout, x[1]! + 3, y[1]!)).toBe(1);
    expect(pointAt(layout, 200, 5)).toBeNull();
    const left = [[0, 0], [200, 0], [200, 300], [0, 300]] as const; // prettier-ignore
    expect(pointsInside(layout, left)).toEqual([0, 2]);
    expect(pointTowards(layout, 0, 'right')).toBe(1);
    expect(pointTowards(layout, 0, 'down')).toBe(2);
    expect(pointTowards(layout, 0, 'left')).toBe(0);
    expect(pointTowards(layout, 3, 'up')).toBe(1);
  });

  it('zooms about its centre', () => {
    const near = layoutQueryMap(data, { scale: 2, centre: [0, 0] }, { width: 400, height: 300 });
    expect([near.x[0], near.y[0]]).toEqual([200, 150]);
    expect(near.x[1]! - near.x[0]!).toBeCloseTo(2 * (layout.x[1]! - layout.x[0]!), 3);
  });

  it('leaves as SVG with its kinds named and counted, and what it was made from', () => {
    const words = { title: 'a <b> & c', subtitle: 'UMAP of 4 queries', notes: ['trustworthiness 0.9'] };
    const svg = svgDocument(queryMapPage(data, layout, words), lightPaint, 'set x · seed 1');
    expect(svg).toContain('<title>a &lt;b&gt; &amp; c</title>');
    const written = ['Search 1', 'SWE 1', 'SQL 1', 'Benchmark 1', 'UMAP of 4 queries', 'trustworthiness 0.9', 'set x · seed 1']; // prettier-ignore
    expect(written.filter((text) => !svg.includes(`>${text}</text>`))).toEqual([]);
    // The links, and each kind once as its points and once by its name.
    expect(svg.match(/<path/g)).toHaveLength(1 + 2 * 4);
  });
});
