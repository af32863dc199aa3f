import { describe, expect, it } from 'vitest';
import { compareRows } from '../../../src/compile/sql/compareResults.ts';
import { parseCsv, readObservedRows } from '../../../src/compile/sql/observedRows.ts';
import { renderResult, renderTable } from '../../../src/compile/sql/renderTable.ts';

describe('readObservedRows', () => {
  it.each([
    [
      "[('a', 1), ('b, c', None)]",
      [
        ['a', 1],
        ['b, c', null],
      ],
    ],
    [
      "('a', 1.5)('b\\'c', -2)",
      [
        ['a', 1.5],
        ["b'c", -2],
      ],
    ],
    ["[(Decimal('12.30'), datetime.date(2020, 1, 2), b'x')]", [[12.3, '2020-01-02', 'x']]],
    ['[(68.0,)]', [[68]]],
    ['[]', []],
    [
      'name | n\n--------\nBonn | 3\nUlm | NULL',
      [
        ['Bonn', 3],
        ['Ulm', null],
      ],
    ],
    ['+----+----+\n| a  | b  |\n+----+----+\n| 1  | x  |\n+----+----+', [[1, 'x']]],
    ['[{"a": 1, "b": "x"}]', [[1, 'x']]],
    [
      'a,b\n1,x\n2,y',
      [
        [1, 'x'],
        [2, 'y'],
      ],
    ],
    ['Query executed, empty result set.', []],
  ])('reads %j', (text, rows) => {
    expect(readObservedRows(text)?.rows).toEqual(rows);
  });

  it.each(["Error executing query: Table 'a' doesn't exist", 'It works.', ''])(
    'takes %j for no rows',
    (text) => {
      expect(readObservedRows(text)).toBeNull();
    },
  );

  it('notices cut lists', () => {
    expect(readObservedRows("[('a', 1), ('b', 2), ('c")).toMatchObject({
      rows: [
        ['a', 1],
        ['b', 2],
      ],
      isCut: true,
    });
  });
});

describe('compareRows', () => {
  it('knows equal, reordered, page and different', () => {
    expect(compareRows([[1, 'a']], [['1', 'a ']], false)).toBe('equal');
    expect(compareRows([[1], [2]], [[2], [1]], false)).toBe('equal-in-another-order');
    expect(compareRows([[1.23456789]], [[1.2346]], false)).toBe('equal');
    expect(compareRows([[1], [2]], [[1]], true)).toBe('prefix');
    expect(compareRows([[1], [2]], [[1]], false)).toBe('different');
    expect(compareRows([[1]], [[2]], false)).toBe('different');
  });
});

describe('rendering', () => {
  it('can be read back without loss', () => {
    const rows = [
      ['NULL', null, 'a "b", c', ''],
      [' x ', 1, 'line\nbreak', 'plain'],
    ];
    const text = renderTable(
      [
        { name: 'a,b', type: '' },
        { name: 'n', type: '' },
        { name: 't', type: '' },
        { name: 'e', type: '' },
      ],
      rows,
    );
    expect(text).toBe('"a,b",n,t,e\n"NULL",NULL,"a ""b"", c",""\n" x ",1,"line\nbreak",plain');
    expect(parseCsv(text).slice(1)).toEqual([
      ['NULL', 'NULL', 'a "b", c', ''],
      [' x ', '1', 'line\nbreak', 'plain'],
    ]);
  });

  it('writes a single value alone and rows with bars', () => {
    expect(renderResult([[0.1 + 0.2]])).toBe('0.3');
    expect(
      renderResult([
        ['a', 1],
        ['b', null],
      ]),
    ).toBe('a | 1\nb | NULL');
  });
});
