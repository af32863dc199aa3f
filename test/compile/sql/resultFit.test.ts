import { describe, expect, it } from 'vitest';
import type { SqlCell } from '../../../src/compile/sql/engine.ts';
import { fitResult } from '../../../src/compile/sql/resultFit.ts';

/** What a result is for a text: the whole of it, part of it, or nothing. */
function fit(rows: SqlCell[][], text: string, leastShare = 1): 'whole' | 'part' | 'none' {
  const found = fitResult(rows, text, leastShare);
  return found === null ? 'none' : found.isWhole ? 'whole' : 'part';
}

describe('a result and the text that states the answer', () => {
  it.each<[SqlCell[][], string]>([
    [[['Ann']], 'ann'],
    [[['Ann'], ['Bob']], 'Bob, Ann'],
    [[['Ann', 29]], 'Ann (29)'],
    [[[1200]], '1,200'],
    [[['1200.00']], '1200'],
    [[[3.14159]], '3.14'],
    [[[3.149]], '3.14'],
    [[[0.4211]], '42.1%'],
    [[[5]], 'five'],
    [[[null]], 'NULL'],
    [[['1998-03-19']], 'March 19, 1998'],
    [[['1998-03-19 00:00:00']], '19 March 1998'],
  ])('fit: %j is %s', (rows, text) => expect(fit(rows, text)).toBe('whole'));

  it.each<[SqlCell[][], string]>([
    [[[2]], 'Ann'],
    [[['Ann'], ['Bob'], ['Cid']], 'Ann'],
    [[[3.2]], '3.1'],
    [[[34]], '3'],
    [[[2]], 'version 1.2'],
    [[[1]], '1. Ann\n2. Bob'],
    [[['An']], 'Ann'],
    [[['1998-03-20']], 'March 19, 1998'],
    [[[null]], 'Ann'],
    [[], 'Ann'],
  ])('do not fit: %j is not %s', (rows, text) => expect(fit(rows, text)).toBe('none'));

  it.each<[SqlCell[][], string]>([
    [[['Ann', 29]], 'Ann'],
    [[['Bob']], 'Ann, Bob'],
    [[[3512345]], '3.5 million'],
    [[['Ann Smith of Leeds']], 'Ann Smith'],
  ])('fit in part: %j and %s', (rows, text) => expect(fit(rows, text)).toBe('part'));

  it('fit prose that sums the rows up, when it names enough of them', () => {
    const rows = [['Ann'], ['Bob'], ['Cid'], ['Dan']];
    expect(fit(rows, 'Ann, Bob, Cid and one more sang there.', 0.5)).toBe('part');
    expect(fit(rows, 'Ann sang there.', 0.5)).toBe('none');
    expect(fit([[0]], 'No singer is older.', 0.5)).not.toBe('none');
  });
});
