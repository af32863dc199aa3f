import { describe, expect, it } from 'vitest';
import type { MeasuredExample } from '../../src/check/checkExample.ts';
import { CheckTotals, judgedAgain, recordOf, type CheckRun } from '../../src/check/report.ts';
import type { AnswerScore } from '../../src/check/score.ts';
import {
  defaultVerdictOptions,
  necessaryPieces,
  verdictsOf,
  type ExampleScores,
} from '../../src/check/verdicts.ts';

/** A score of four tokens, each of probability p. */
function score(p: number, greedy = false): AnswerScore {
  return { total: 4 * Math.log(p), mean: Math.log(p), greedy };
}

/** An answer that the gold evidence tells, and nothing else does. */
const dependent: ExampleScores = {
  context: score(0.8, true),
  closedBook: score(0.02),
  goldRemoved: score(0.03),
  goldOnly: score(0.9, true),
  pieces: null,
};

const judge = (scores: Partial<ExampleScores>, options = defaultVerdictOptions): string[] =>
  verdictsOf({ ...dependent, ...scores }, options);

describe('verdicts on an example', () => {
  it('are none where the answer comes from its evidence', () => {
    expect(judge({})).toEqual([]);
  });

  it('call an answer closed-book when the question alone makes it the greedy reply, or as probable', () => {
    expect(judge({ closedBook: score(0.3, true) })).toEqual(['answers-closed-book']);
    expect(judge({ closedBook: score(0.79) })).toEqual(['answers-closed-book']);
    expect(judge({ closedBook: score(0.7) })).toEqual([]);
    // Equal, but a guess among thousands: the model does not answer at all.
    expect(judge({ context: score(0.02), closedBook: score(0.02) })).not.toContain('answers-closed-book');
  });

  it('call an answer independent of its evidence when taking the gold away does not lower it', () => {
    expect(judge({ goldRemoved: score(0.78) })).toEqual(['not-evidence-dependent']);
    expect(judge({ goldRemoved: score(0.95) })).toEqual(['not-evidence-dependent']);
    expect(judge({ goldRemoved: score(0.7) })).toEqual([]);
    expect(judge({ goldRemoved: null, goldOnly: null })).toEqual([]);
  });

  it('call gold insufficient when something else of the context told the answer', () => {
    expect(judge({ goldOnly: score(0.4) })).toEqual(['gold-insufficient']);
  });

  it('say when even the whole context leaves the answer improbable', () => {
    expect(judge({ context: score(0.09), goldOnly: score(0.09) })).toEqual(['answer-improbable']);
  });

  it('find the single piece that suffices, and count the pieces that are needed', () => {
    const chained = [
      { id: 'e1', without: score(0.1), alone: score(0.05) },
      { id: 'e2', without: score(0.2), alone: score(0.3) },
      { id: 'e3', without: score(0.81), alone: score(0.02) },
    ];
    expect(judge({ pieces: chained })).toEqual([]);
    expect(necessaryPieces({ ...dependent, pieces: chained }, defaultVerdictOptions)).toBe(2);
    const shortcut = [{ id: 'e4', without: score(0.5), alone: score(0.77) }];
    expect(judge({ pieces: [...chained, ...shortcut] })).toEqual(['one-piece-suffices']);
    expect(necessaryPieces(dependent, defaultVerdictOptions)).toBeNull();
  });

  it('move with their thresholds', () => {
    expect(judge({ goldRemoved: score(0.5) }, { margin: 1, known: 0.1 })).toEqual(['not-evidence-dependent']);
    expect(judge({}, { margin: 0.1, known: 0.81 })).toEqual(['answer-improbable']);
  });
});

describe('records of a check', () => {
  const run = { model: 'm', modelSha256: 'a', adapterSha256: null, pieces: false } as unknown as CheckRun;
  const measured: MeasuredExample = { scores: dependent, answerTokens: 4, contextTokens: 100 };

  it('keep the numbers when they are judged under other thresholds', () => {
    const record = recordOf({ id: 'x', kind: 'sql' }, 7, measured, defaultVerdictOptions, run);
    const again = judgedAgain(record, { margin: 5, known: 0.1 });
    expect(record.verdicts).toEqual([]);
    expect(again.verdicts).toEqual(['not-evidence-dependent']);
    expect({ ...again, verdicts: [], thresholds: null }).toEqual({
      ...record,
      verdicts: [],
      thresholds: null,
    });
    expect(Object.keys(again)).toEqual(Object.keys(record));
  });

  it('add up to means over the examples that have the number, and counts by verdict', () => {
    const totals = new CheckTotals();
    const add = (scores: Partial<ExampleScores>): void =>
      totals.add(
        recordOf(
          { id: 'x', kind: 'sql' },
          1,
          { ...measured, scores: { ...dependent, ...scores } },
          defaultVerdictOptions,
          run,
        ),
      );
    add({ pieces: [{ id: 'e1', without: score(0.1), alone: score(0.05) }] });
    add({ goldRemoved: null, goldOnly: null, closedBook: score(0.8) });
    const { summary } = totals;
    expect(summary).toMatchObject({ examples: 2, withPieces: 1, needingTwo: 0 });
    expect(summary.verdicts['answers-closed-book']).toBe(1);
    expect(summary.goldDrop).toBeCloseTo(Math.log(0.8) - Math.log(0.03), 4);
    expect(summary.closedBook).toBeCloseTo((Math.log(0.02) + Math.log(0.8)) / 2, 4);
  });
});
