import { describe, expect, it } from 'vitest';
import { benchmarkOf } from '../../src/evaluate/benchmarks.ts';
import {
  replicationCells,
  replicationDifferences,
  type ReplicationArm,
  type ReplicationRun,
} from '../../src/evaluate/replication.ts';

const set = (tokens: number, items: number, questionsPerContext = 1) => ({
  benchmark: 'mrcr' as const,
  tokens,
  items,
  questionsPerContext,
  sha256: String(tokens),
});
const run = (arm: ReplicationArm, seed: number | null, scores: number[][]): ReplicationRun => ({
  arm,
  seed,
  adapterSha256: null,
  trained: null,
  scores,
});

describe('a replication', () => {
  const sets = [set(256, 4), set(512, 2)];
  const base = [
    [0, 0, 1, 0],
    [0, 0],
  ];
  const better = [
    [1, 1, 1, 1],
    [0.5, 0.5],
  ];
  const facts = {
    seeds: [0, 1],
    sets,
    runs: [
      run('base', null, base),
      run('acc', 0, better),
      run('acc', 1, better),
      run('sft-processed', 0, base),
    ],
  };

  it('averages lengths with unequal numbers of items alike, and lets the base stand for every seed', () => {
    const cells = replicationCells(facts);
    const of = (arm: ReplicationArm, tokens: number | null) =>
      cells.find((cell) => cell.arm === arm && cell.tokens === tokens)!;
    expect(of('base', 256).mean).toBeCloseTo(0.25, 12);
    // (1/4 + 0) / 2 and (1 + 1/2) / 2, not the means over six items.
    expect(of('base', null).mean).toBeCloseTo(0.125, 12);
    expect(of('acc', null).mean).toBeCloseTo(0.75, 12);
    expect(of('acc', null).perSeed).toEqual([0.75, 0.75]);
    expect(of('acc', 512).interval).toEqual([0.5, 0.5]);
    // Only one of two seeds is there.
    expect(cells.some(({ arm }) => arm === 'sft-processed')).toBe(false);
  });

  it('draws contexts, not the questions that share one', () => {
    // Two contexts, one right and one wrong throughout: their mean is 0, 0.5 or 1 in a quarter, half, quarter of draws.
    const shared = {
      seeds: [0],
      sets: [set(256, 40, 20)],
      runs: [run('base', null, [Array.from({ length: 40 }, (_, item) => (item < 20 ? 1 : 0))])],
    };
    expect(replicationCells(shared)[0]!.interval).toEqual([0, 1]);
    const alone = { ...shared, sets: [set(256, 40)] };
    expect(replicationCells(alone)[0]!.interval[0]).toBeGreaterThan(0.3);
  });

  it('compares on the same items and corrects over the benchmarks together', () => {
    const differences = replicationDifferences(facts);
    expect(differences.map(({ before, after, tokens }) => [before, after, tokens])).toEqual([
      ['base', 'acc', 256],
      ['base', 'acc', 512],
      ['base', 'acc', null],
    ]);
    const all = differences[2]!;
    expect(all.mean).toBeCloseTo(0.625, 12);
    // Items vary at 256 tokens (3 of 4 gain), not at 512: (0 … 1 + 0.5) / 2.
    expect(all.interval[0]).toBeGreaterThan(0.25);
    expect(all.interval[1]).toBeLessThanOrEqual(0.75);
    expect([differences[0]!.holmP, all.holmP]).toEqual([null, all.p]);
  });
});

describe('short tasks', () => {
  it('are right to the last character or wrong', () => {
    const tasks = benchmarkOf('short-tasks');
    const row = tasks.read(
      { messages: [{ role: 'user', content: '?' }], reply: 'a fox', kind: 'pick' },
      'row',
    );
    const score = (text: string) => tasks.grade(text, row, { mode: 'exact' }).score;
    expect([score('a fox'), score(' a fox\n'), score('a Fox'), score('a fox.')]).toEqual([1, 1, 0, 0]);
    expect(() => tasks.read({ reply: 3 }, 'row 1')).toThrow(/no short task/);
  });
});
