import { describe, expect, it } from 'vitest';
import {
  InternedColumn,
  loadColumns,
  NumberColumn,
  saveColumns,
  TextColumn,
} from '../../src/workers/columns.ts';

function filled(count: number): { id: TextColumn; kind: InternedColumn; size: NumberColumn } {
  const columns = { id: new TextColumn(), kind: new InternedColumn(), size: new NumberColumn() };
  for (let i = 0; i < count; i++) {
    columns.id.push(`run ${i} naïve 😀`);
    columns.kind.push(i % 3 === 0 ? 'search' : 'sql');
    columns.size.push(i % 5 === 0 ? null : i / 2);
  }
  return columns;
}

describe('columns', () => {
  it('hold texts, repeated texts and numbers with gaps beyond their first size', () => {
    const { id, kind, size } = filled(5000);
    expect(id.at(4321)).toBe('run 4321 naïve 😀');
    expect([kind.at(0), kind.at(1), kind.values.length]).toEqual(['search', 'sql', 2]);
    expect([size.orNull(10), size.at(11)]).toEqual([null, 5.5]);
  });

  it('come back from their bytes', async () => {
    const bytes = new Uint8Array(await saveColumns(filled(3000), 3000).arrayBuffer());
    const read = { id: new TextColumn(), kind: new InternedColumn(), size: new NumberColumn() };
    expect(loadColumns(read, bytes)).toBe(true);
    expect([read.id.length, read.id.at(2999), read.kind.at(2999), read.size.at(2999)]).toEqual([
      3000,
      'run 2999 naïve 😀',
      'sql',
      1499.5,
    ]);
    read.id.push('one more');
    expect(read.id.at(3000)).toBe('one more');
  });

  it('refuse bytes that are cut or of another table', async () => {
    const bytes = new Uint8Array(await saveColumns(filled(10), 10).arrayBuffer());
    const fresh = (): Record<string, TextColumn | NumberColumn> => ({ id: new TextColumn() });
    expect(loadColumns(fresh(), bytes.subarray(0, bytes.length - 3))).toBe(false);
    expect(loadColumns({ ...fresh(), other: new NumberColumn() }, bytes)).toBe(false);
    expect(loadColumns(fresh(), new TextEncoder().encode('something else'))).toBe(false);
  });
});
