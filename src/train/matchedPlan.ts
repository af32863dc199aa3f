import { InputError } from '../core/errors.ts';
import { Rng } from '../core/rng.ts';
import type { ExampleEntry, RowPlan } from './dataset.ts';

export interface MatchedBudget {
  readonly steps: number;
  /** Of the whole run. */
  readonly tokens: number;
  /** What `tokens` counts: all that the model reads, or what is learnt. */
  readonly of: 'tokens' | 'supervisedTokens';
  readonly seed: number | string;
}

/**
 * A plan of so many steps of one packed row each that together take `tokens`, so that arms with examples of other
 * lengths get equal updates and equal tokens. Examples are drawn epoch by epoch in an order of the seed; a step takes
 * examples until the share of all steps so far is reached, so that no run is more than one example off.
 * Run it with `packing`, without `shuffle`, and with `longestRow` as the longest row.
 */
export function matchedPlan(plan: RowPlan, budget: MatchedBudget): RowPlan {
  const entries = plan.rows.flat();
  const { steps, tokens, of, seed } = budget;
  const rows: ExampleEntry[][] = [];
  const sum = { tokens: 0, supervisedTokens: 0 };
  let order: readonly ExampleEntry[] = [];
  let taken = 0;
  for (let step = 1; step <= steps; step++) {
    const row: ExampleEntry[] = [];
    const share = (tokens * step) / steps;
    for (;;) {
      const at = taken % entries.length;
      if (at === 0) order = new Rng(`${seed}/matched/${taken / entries.length}`).shuffle(entries);
      const entry = order[at]!;
      // Takes the example when that ends nearer to the share than leaving it.
      if (row.length > 0 && sum[of] + entry[of] / 2 > share) break;
      row.push(entry);
      sum.tokens += entry.tokens;
      sum.supervisedTokens += entry.supervisedTokens;
      taken++;
    }
    rows.push(row);
  }
  if (Math.abs(sum[of] - tokens) > Math.max(...entries.map((entry) => entry[of]))) {
    throw new InputError('too-many-steps', 'The steps are too many for the tokens: each takes an example', {
      expected: `about ${tokens} tokens in ${steps} steps`,
      actual: `${sum[of]}`,
      advice: 'ask for fewer steps or more tokens a step',
    });
  }
  return {
    ...plan,
    rows,
    trainedTokens: sum.tokens,
    trainedSupervisedTokens: sum.supervisedTokens,
    rowsPerStep: 1,
    stepsPerEpoch: steps,
    totalSteps: steps,
  };
}

/** Tokens of the longest row. */
export function longestRow({ rows }: RowPlan): number {
  return Math.max(...rows.map((row) => row.reduce((sum, entry) => sum + entry.tokens, 0)));
}

/** Tokens of the longest example. */
export function longestExample({ rows }: RowPlan): number {
  return Math.max(...rows.flat().map(({ tokens }) => tokens));
}
