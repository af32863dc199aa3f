import { describe, expect, it } from 'vitest';
import { coActivationLift } from '../../src/charts/coActivation/layout.ts';
import { valueTick } from '../../src/charts/common/axis.ts';
import { claimWords, type ComparisonSpec } from '../../src/charts/common/comparison.ts';
import { shortNumber, signedNumber, symmetricDomain } from '../../src/charts/common/numbers.ts';

describe('numbers on charts', () => {
  it('keep about three digits at any size', () => {
    expect([0, 2e-5, 0.0123, 0.5, 3.14159, -42.44, 12345].map(shortNumber)).toEqual([
      '0.000',
      '0.00002',
      '0.012',
      '0.500',
      '3.14',
      '−42.4',
      '12,345',
    ]);
    expect(signedNumber(-3e-8)).toBe('−3e−8');
    // What is left of a sum that comes to nothing.
    expect(shortNumber(1e-17)).toBe('0.000');
    expect([0.0002, 0.25, -1e-7, 12_000].map(valueTick)).toEqual(['0.0002', '0.25', '−1e−7', '12,000']);
  });

  it('scale differences by nearly all of them, or by the few that are not zero', () => {
    const most = Array.from({ length: 100 }, (_, at) => (at < 98 ? 1 : 50));
    expect(symmetricDomain(most)).toBe(50);
    expect(symmetricDomain([...most, ...most.fill(1)])).toBe(1);
    expect(symmetricDomain([...new Array<number>(99).fill(0), -0.3])).toBe(0.3);
    expect(symmetricDomain([null])).toBe(0);
  });

  it('say why nothing is claimed', () => {
    const spec = { baseline: 'base', comparison: 'acc', control: null, items: 2 } as ComparisonSpec;
    expect(claimWords(spec, false)).toContain('too few items');
    expect(claimWords({ ...spec, items: 100 }, false)).toContain('values of each item were not kept');
  });
});

describe('experts that are chosen together', () => {
  // 4 experts, all 4 chosen for every token: each pair is at chance, whichever pairs are counted.
  const all = new Array<number>(16).fill(1);
  const data = { layer: 0, experts: 4, subject: 'base' };
  const off = (values: readonly (number | null)[]): (number | null)[] =>
    values.filter((_, at) => Math.floor(at / 4) !== at % 4);

  it('are compared with chance among the pairs that are counted', () => {
    const pairs = coActivationLift({ ...data, together: all, variant: 'all pairs' });
    expect(off(pairs)).toEqual(new Array(12).fill(0));
    // 3 of the 6 pairs of 4 ranks are neighbours.
    const neighbours = all.map((_, at) => (Math.floor(at / 4) === at % 4 ? 1 : 0.5));
    const ranked = coActivationLift({ ...data, together: neighbours, variant: 'rank-adjacent' });
    expect(off(ranked)).toEqual(new Array(12).fill(0));
  });
});
