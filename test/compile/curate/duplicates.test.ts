import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clusterDuplicates, UnionFind } from '../../../src/compile/curate/clusters.ts';
import { fingerprint, groupDuplicatePieces } from '../../../src/compile/curate/fingerprint.ts';
import { defaultMinHash, signatureOf, similarity } from '../../../src/compile/curate/minHash.ts';
import { exactHash, forEachGram, normalizedHash, wordsOf } from '../../../src/compile/curate/words.ts';
import { Rng } from '../../../src/core/rng.ts';

/** `count` words, all different for different `from`. */
function prose(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `word${from + i}`);
}

describe('words', () => {
  it('are runs of letters and digits, and single characters of unspaced scripts', () => {
    const text = 'The  Été-2024 «ISN’T» 東京ab, _x_';
    const words = wordsOf(text);
    const ranges = Array.from({ length: words.count }, (_, i) => text.slice(words.starts[i], words.ends[i]));
    expect(ranges).toEqual(['The', 'Été', '2024', 'ISN', 'T', '東', '京', 'ab', 'x']);
  });

  it('give one hash for texts that differ in case, spacing and punctuation only', () => {
    const hash = (text: string): string => normalizedHash(wordsOf(text));
    expect(hash('Who wrote  “Émile”?')).toBe(hash('who wrote émile'));
    expect(hash('who wrote émile')).not.toBe(hash('émile wrote who'));
    expect(exactHash('a b')).not.toBe(exactHash('a  b'));
  });

  it('give the same gram hash wherever the gram stands', () => {
    const grams = (text: string): string[] => {
      const hashes: string[] = [];
      forEachGram(wordsOf(text), 3, (low, high) => {
        hashes.push(`${low}:${high}`);
        return true;
      });
      return hashes;
    };
    const whole = grams('a b c d e f g');
    expect(whole).toHaveLength(5);
    expect(grams('x y C, d! e')[2]).toBe(whole[2]);
  });
});

describe('MinHash', () => {
  it('estimates the Jaccard similarity of word shingles', () => {
    for (const shared of [0, 300, 600, 900, 1000]) {
      const a = [...prose(0, shared), ...prose(10_000, 1000 - shared)];
      const b = [...prose(0, shared), ...prose(20_000, 1000 - shared)];
      const common = Math.max(0, shared - 4);
      const exact = common / (2 * 996 - common);
      const estimates = Array.from({ length: 20 }, (_, seed) => {
        const options = { ...defaultMinHash, seed };
        const [x, y] = [a, b].map((words) => signatureOf(wordsOf(words.join(' ')), options));
        return x && y ? similarity(x, y) : -1;
      });
      const mean = estimates.reduce((sum, value) => sum + value, 0) / estimates.length;
      // Twenty signatures of 128 places: a standard error of at most 0.01.
      expect(Math.abs(mean - exact)).toBeLessThan(0.04);
    }
  });

  it('also for texts shorter than the signature', () => {
    const signature = signatureOf(wordsOf('only three words'));
    expect(signature && similarity(signature, signature)).toBe(1);
    expect(signatureOf(wordsOf('...'))).toBeNull();
  });
});

describe('clusters', () => {
  it('join equal and nearly equal texts and name the least id', () => {
    const base = prose(0, 500);
    const edited = [...base.slice(0, 250), 'changed', ...base.slice(251)];
    const texts: Record<string, string> = {
      d: base.join(' '),
      b: edited.join('  ').toUpperCase(),
      c: prose(5000, 500).join(' '),
      a: prose(9000, 300).join(' '),
      e: `${prose(9000, 300).join(', ')}!`,
      empty: '',
      blank: ' … ',
    };
    const clusters = clusterDuplicates(Object.entries(texts).map(([id, text]) => fingerprint(id, text)));
    expect(clusters.map((cluster) => cluster.members.map((member) => member.id))).toEqual([
      ['a', 'e'],
      ['b', 'd'],
      ['blank', 'empty'],
    ]);
    expect(clusters[0]?.members[1]?.similarity).toBe(1);
  });

  it('do not depend on the order or on which worker made a fingerprint', () => {
    const rng = new Rng(1);
    const items = Array.from({ length: 60 }, (_, i) => {
      const words = prose((i % 7) * 1000, 200);
      words[rng.below(200)] = `own${i}`;
      return fingerprint(`t${i}`, words.join(' '));
    });
    const expected = clusterDuplicates(items);
    expect(expected).toHaveLength(7);
    for (let seed = 0; seed < 5; seed++) {
      expect(clusterDuplicates(new Rng(seed).shuffle(items))).toEqual(expected);
    }
  });

  it('group pieces of one trajectory', () => {
    const page = prose(0, 300).join(' ');
    const almost = `${page} one more sentence`;
    expect(groupDuplicatePieces([page, prose(900, 50).join(' '), almost, page])).toEqual([[0, 2, 3]]);
    expect(groupDuplicatePieces([page, almost, `${page}.`], { ...defaultMinHash, threshold: 1 })).toEqual([
      [0, 2],
    ]);
  });

  it('union-find sets are those of connected items', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: 19 }), fc.nat({ max: 19 })), { maxLength: 30 }),
        (pairs) => {
          const sets = new UnionFind(20);
          const labels = Array.from({ length: 20 }, (_, i) => i);
          for (const [a, b] of pairs) {
            sets.union(a, b);
            const [from, to] = [Math.max(labels[a]!, labels[b]!), Math.min(labels[a]!, labels[b]!)];
            labels.forEach((label, i) => {
              if (label === from) labels[i] = to;
            });
          }
          expect(labels.map((_, i) => sets.find(i))).toEqual(labels);
        },
      ),
    );
  });
});
