import { describe, expect, it } from 'vitest';
import { rowAt } from '../../src/state/pagedRows.ts';
import { createAppStore, type AppState } from '../../src/state/store.ts';
import type { DataApi, ExampleQuery, TrajectoryQuery } from '../../src/workers/dataApi.ts';

const rowCount = 5000;

/** The ids of a query's rows as a worker tells them: `r0` … or, with a filter, those that hold its text. */
function idsOf({ filter, sort, offset, limit }: TrajectoryQuery | ExampleQuery): string[] {
  const ids = Array.from({ length: rowCount }, (_, row) => `r${row}`).filter((id) =>
    id.includes(filter.text),
  );
  return (sort.descending ? ids.reverse() : ids).slice(offset, offset + limit);
}

const answers: Partial<DataApi> = {
  trajectoryIds: async (query) => idsOf(query),
  exampleIds: async (query) => idsOf(query),
  openTrajectory: async (id) => {
    const position = Number(id.slice(1));
    const neighbours = { previous: null, next: null, position, total: rowCount };
    return { ok: true, value: { neighbours } } as unknown as Awaited<ReturnType<DataApi['openTrajectory']>>;
  },
};
/** A worker that tells ids, and no page of rows. */
const data = new Proxy(answers, {
  get: (known, name: keyof DataApi) => known[name] ?? (() => new Promise(() => undefined)),
}) as DataApi;

type TableSlice = AppState['trajectories' | 'examples'];

describe.each(['trajectories', 'examples'] as const)('the selection of %s', (name) => {
  const open = (): (() => TableSlice) => {
    const store = createAppStore(data);
    store.getState().examples.chooseSet('set-1');
    return () => store.getState()[name];
  };

  it('holds every row of a range, also those that are not loaded, whichever end comes first', async () => {
    const table = open();
    expect(rowAt<unknown>(table().rows, 1000)).toBeUndefined();
    table().select(['r7'], 'replace');
    await table().selectRange(4200, 1000);
    expect(table().selected.size).toBe(1 + 3201);
    expect(['r7', 'r1000', 'r2600', 'r4200'].every((id) => table().selected.has(id))).toBe(true);
  });

  it('can be all that passes the filter, and nothing else', async () => {
    const table = open();
    table().select(['r7'], 'replace');
    table().setFilter({ text: 'r49' });
    await table().selectAll();
    expect(table().selected.size).toBe(1 + 10 + 100);
    expect(table().selected.has('r7')).toBe(false);
  });

  it('follows the order of the table', async () => {
    const table = open();
    table().setSort('row', true);
    await table().selectRange(0, 1);
    expect([...table().selected]).toEqual(['r4999', 'r4998']);
  });
});

it('a trajectory that was read is where its table opens again', async () => {
  const store = createAppStore(data);
  await store.getState().trajectories.open('r4321');
  expect(store.getState().trajectories.cursor).toBe(4321);
});
