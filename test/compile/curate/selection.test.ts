import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerPattern, findAnswer } from '../../../src/compile/curate/answerLeak.ts';
import { capPerInstance } from '../../../src/compile/curate/instanceCap.ts';
import { splitBySource } from '../../../src/compile/curate/splitBySource.ts';
import { Rng } from '../../../src/core/rng.ts';

describe('split by source', () => {
  const item = fc.record({
    sourceKeys: fc.array(fc.constantFrom(...'abcdefghijklmnopqrst'), { maxLength: 2 }),
  });
  const items = fc
    .array(item, { maxLength: 40 })
    .map((list) => list.map((entry, i) => ({ ...entry, id: `e${String(i).padStart(2, '0')}` })));

  it('puts no document on both sides and loses no example', () => {
    fc.assert(
      fc.property(items, fc.nat({ max: 9 }), (list, seed) => {
        const split = splitBySource(list, 0.2, seed);
        expect([...split.train, ...split.eval].sort()).toEqual(list.map((entry) => entry.id));
        const inEval = new Set(split.eval);
        const keys = (side: boolean): string[] =>
          list.filter((entry) => inEval.has(entry.id) === side).flatMap((entry) => entry.sourceKeys);
        const evalKeys = new Set(keys(true));
        expect(keys(false).filter((key) => evalKeys.has(key))).toEqual([]);
        expect(splitBySource(new Rng(seed).shuffle(list), 0.2, seed)).toEqual(split);
      }),
    );
  });

  it('reaches the share asked for where groups are small', () => {
    const list = Array.from({ length: 1000 }, (_, i) => ({ id: `e${i}`, sourceKeys: [`d${i >> 1}`] }));
    const first = splitBySource(list, 0.1, 1);
    expect(first.eval).toHaveLength(100);
    expect(first).toMatchObject({ componentCount: 500, largestComponent: 2 });
    expect(splitBySource(list, 0.1, 2).eval).not.toEqual(first.eval);
  });
});

describe('per-instance cap', () => {
  it('keeps a seeded choice of runs of each instance, whatever else is there', () => {
    const runs = Array.from({ length: 12 }, (_, i) => ({ id: `r${i}`, instanceId: i < 9 ? 'x' : null }));
    const kept = capPerInstance(runs, 3, 1);
    expect([...kept].filter((id) => Number(id.slice(1)) < 9)).toHaveLength(3);
    expect(kept.size).toBe(6);
    const reversed = capPerInstance([...runs].reverse(), 3, 1);
    expect([...reversed].sort()).toEqual([...kept].sort());
    const others = Array.from({ length: 5 }, (_, i) => ({ id: `y${i}`, instanceId: 'y' }));
    const withOthers = capPerInstance([...others, ...runs], 3, 1);
    expect([...kept].every((id) => withOthers.has(id))).toBe(true);
  });
});

describe('answer places', () => {
  it('are whole words, without regard to case and punctuation', () => {
    const text = 'A party of Art: the ART, arts; «état d’Art»';
    const places = findAnswer(answerPattern('art'), text).map(({ start, end }) => text.slice(start, end));
    expect(places).toEqual(['Art', 'ART', 'Art']);
    const long = answerPattern('The Battle of Keelung (1895).');
    expect(findAnswer(long, 'in the battle of keelung, 1895 that')).toEqual([{ start: 3, end: 30 }]);
    expect(findAnswer(long, 'the battle of keelung in 1895')).toEqual([]);
  });

  it('say when finding them would mean nothing', () => {
    expect(answerPattern('Yes.').uncheckable).toMatch(/most texts/);
    expect(answerPattern('7').uncheckable).toMatch(/only 1 character/);
    expect(answerPattern('…').uncheckable).toMatch(/no letters/);
    expect(answerPattern('東京').uncheckable).toBeNull();
    expect(answerPattern('1895').uncheckable).toBeNull();
  });
});
