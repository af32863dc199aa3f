import { describe, expect, it } from 'vitest';
import type { ReplicationDifference } from '../../src/evaluate/replication.ts';
import { verdictsOf } from '../../src/ui/views/compare/replicationVerdict.ts';

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
  it('claims a difference only where the interval leaves zero out', () => {
    expect(
      verdictsOf([
        difference({}),
        difference({ benchmark: 'graphwalks', mean: 0.05, interval: [0.02, 0.081] }),
        difference({ benchmark: 'short-tasks', mean: -0.041, interval: [-0.06, -0.012] }),
      ]),
    ).toEqual([
      'MRCR-style: no difference between ACC and the base model is shown (+1.0 points, −2.0 … +4.0).',
      'GraphWalks-style: ACC is ahead of the base model (+5.0 points, +2.0 … +8.1).',
      'Short tasks: ACC is behind the base model (−4.1 points, −6.0 … −1.2).',
    ]);
  });

  it('speaks of all lengths together, and of ACC against the base alone', () => {
    expect(verdictsOf([difference({ tokens: 256 }), difference({ before: 'sft-processed' })])).toEqual([]);
  });
});
