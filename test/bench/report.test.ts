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
      row('onnxruntime-web slow', 2),
      row('onnxruntime-web', 5),
      row('onnxruntime-web wrong', 900, { correct: false }),
      row('onnxruntime-web on the CPU', 900, { runsOn: 'cpu' }),
      row('onnxruntime-web in the other lane', 900, { lane: 'shipped' }),
    ];
    expect(verdicts(rows)).toMatchObject([{ peer: 'onnxruntime-web', ratio: 12, target: 10, met: true }]);
  });

  it('of a model ask for its target against onnxruntime-web, and for no less than any other peer', () => {
    const rows = [row('ours', 60), row('onnxruntime-web', 5), row('jax-js', 40)];
    expect(verdicts(rows)).toMatchObject([
      { peer: 'onnxruntime-web', ratio: 12, target: 10, met: true },
      { peer: 'jax-js', ratio: 1.5, target: 1, met: true },
    ]);
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
