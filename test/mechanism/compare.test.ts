import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import {
  discoveries,
  excludesZero,
  ItemBootstrap,
  resampleDifferences,
} from '../../src/mechanism/bootstrap.ts';
import { compareAttention, compareRouting, headOverlap, isClaimed } from '../../src/mechanism/compare.ts';
import { compareLoad, resamplesFor } from '../../src/mechanism/compareLoad.ts';
import { pooledOver, readerOf } from '../../src/mechanism/headMetrics.ts';
import { parseMechanismDocument, readMechanismDocument } from '../../src/mechanism/readDocument.ts';
import type { MechanismDocument } from '../../src/mechanism/document.ts';
import { entropyOf, expertLoad, jensenShannon } from '../../src/mechanism/load.ts';
import { generatedDocument } from '../helpers/mechanism.ts';
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
    // The control moved further the same way: what ACC does, training does without it, only more.
    expect(claim(0, 1, 2)).toBe('differs');
    expect(claim(0, -1, -2)).toBe('differs');
    // It moved less, or the other way: ACC goes beyond it.
    expect(claim(0, 2, 1)).toBe('changed-by-acc');
    expect(claim(0, 1, -1)).toBe('changed-by-acc');
    const two = compareAttention(make([1, 1], [2, 2], null), 'meanDistance', {
      baseline: 'base',
      comparison: 'acc',
    });
    expect(two.cells[0]!.claim).toBe('no-interval');
  });

  it('of the mass beyond a distance come from its values by item, which older documents lack', () => {
    const generated = generatedDocument({ layers: 2, heads: 2, experts: 4, perToken: 1, items: 12 });
    const names = { baseline: 'base', comparison: 'ACC' };
    const { cells } = compareAttention(generated, 'longRangeMass:1024', names);
    const row = generated.subjects.find(({ name }) => name === 'ACC')!.attention[3]!;
    expect(cells[3]!.after).toBe(row.longRangeMass[1]);
    expect(cells[3]).toMatchObject({ claim: 'changed-by-acc', layer: 1, index: 1 });
    const older = {
      ...generated,
      subjects: generated.subjects.map((subject) => ({
        ...subject,
        attention: subject.attention.map(({ perItem, ...row }) => ({
          ...row,
          perItem: Object.fromEntries(Object.entries(perItem).filter(([name]) => name !== 'longRangeMass')),
        })),
      })),
    };
    const before = compareAttention(older, 'longRangeMass:1024', names).cells;
    expect(before.map(({ claim }) => claim)).toEqual(new Array(4).fill('no-interval'));
    // Any distance 2^n - 1 can be told from the histogram, but of all items together.
    const told = compareAttention(generated, 'longRangeMass:1023', names).cells[3]!;
    expect(told.after).toBeCloseTo(row.distanceHistogram.slice(11).reduce((sum, share) => sum + share, 0));
    expect(told.claim).toBe('no-interval');
  });

  it('of gold’s share of the attention on evidence come from items that have both roles', () => {
    const share = readerOf(document, 'goldShareOfEvidence');
    const [row] = document.subjects[0]!.attention;
    const { goldMass, distractorMass } = row!.perItem;
    const byItem = share.perItem(row!)!;
    expect(byItem[2]).toBeCloseTo(goldMass![2]! / (goldMass![2]! + distractorMass![2]!));
    expect(share.value(row!)).toBeCloseTo(pooledOver(document.items, byItem)!);
    const goldAlone = { ...row!, perItem: { goldMass: [0.2], distractorMass: [null] } };
    expect(share.perItem(goldAlone)).toEqual([null]);
    expect(share.value(goldAlone)).toBeNull();
    const names = { baseline: 'tiny-moe', comparison: 'adapter' };
    for (const { before, after, difference } of compareAttention(document, 'goldShareOfEvidence', names)
      .cells)
      // prettier-ignore
      expect(difference.mean).toBeCloseTo(after! - before!, 6);
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

describe('differences of statistics that are no means over items', () => {
  it('have for a mean the p of the paired t test, and the interval of the resampled items', () => {
    const rng = new Rng('linear');
    const values = Array.from({ length: 15 }, () => 0.3 + rng.normal());
    const meanOf = (times: Uint16Array, out: Float64Array): void => {
      let [sum, count] = [0, 0];
      values.forEach((value, item) => {
        sum += times[item]! * value;
        count += times[item]!;
      });
      out[0] = sum / count;
    };
    const [found] = resampleDifferences(new Array<number>(15).fill(0), 1, meanOf, { resamples: 4000 });
    const paired = new ItemBootstrap(new Array<number>(15).fill(1)).difference(
      new Array<number>(15).fill(0),
      values,
    );
    expect(found!.mean).toBeCloseTo(paired.mean, 12);
    expect(found!.p).toBeCloseTo(paired.p!, 10);
    expect(found!.interval![0]).toBeCloseTo(paired.interval![0], 1);
    expect(found!.interval![1]).toBeCloseTo(paired.interval![1], 1);
  });

  const shape = { layers: 4, heads: 1, experts: 8, perToken: 2, items: 12 };
  const loads = (document: MechanismDocument, names: readonly [string, string], control: string | null) => {
    const find = (name: string) => document.subjects.find((subject) => subject.name === name)!;
    return compareLoad(document, {
      baseline: find(names[0]),
      comparison: find(names[1]),
      control: control === null ? null : find(control),
    });
  };

  it('tell of every layer whether kinds are routed further apart, against the control too', () => {
    const found = loads(generatedDocument(shape), ['base', 'ACC'], 'agent-SFT');
    for (const { before, after, difference, claim } of found.kindDivergence) {
      expect(difference.mean).toBeCloseTo(after! - before!, 4);
      expect(claim).toBe('changed-by-acc');
    }
    for (const { before, after, difference, againstControl } of found.gini) {
      expect(difference.mean).toBeCloseTo(after! - before!, 4);
      expect(difference.interval![0]).toBeLessThanOrEqual(difference.mean);
      expect(difference.interval![1]).toBeGreaterThanOrEqual(difference.mean);
      expect(againstControl!.interval).not.toBeNull();
    }
    expect(loads(generatedDocument(shape), ['base', 'ACC'], null).kindDivergence[0]!.claim).toBe(
      'no-control',
    );
  });

  it('claim no more than chance where only the noise of items differs', () => {
    let claimed = 0;
    for (let seed = 0; seed < 25; seed++) {
      const generated = generatedDocument({ ...shape, seed });
      // The control is the base with other noise.
      const found = loads(generated, ['base', 'agent-SFT'], null);
      claimed += found.kindDivergence.filter(isClaimed).length;
    }
    expect(claimed).toBeLessThanOrEqual(5);
  });

  /** The document with the base's frequencies by item in place of a subject's, after a change. */
  const withFrequencies = (
    document: MechanismDocument,
    name: string,
    change: (frequency: readonly number[], item: number) => number,
  ): MechanismDocument => {
    const base = document.subjects[0]!;
    const routing = base.routing.map((row) => {
      const own = row.perItem.frequency!.map(Number);
      return { ...row, perItem: { frequency: own.map((_, item) => change(own, item)) } };
    });
    return {
      ...document,
      subjects: document.subjects.map((subject) =>
        subject.name === name ? { ...subject, routing } : subject,
      ),
    };
  };

  it('draw items within their kind: that kinds are routed differently is no noise', () => {
    const alike = (frequency: readonly number[], item: number): number => frequency[item % 3]!;
    const still = withFrequencies(withFrequencies(generatedDocument(shape), 'base', alike), 'ACC', (frequency, item) => alike(frequency, item) ** 2); // prettier-ignore
    for (const { difference } of loads(still, ['base', 'ACC'], null).gini) {
      expect(Math.abs(difference.mean)).toBeGreaterThan(0.01);
      expect(difference.interval![0]).toBeCloseTo(difference.mean, 10);
      expect(difference.interval![1]).toBeCloseTo(difference.mean, 10);
    }
  });

  it('do not take the noise of few items for kinds that are further apart', () => {
    const rng = new Rng('noisier');
    let [small, aside] = [0, 0];
    for (let seed = 0; seed < 10; seed++) {
      const generated = generatedDocument({ ...shape, items: 9, seed });
      const noisier = withFrequencies(generated, 'ACC', (frequency, item) => frequency[item]! * Math.exp(0.5 * rng.normal())); // prettier-ignore
      const { kindDivergence } = loads(noisier, ['base', 'ACC'], null);
      small += kindDivergence.filter(({ difference }) => difference.p! < 0.05).length;
      aside += kindDivergence.filter(({ difference }) => excludesZero(difference)).length;
    }
    // Of 40 cells; nine items are few even so.
    expect(small).toBeLessThanOrEqual(4);
    expect(aside).toBeLessThanOrEqual(8);
  });

  it('have no interval between kinds of fewer than three items, nor without frequencies by item', () => {
    const few = loads(generatedDocument({ ...shape, items: 6 }), ['base', 'ACC'], 'agent-SFT');
    expect(few.kindDivergence.map(({ claim }) => claim)).toEqual(new Array(4).fill('no-interval'));
    expect(few.gini.every(({ difference }) => difference.interval !== null)).toBe(true);
    const generated = generatedDocument(shape);
    const bare = {
      ...generated,
      subjects: generated.subjects.map((subject) => ({
        ...subject,
        routing: subject.routing.map((row) => ({ ...row, perItem: {} })),
      })),
    };
    const none = loads(bare, ['base', 'ACC'], 'agent-SFT');
    expect(none.gini.map(({ claim }) => claim)).toEqual(new Array(4).fill('no-interval'));
  });
});

describe('resamples of loads', () => {
  it('are a thousand, and fewer where a large model would keep its charts waiting', () => {
    expect(resamplesFor(0)).toBe(1000);
    expect(resamplesFor(5 * 8 * 60 * 3)).toBe(1000);
    // 48 layers of 128 experts, 200 items, base, adapter and control.
    expect(resamplesFor(48 * 128 * 200 * 3)).toBe(271);
    expect(resamplesFor(1e9)).toBe(200);
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
    expect(change('subjects.0.attention.0.perItem.longRangeMass', [[], [], []])).toMatch(
      /perItem.longRangeMass\[0\] of x.json; expected 6 entries; found 0 entries/,
    );
    expect(() => parseMechanismDocument(text.slice(0, 999), 'cut.json')).toThrow(/no JSON.*cut off/s);
  });
});
