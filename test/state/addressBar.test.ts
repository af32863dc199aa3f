import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { filterFromParams, filterToParams, syncFilters } from '../../src/state/filterSync.ts';
import { everyTrajectory } from '../../src/state/filters.ts';
import { formatRoute, parseRoute } from '../../src/state/route.ts';
import { syncRoute, type AddressBar } from '../../src/state/routeSync.ts';
import { createAppStore } from '../../src/state/store.ts';
import type { DataApi } from '../../src/workers/dataApi.ts';

/** A worker that never answers: the address bar needs none. */
const silent = new Proxy({} as DataApi, { get: () => () => new Promise(() => undefined) });

function bar(hash: string): AddressBar & { entries: string[]; type: (hash: string) => void } {
  const entries = [hash];
  let listener: () => void = () => undefined;
  return {
    entries,
    hash: () => entries[entries.length - 1] ?? '',
    push: (next) => void entries.push(next),
    replace: (next) => void (entries[entries.length - 1] = next),
    onChange: (listen) => {
      listener = listen;
      return () => undefined;
    },
    type: (next) => {
      entries.push(next);
      listener();
    },
  };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('routes', () => {
  it.each(['#/trajectories/a%2Fb%20%23?step=12', '#/qa/set-1/run~2?piece=p3', '#/start'])(
    '%s reads and writes alike',
    (hash) => {
      expect(formatRoute(parseRoute(hash))).toBe(hash);
    },
  );

  it('of unknown or broken addresses are Start', () => {
    for (const hash of ['', '#', '#/nowhere', '#/%E0%A4%A']) expect(parseRoute(hash).view).toBe('start');
  });
});

describe('the address bar', () => {
  it('gets an entry for each screen, and follows view state in place, not too often', () => {
    const address = bar('');
    const store = createAppStore(silent);
    syncRoute(store, address);
    const { route } = store.getState();
    route.go('trajectories');
    route.go('trajectories', ['run-1']);
    for (let step = 1; step < 50; step++) route.setParams({ step: String(step) });
    expect(address.entries.length).toBe(3);
    vi.advanceTimersByTime(300);
    expect(address.entries).toEqual(['', '#/trajectories', '#/trajectories/run-1?step=49']);
  });

  it('leads the page when the reader types or goes back', () => {
    const address = bar('#/qa');
    const store = createAppStore(silent);
    syncRoute(store, address);
    expect(store.getState().route.current.view).toBe('qa');
    address.type('#/trajectories/x?step=3');
    expect(store.getState().route.current).toEqual({
      view: 'trajectories',
      path: ['x'],
      params: { step: '3' },
    });
  });

  it('holds the filter of the table', () => {
    const filter = {
      ...everyTrajectory,
      text: 'light & house',
      kinds: ['sql' as const],
      success: ['unknown' as const],
      ranges: [
        { column: 'turnCount' as const, min: 2, max: 30 },
        { column: 'toolCallCount' as const, min: 3, max: null },
        { column: 'characterCount' as const, min: null, max: 1e6 },
      ],
    };
    const sort = { column: 'turnCount', descending: true } as const;
    const params = Object.fromEntries(
      Object.entries(filterToParams(filter, sort)).filter(
        (entry): entry is [string, string] => entry[1] !== null,
      ),
    );
    expect(params).toMatchObject({ turnCount: '2-30', toolCallCount: '3-', characterCount: '-1000000' });
    expect(filterFromParams(params)).toEqual({ filter, sort });
    expect(
      filterFromParams({ kind: 'sql.bogus', sort: '-nothing', turnCount: 'x', stepCount: '-' }),
    ).toMatchObject({
      filter: { kinds: ['sql'], ranges: [] },
      sort: { column: 'row' },
    });

    const address = bar('#/trajectories?kind=swe&q=abc');
    const store = createAppStore(silent);
    syncFilters(store);
    syncRoute(store, address);
    expect(store.getState().trajectories.filter).toMatchObject({ kinds: ['swe'], text: 'abc' });
    store.getState().trajectories.setFilter({ kinds: null });
    vi.advanceTimersByTime(300);
    expect(address.hash()).toBe('#/trajectories?q=abc');
  });
});
