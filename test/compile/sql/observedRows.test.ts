import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../src/core/json.ts';
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

  it.each([
    [' count \n-------\n    42\n(1 row)\n', [[42]]],
    [' name \n------\n A\n B\n(2 rows)\n\nTime: 0.5 ms', [['A'], ['B']]],
    [' id \n----\n  1\n  2\n  3\n  4\n  5\n  6\n  7\n  8\n  9\n 10\n(10 rows)', [[1], [2], [3], [4], [5], [6], [7], [8], [9], [10]]], // prettier-ignore
    ['+----------+\n| count(*) |\n+----------+\n|       42 |\n+----------+\n1 row in set (0.00 sec)', [[42]]],
    ['┌───────┬───────┐\n│ name  │   n   │\n├───────┼───────┤\n│ Ulm   │     3 │\n├───────┴───────┤\n│ 1 rows   2 columns │\n└───────────────┘', [['Ulm', 3]]], // prettier-ignore
  ])('takes the line below a table for what it is: %j', (text, rows) => {
    expect(readObservedRows(text)).toMatchObject({ rows, isCut: false });
  });

  it.each<[JsonValue, JsonValue[][]]>([
    [{ columns: ['count'], rows: [[42]] }, [[42]]],
    [{ columns: [{ name: 'count' }], values: [[42]] }, [[42]]],
    [{ warnings: [], rows: [[42]] }, [[42]]],
    [{ rows: [], notices: [{ text: 'slow' }] }, []],
    [{ result: { columns: ['b', 'a'], data: [{ a: 1, b: 'x' }] } }, [['x', 1]]],
  ])('finds the rows in %j', (value, rows) => {
    expect(readObservedRows(JSON.stringify(value))).toMatchObject({ rows, isCut: false });
  });

  it.each([
    [
      'alice,1\nbob,2\n',
      [
        ['alice', 1],
        ['bob', 2],
      ],
    ],
    [
      '2020-01-02,x\n2020-01-03,y',
      [
        ['2020-01-02', 'x'],
        ['2020-01-03', 'y'],
      ],
    ],
    [
      'a,NULL\nb,2',
      [
        ['a', null],
        ['b', 2],
      ],
    ],
    [
      ',name,n\n0,a,\n1,b,2',
      [
        [0, 'a', ''],
        [1, 'b', 2],
      ],
    ],
    ['name,town\na,Ulm', [['a', 'Ulm']]],
    ['42', [[42]]],
  ])('tells a header of CSV from a row: %j', (text, rows) => {
    expect(readObservedRows(text)?.rows).toEqual(rows);
  });

  it.each([
    'town,2019,total\nUlm,1,2',
    ' note \n------\n a\n b\n(1 row)',
    '| a |\n|---|\n| 1 |\nDone.',
    '{"old": [[1]], "new": [[2]]}',
  ])('reads nothing where two readings are possible: %j', (text) => {
    expect(readObservedRows(text)).toBeNull();
  });

  it.each([
    JSON.stringify({ rows: [[0], [1]], row_count: 500 }),
    JSON.stringify({ result: { rows: [[0], [1]] }, truncated: true }),
    ' n \n---\n 0\n 1\n(500 rows)',
    ' n \n---\n 0\n 1\n... 498 more rows',
    'n | m\n-----\n0 | 1\n... | ...\n8 | 9',
  ])('notices that rows are left out: %j', (text) => {
    expect(readObservedRows(text)?.isCut).toBe(true);
  });

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
