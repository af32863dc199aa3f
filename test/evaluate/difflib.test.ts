import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import { sequenceRatio } from '../../src/evaluate/difflib.ts';

const lower = 'abcdefghijklmnopqrstuvwxyz ';
const mixed = `${lower}ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.`;

/** The text generator of the golden vectors: a linear congruential sequence over an alphabet. */
function drawn(seed: number, count: number, alphabet: string): string {
  let x = seed;
  let text = '';
  for (let i = 0; i < count; i++) {
    x = (Math.imul(1664525, x) + 1013904223) >>> 0;
    text += alphabet[(x >>> 16) % alphabet.length];
  }
  return text;
}

describe('sequenceRatio', () => {
  const t = drawn(1, 1800, lower);
  const u = drawn(3, 1800, mixed);
  const emoji = '😀'.repeat(100) + 'é'.repeat(50) + 'abc';
  const vectors: [name: string, a: string, b: string, ratio: number, withoutAutojunk: number][] = [
    ['both empty', '', '', 1, 1],
    ['one empty', '', 'abc', 0, 0],
    ['repeat', ' abcd', 'abcd abcd', 0.7142857142857143, 0.7142857142857143],
    ['tide and diet', 'tide', 'diet', 0.25, 0.25],
    ['diet and tide', 'diet', 'tide', 0.5, 0.5],
    [
      'below the popularity rule',
      `z${'ab'.repeat(99)}a`,
      `${'ab'.repeat(99)}a`,
      0.9974937343358395,
      0.9974937343358395,
    ],
    [
      'one character in front of popular text',
      `z${'ab'.repeat(100)}`,
      'ab'.repeat(100),
      0,
      0.9975062344139651,
    ],
    [
      'one character behind popular text',
      `${'ab'.repeat(100)}z`,
      'ab'.repeat(100),
      0.9975062344139651,
      0.9975062344139651,
    ],
    ['equal popular text', 'ab'.repeat(100), 'ab'.repeat(100), 1, 1],
    ['equal long text', t, t, 1, 1],
    ['one letter in front of long text', `Q${t}`, t, 0, 0.9997222993612885],
    [
      'long text without its middle letter',
      t.slice(0, 900) + t.slice(901),
      t,
      0.5001389274798556,
      0.999722145040289,
    ],
    ['two random lower-case texts', drawn(2, 1800, lower), t, 0, 0.11222222222222222],
    ['two random mixed texts', drawn(4, 1800, mixed), u, 0.011111111111111112, 0.03222222222222222],
    ['first half', u.slice(0, 900), u, 0.6666666666666666, 0.6666666666666666],
    ['halves exchanged', u.slice(900) + u.slice(0, 900), u, 0.5, 0.5],
    ['code points, not code units', emoji.slice(2), emoji, 0.9967213114754099, 0.9967213114754099],
  ];
  it.each(vectors)('%s', (_name, a, b, ratio, withoutAutojunk) => {
    expect(sequenceRatio(a, b)).toBe(ratio);
    expect(sequenceRatio(a, b, false)).toBe(withoutAutojunk);
  });

  const python = spawnSync('python3', ['--version']).status === 0;
  it.skipIf(!python)(
    'scores 1,000 random and adversarial pairs as CPython does (python3 must be installed)',
    () => {
      const rng = new Rng('difflib pairs');
      const alphabets = ['ab', 'abc ', lower, mixed, 'a😀é\u0301\u200d漢\n', '01\n'];
      const pairs = Array.from({ length: 1000 }, (_, index): [string, string] => {
        const alphabet = [...alphabets[index % alphabets.length]!];
        const text = (length: number) =>
          Array.from({ length }, () => alphabet[rng.below(alphabet.length)]!).join('');
        const limit = index % 50 === 0 ? 5000 : index % 5 === 0 ? 1200 : 260;
        const b = text(rng.below(limit));
        if (index % 3 === 0) return [text(rng.below(limit)), b];
        // An edited copy: cut, insert, move a part.
        const points = [...b];
        const from = rng.below(points.length + 1);
        const part = points.splice(from, rng.below(40));
        points.splice(
          rng.below(points.length + 1),
          0,
          ...(index % 3 === 1 ? part : [...text(rng.below(20))]),
        );
        return [points.join(''), b];
      });
      const script =
        'import sys,json,difflib\n' +
        'for line in sys.stdin:\n' +
        ' a,b=json.loads(line)\n print(repr(difflib.SequenceMatcher(None,a,b).ratio()))';
      const run = spawnSync('python3', ['-c', script], {
        input: pairs.map((pair) => JSON.stringify(pair)).join('\n'),
        encoding: 'utf8',
        maxBuffer: 1 << 26,
      });
      const expected = run.stdout.trim().split('\n').map(Number);
      expect(pairs.map(([a, b]) => sequenceRatio(a, b))).toEqual(expected);
    },
  );
});
