import { describe, expect, it } from 'vitest';
import type { ReplicationDifference } from '../../src/evaluate/replication.ts';
import { differenceRows, verdictsOf } from '../../src/ui/views/compare/replicationVerdict.ts';

const difference = (changes: Partial<ReplicationDifference>): ReplicationDifference => ({
  benchmark: 'mrcr',
  before: 'base',
  after: 'acc',
  tokens: null,
  items: 800,
  mean: 0.01,
  interval: [-0.02, 0.04],
  p: 0.5,
  holmP: 0.5,
  ...changes,
});

describe('what a replication is said to show', () => {
  it('claims a difference only where the interval leaves zero out, also after Holm’s correction', () => {
    expect(
      verdictsOf([
        difference({}),
        difference({ benchmark: 'graphwalks', mean: 0.05, interval: [0.02, 0.081], holmP: 0.01 }),
        difference({ benchmark: 'graphwalks', mean: 0.02, interval: [0.001, 0.04], holmP: 0.1 }),
        difference({ benchmark: 'short-tasks', mean: -0.041, interval: [-0.06, -0.012], holmP: 0.02 }),
      ]),
    ).toEqual([
      'MRCR-style: no difference between ACC and the base model is shown (+1.0 points, −2.0 … +4.0; p 0.50 after Holm’s correction).',
      'GraphWalks-style: ACC is ahead of the base model (+5.0 points, +2.0 … +8.1; p 0.010 after Holm’s correction).',
      'GraphWalks-style: no difference between ACC and the base model is shown (+2.0 points, +0.1 … +4.0; p 0.10 after Holm’s correction).',
      'Short tasks: ACC is behind the base model (−4.1 points, −6.0 … −1.2; p 0.020 after Holm’s correction).',
    ]);
  });

  it('speaks of all lengths together, and of ACC against the base alone', () => {
    expect(verdictsOf([difference({ tokens: 256 }), difference({ before: 'sft-processed' })])).toEqual([]);
  });

  it('lists the differences over all lengths by pair of arms, under the benchmarks that are shown', () => {
    const rows = differenceRows(
      [
        difference({}),
        difference({ tokens: 256, mean: 0.9 }),
        difference({ benchmark: 'short-tasks', mean: -0.041, interval: [-0.06, -0.012] }),
        difference({ before: 'sft-processed', mean: 0 }),
      ],
      ['mrcr', 'short-tasks'],
    );
    expect(rows).toEqual([
      { after: 'acc', before: 'base', cells: ['+1.0 (−2.0 … +4.0)', '−4.1 (−6.0 … −1.2)'] },
      { after: 'acc', before: 'sft-processed', cells: ['+0.0 (−2.0 … +4.0)', '–'] },
    ]);
  });
});
