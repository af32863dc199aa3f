import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import { discoveries, ItemBootstrap } from '../../src/mechanism/bootstrap.ts';
import { compareAttention, compareRouting, headOverlap } from '../../src/mechanism/compare.ts';
import { parseMechanismDocument, readMechanismDocument } from '../../src/mechanism/readDocument.ts';
import type { MechanismDocument } from '../../src/mechanism/document.ts';
import { entropyOf, expertLoad, jensenShannon } from '../../src/mechanism/load.ts';
import { fixtureFolder } from './fixtures.ts';

const text = readFileSync(resolve(fixtureFolder, 'reference-answer.json'), 'utf8');
const document = parseMechanismDocument(text, 'reference-answer.json');

describe('differences between subjects', () => {
  it('are the difference of the pooled averages, in an interval of resampled items', () => {
    const { cells, items } = compareAttention(document, 'meanDistance', {
      baseline: 'tiny-moe',
      comparison: 'adapter',
    });
    expect(cells).toHaveLength(12);
    expect(items).toBe(6);
    for (const { before, after, difference } of cells) {
      expect(difference.mean).toBeCloseTo(after! - before!, 3);
      expect(difference.interval![0]).toBeLessThanOrEqual(difference.mean);
      expect(difference.interval![1]).toBeGreaterThanOrEqual(difference.mean);
    }
    const routed = compareRouting(document, 'frequency', { baseline: 'tiny-moe', comparison: 'adapter' });
    expect(routed.cells).toHaveLength(16);
  });

  it('are claimed for ACC only where the difference to the control excludes zero', () => {
    const make = (base: number[], acc: number[], control: number[] | null): MechanismDocument => ({
      ...document,
      items: base.map((_, index) => ({ ...document.items[0]!, id: String(index), queryTokens: 5 })),
      subjects: [base, acc, ...(control ? [control] : [])].map((values, index) => ({
        ...document.subjects[index]!,
        name: ['base', 'acc', 'control'][index]!,
        kind: (['base', 'adapter', 'control'] as const)[index]!,
        attention: [
          { ...document.subjects[0]!.attention[0]!, meanDistance: 1, perItem: { meanDistance: values } },
        ],
      })),
    });
    const rng = new Rng('cells');
    const noise = (centre: number): number[] => Array.from({ length: 40 }, () => centre + 0.1 * rng.normal());
    const claim = (base: number, acc: number, control: number | null): string =>
      compareAttention(
        make(noise(base), noise(acc), control === null ? null : noise(control)),
        'meanDistance',
        { baseline: 'base', comparison: 'acc' },
      ).cells[0]!.claim;
    expect(claim(0, 1, 0)).toBe('changed-by-acc');
    // The control moves as far: training moved it, not ACC.
    expect(claim(0, 1, 1)).toBe('differs');
    expect(claim(0, 1, null)).toBe('no-control');
    expect(claim(0, 0, 0)).toBe('unclear');
    // Only the control moved: nothing was changed by ACC.
    expect(claim(0, 0, 1)).toBe('unclear');
    const two = compareAttention(make([1, 1], [2, 2], null), 'meanDistance', {
      baseline: 'base',
      comparison: 'acc',
    });
    expect(two.cells[0]!.claim).toBe('no-interval');
  });

  it('cover the true difference in about 95 of 100 samples, with the same draws for the same seed', () => {
    const rng = new Rng('coverage');
    let covered = 0;
    for (let run = 0; run < 200; run++) {
      const before = Array.from({ length: 60 }, () => rng.normal());
      const after = before.map((value) => value + 0.3 + rng.normal());
      const { interval } = new ItemBootstrap(new Array<number>(60).fill(1), {
        seed: run,
        resamples: 1000,
      }).difference(before, after);
      if (interval![0] <= 0.3 && 0.3 <= interval![1]) covered++;
    }
    expect(covered / 200).toBeGreaterThan(0.9);
    expect(covered / 200).toBeLessThan(0.99);
    const once = (): unknown => new ItemBootstrap([1, 2, 3], { seed: 4 }).difference([1, 2, 3], [2, 2, null]);
    expect(once()).toEqual(once());
  });

  it('are corrected for many cells by Benjamini and Hochberg’s procedure', () => {
    // The example of their paper of 1995: fifteen p, of which the four smallest remain at 0.05.
    const ps = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1]; // prettier-ignore
    expect(discoveries(ps).filter(Boolean)).toHaveLength(4);
    expect(discoveries([null, 0.04])).toEqual([false, true]);
    expect(headOverlap(['0/1', '1/2'], ['1/2', '3/3'])).toBeCloseTo(1 / 3);
  });
});

describe('load of experts', () => {
  it('is even, or all on one', () => {
    expect(expertLoad([0.5, 0.5, 0.5, 0.5])).toMatchObject({ gini: 0, maxOverMean: 1 });
    expect(expertLoad([0.5, 0.5, 0.5, 0.5]).effectiveExperts).toBeCloseTo(4);
    expect(expertLoad([0, 0, 0, 1])).toEqual({ gini: 0.75, maxOverMean: 4, effectiveExperts: 1 });
    expect(entropyOf([2, 2])).toBeCloseTo(Math.LN2);
    expect(jensenShannon([1, 0], [0, 3])).toBeCloseTo(Math.LN2);
    expect(jensenShannon([1, 3], [2, 6])).toBeCloseTo(0);
    expect(jensenShannon([0, 0], [1, 1])).toBeNull();
  });
});

describe('documents from elsewhere', () => {
  it('may leave out what they did not measure', () => {
    const small = readMechanismDocument(
      {
        format: 'acc-mechanism',
        version: 1,
        queries: 'answer',
        model: { name: 'm', layers: 1, heads: 1 },
        items: [{ id: 'a', hash: 'x', kind: 'search', tokens: 4, queryTokens: 1 }],
        subjects: [
          { name: 'm', kind: 'base', attention: [{ layer: 0, head: 0, meanDistance: 2, entropy: 1 }] },
        ],
      },
      'small.json',
    );
    expect(small.subjects[0]!.attention[0]).toMatchObject({ goldMass: null, longRangeMass: [], perItem: {} });
    expect(small.subjects[0]!.routing).toEqual([]);
    expect(Object.keys(small.definitions)).toContain('meanDistance');
  });

  it('are refused with the field, what was expected and what was found', () => {
    const broken = (change: (value: Record<string, never>) => void): string => {
      const value = JSON.parse(text) as Record<string, never>;
      change(value);
      try {
        readMechanismDocument(value, 'x.json');
        return 'accepted';
      } catch (error) {
        return (error as Error).message;
      }
    };
    const change = (path: string, to: unknown): string =>
      broken((value) => {
        const keys = path.split('.');
        const last = keys.pop()!;
        const at = keys.reduce<Record<string, unknown>>((o, k) => o[k] as Record<string, unknown>, value);
        at[last] = to;
      });
    expect(change('format', 'other')).toMatch(/format of x.json; expected "acc-mechanism"; found other/);
    expect(change('subjects.1.attention.3.entropy', 'NaN')).toMatch(/subjects\[1\].attention\[3\].entropy/);
    expect(change('subjects.0.attention.0.layer', 3)).toMatch(/a whole number up to 2; found 3/);
    expect(change('subjects.0.attention.1.head', 0)).toMatch(/layer 0, head 0 twice/);
    expect(change('items.0.evidence.0.end', 1e9)).toMatch(/items\[0\].evidence\[0\].end/);
    expect(change('subjects.0.attention.0.perItem.entropy', [1])).toMatch(/6 entries; found 1 entries/);
    expect(() => parseMechanismDocument(text.slice(0, 999), 'cut.json')).toThrow(/no JSON.*cut off/s);
  });
});
