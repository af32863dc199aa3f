import { describe, expect, it } from 'vitest';
import type { ExampleEntry, RowPlan } from '../../src/train/dataset.ts';
import { longestRow, matchedPlan } from '../../src/train/matchedPlan.ts';

const planOf = (sizes: readonly (readonly [tokens: number, supervised: number])[]): RowPlan => ({
  rows: sizes.map(([tokens, supervisedTokens], i): ExampleEntry[] => [
    {
      id: `e${i}`,
      start: i,
      end: i + 1,
      line: i + 1,
      turn: null,
      control: null,
      heldOut: false,
      tokens,
      supervisedTokens,
      hiddenReasoning: 0,
    },
  ]),
  heldOut: [],
  dropped: [],
  trainedTokens: 0,
  trainedSupervisedTokens: 0,
  rowsPerStep: 1,
  stepsPerEpoch: sizes.length,
  totalSteps: sizes.length,
});

describe('arms of matched tokens', () => {
  const long = planOf(Array.from({ length: 40 }, (_, i) => [500 + 17 * i, 20 + (i % 5)]));
  const short = planOf(Array.from({ length: 30 }, (_, i) => [150 + 11 * i, 60 + (i % 9)]));

  it('take equal steps and equal tokens to within one example', () => {
    for (const plan of [long, short]) {
      const made = matchedPlan(plan, { steps: 20, tokens: 40_000, of: 'tokens', seed: 3 });
      const entries = made.rows.flat();
      const total = entries.reduce((sum, { tokens }) => sum + tokens, 0);
      expect([made.totalSteps, made.rows.length]).toEqual([20, 20]);
      expect(Math.abs(total - 40_000)).toBeLessThan(700);
      expect(made.trainedTokens).toBe(total);
      // Every step carries its part.
      for (const row of made.rows) {
        const tokens = row.reduce((sum, entry) => sum + entry.tokens, 0);
        expect(Math.abs(tokens - 2000)).toBeLessThan(1400);
        expect(longestRow(made)).toBeGreaterThanOrEqual(tokens);
      }
    }
  });

  it('match what is learnt when asked to, and use every example before one comes again', () => {
    const acc = matchedPlan(long, { steps: 20, tokens: 40_000, of: 'tokens', seed: 3 });
    const learnt = acc.trainedSupervisedTokens;
    const made = matchedPlan(short, { steps: 10, tokens: learnt, of: 'supervisedTokens', seed: 3 });
    expect(Math.abs(made.trainedSupervisedTokens - learnt)).toBeLessThan(69);
    const ids = matchedPlan(short, { steps: 10, tokens: 20_000, of: 'tokens', seed: 3 }).rows.flat();
    expect(new Set(ids.slice(0, 30).map(({ id }) => id)).size).toBe(30);
    expect(ids.length).toBeGreaterThan(30);
  });

  it('refuse more steps than the tokens can fill', () => {
    const asked = { steps: 100, tokens: 10_000, of: 'tokens', seed: 0 } as const;
    expect(() => matchedPlan(long, asked)).toThrow(/each takes an example/);
  });
});
