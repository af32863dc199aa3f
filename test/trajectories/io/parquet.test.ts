import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import { asyncBuffer, readParquetFooter, readParquetRows } from '../../../src/trajectories/io/parquetRows.ts';
import {
  parquetWindows,
  readParquetRow,
  type RowWindow,
} from '../../../src/trajectories/io/parquetWindows.ts';
import { memorySource } from '../../../src/trajectories/io/sources.ts';
import { Yielder } from '../../../src/trajectories/io/yielder.ts';
import { importBytes } from './episodes.ts';

const ROWS = 1500;

type WriteOptions = Parameters<typeof parquetWriteBuffer>[0];

const messageSchema: WriteOptions['schema'] = [
  { name: 'root', num_children: 4 },
  { name: 'id', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
  { name: 'kind', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
  { name: 'number', type: 'INT64', repetition_type: 'OPTIONAL' },
  { name: 'messages', repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  { name: 'element', repetition_type: 'OPTIONAL', num_children: 2 },
  { name: 'role', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
  { name: 'content', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
];

/** A nested table with nulls, empty lists, a dictionary column and texts from one word to some kilobytes. */
function tableOf(options: Partial<WriteOptions>): Uint8Array {
  const rows = Array.from({ length: ROWS }, (_, index) => index);
  const messages = rows.map((row) =>
    row % 11 === 0
      ? null
      : Array.from({ length: row % 7 }, (_, turn) => ({
          role: turn % 2 === 0 ? 'user' : 'assistant',
          content: (row + turn) % 9 === 0 ? null : `text ${row}.${turn} é `.repeat(1 + ((row * turn) % 40)),
        })),
  );
  const buffer = parquetWriteBuffer({
    schema: messageSchema,
    columnData: [
      { name: 'id', data: rows.map((row) => `id ${row}`) },
      { name: 'kind', data: rows.map((row) => (row % 10 === 0 ? null : ['a', 'b', 'c'][row % 3])) },
      { name: 'number', data: rows.map((row) => (row % 2 === 0 ? null : BigInt(row) * 2n ** 50n)) },
      { name: 'messages', data: messages },
    ],
    rowGroupSize: 1_000_000,
    ...options,
  });
  return new Uint8Array(buffer);
}

async function windowsOf(bytes: Uint8Array): Promise<RowWindow[]> {
  const source = memorySource('table', bytes);
  const footer = await readParquetFooter(source, bytes.length);
  const sizes = { wholeGroupBytes: 0, windowBytes: 40_000 };
  const windows: RowWindow[] = [];
  for await (const window of parquetWindows(
    source,
    bytes.length,
    footer,
    new Yielder(undefined, 'x'),
    sizes,
  )) {
    windows.push(window);
  }
  return windows;
}

async function rowsAtOnce(bytes: Uint8Array): Promise<JsonObject[]> {
  const footer = await readParquetFooter(memorySource('table', bytes), bytes.length);
  return readParquetRows(asyncBuffer(memorySource('table', bytes), bytes.length), footer, 0, ROWS);
}

describe('row groups read page by page', () => {
  const tables: Record<string, Partial<WriteOptions>> = {
    'small pages': { pageSize: 3000 },
    'tiny pages in several groups': { pageSize: 500, rowGroupSize: 400 },
    'uncompressed pages': { pageSize: 3000, codec: 'UNCOMPRESSED' },
    'large pages': {},
  };
  for (const [name, options] of Object.entries(tables)) {
    it(`give the rows that reading at once gives (${name})`, async () => {
      const bytes = tableOf(options);
      const windows = await windowsOf(bytes);
      expect(windows.length).toBeGreaterThan(10);
      expect(windows.flatMap((window) => window.rows)).toEqual(await rowsAtOnce(bytes));
    });
  }

  it('give one row by the pages that its window began with', async () => {
    const bytes = tableOf({ pageSize: 3000 });
    const source = memorySource('table', bytes);
    for (const window of (await windowsOf(bytes)).filter((_, index) => index % 7 === 0)) {
      const last = window.rows.length - 1;
      const place = { type: 'row', row: window.firstRow + last, pages: window.pages } as const;
      expect(await readParquetRow(source, place)).toEqual(window.rows[last]);
    }
  });

  it('pass over damaged pages and keep the rows around them', async () => {
    const bytes = tableOf({ pageSize: 3000, codec: 'UNCOMPRESSED', rowGroupSize: 500 });
    const footer = await readParquetFooter(memorySource('table', bytes), bytes.length);
    // The second group's text column: its page headers become nonsense.
    const column = footer.row_groups[1]!.columns[4]!.meta_data!;
    const at = Number(column.data_page_offset);
    bytes.fill(0xff, at + 6000, at + 9000);
    const windows = await windowsOf(bytes);
    const read = windows.reduce((sum, window) => sum + window.rows.length, 0);
    expect(windows.some((window) => window.problem !== null)).toBe(true);
    expect(read).toBeGreaterThanOrEqual(1000);
    expect(windows.at(-1)?.rows.at(-1)?.['id']).toBe(`id ${ROWS - 1}`);
  });
});

describe('Parquet values', () => {
  it('become plain JSON: exact integers, digits beyond, ISO times, JSON text as text', async () => {
    const buffer = parquetWriteBuffer({
      columnData: [
        { name: 'episode', data: [12n, 2n ** 60n], type: 'INT64' },
        { name: 'ask', data: ['a', 'b'], type: 'STRING' },
        { name: 'when', data: [new Date(0), new Date(1e12)], type: 'TIMESTAMP' },
        { name: 'extra', data: [{ a: 1 }, [1, 2]], type: 'JSON' },
        { name: 'score', data: [0.5, Number.NaN], type: 'DOUBLE' },
      ],
    });
    const bytes = new Uint8Array(buffer);
    const footer = await readParquetFooter(memorySource('t', bytes), bytes.length);
    expect(await readParquetRows(asyncBuffer(memorySource('t', bytes), bytes.length), footer, 0, 2)).toEqual([
      { episode: 12, ask: 'a', when: '1970-01-01T00:00:00.000Z', extra: '{"a":1}', score: 0.5 },
      {
        episode: '1152921504606846976',
        ask: 'b',
        when: '2001-09-09T01:46:40.000Z',
        extra: '[1,2]',
        score: null,
      },
    ]);
    const { ids, files } = await importBytes(bytes, { name: 'table.parquet' });
    expect(ids).toEqual(['12', '1152921504606846976']);
    expect(files).toEqual(['table.parquet']);
  });

  it('report a table that is cut', async () => {
    const bytes = tableOf({});
    expect((await importBytes(bytes.subarray(0, 2000))).codes).toEqual(['damaged-table']);
  });
});
