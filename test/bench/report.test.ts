import { describe, expect, it } from 'vitest';
import { verdicts, type BenchRow } from '../../src/bench/report.ts';
import { median, timeInTurns } from '../../src/bench/timing.ts';

function row(engine: string, rate: number, changes: Partial<BenchRow> = {}): BenchRow {
  return {
    suite: 'dense',
    lane: 'corrected',
    test: 'decode',
    engine,
    runsOn: 'gpu',
    medianMs: 1000 / rate,
    minMs: 1000 / rate,
    rate,
    unit: 'tokens/s',
    counts: null,
    difference: 0,
    correct: true,
    note: '',
    ...changes,
  };
}

describe('verdicts', () => {
  it('compare with the fastest peer that is correct and runs on the same adapter', () => {
    const rows = [
      row('ours', 60),
      row('slow', 2),
      row('peer', 5),
      row('wrong', 900, { correct: false }),
      row('cpu', 900, { runsOn: 'cpu' }),
      row('other lane', 900, { lane: 'shipped' }),
    ];
    expect(verdicts(rows)).toMatchObject([{ peer: 'peer', ratio: 12, target: 10, met: true }]);
  });

  it('are not met by wrong results of ours, and absent without a correct peer', () => {
    expect(verdicts([row('ours', 60, { correct: false }), row('peer', 1)])).toMatchObject([{ met: false }]);
    expect(verdicts([row('ours', 60), row('peer', 1, { correct: false })])).toEqual([]);
  });
});

describe('timing', () => {
  it('takes contestants in turns after a warm-up of each', async () => {
    const order: string[] = [];
    const contestant = (name: string) => ({
      name,
      run: () => {
        order.push(name);
        return Promise.resolve();
      },
    });
    await timeInTurns([contestant('a'), contestant('b')], 2);
    expect(order.join('')).toBe('ababab');
  });

  it('the median of an even number is a measured value', () => {
    expect(median([4, 1, 3, 2])).toBe(2);
    expect(median([5, 1, 3])).toBe(3);
  });
});
