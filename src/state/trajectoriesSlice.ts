import type { AgentKind } from '../trajectories/schema.ts';
import type {
  Histogram,
  RawText,
  Result,
  TextHits,
  TrajectoryDetail,
  TrajectoryFacets,
  TrajectoryFilter,
  TrajectoryNumberColumn,
  TrajectoryQuery,
  TrajectoryRow,
} from '../workers/dataApi.ts';
import { everyTrajectory } from './filters.ts';
import {
  everyRow,
  missingPages,
  noRows,
  pageSize,
  rangeOf,
  withPage,
  type PagedRows,
  type RowRange,
} from './pagedRows.ts';
import type { Loadable, SliceCreator } from './slice.ts';

/** The table of trajectories and the one opened from it. */
export interface TrajectoriesSlice {
  /** Trajectories in the project, whatever the filter. */
  readonly count: number;
  readonly revision: number;
  readonly filter: TrajectoryFilter;
  readonly sort: TrajectoryQuery['sort'];
  readonly rows: PagedRows<TrajectoryRow>;
  readonly facets: TrajectoryFacets | null;
  readonly histograms: Readonly<Partial<Record<TrajectoryNumberColumn, Histogram>>>;
  /** Ids of selected rows. */
  readonly selected: ReadonlySet<string>;
  /** Position of the keyboard cursor in the table. */
  readonly cursor: number;
  readonly opened: Loadable<TrajectoryDetail> & { readonly id: string | null };

  readonly receiveIndex: (count: number, revision: number) => void;
  readonly setFilter: (changes: Partial<TrajectoryFilter>) => void;
  readonly clearFilter: () => void;
  readonly setSort: (column: TrajectoryQuery['sort']['column'], descending?: boolean) => void;
  /** Asks for the rows that are about to be seen. Positions inclusive. */
  readonly showRows: (first: number, last: number) => void;
  readonly loadHistogram: (column: TrajectoryNumberColumn) => Promise<void>;
  readonly setCursor: (position: number) => void;
  readonly select: (ids: readonly string[], mode: 'replace' | 'add' | 'toggle') => void;
  /** Adds the rows at these positions (inclusive, either way round), loaded or not. */
  readonly selectRange: (from: number, to: number) => Promise<void>;
  /** Selects what passes the filter, and nothing else. */
  readonly selectAll: () => Promise<void>;
  readonly clearSelection: () => void;
  readonly setKind: (ids: readonly string[], kind: AgentKind | null) => Promise<void>;
  readonly exclude: (ids: readonly string[], excluded: boolean) => Promise<void>;
  /** Opens one for reading (the view does this from the route). */
  readonly open: (id: string) => Promise<void>;
  readonly close: () => void;
  /** Reads what is open from the project that has taken the place of another. */
  readonly reopen: () => void;
  readonly search: (id: string, text: string) => Promise<TextHits | null>;
  /** The rest of a long step; null when the file is not at hand any more (said in a message). */
  readonly readStepText: (id: string, step: number, start: number, end: number) => Promise<string | null>;
  readonly readRaw: (
    id: string,
    form: 'raw' | 'json',
    start: number,
    end: number,
  ) => Promise<Result<RawText>>;
}

const initialTrajectoriesState: Pick<
  TrajectoriesSlice,
  | 'count'
  | 'revision'
  | 'filter'
  | 'sort'
  | 'rows'
  | 'facets'
  | 'histograms'
  | 'selected'
  | 'cursor'
  | 'opened'
> = {
  count: 0,
  revision: 0,
  filter: everyTrajectory,
  sort: { column: 'row', descending: false },
  rows: noRows,
  facets: null,
  histograms: {},
  selected: new Set(),
  cursor: 0,
  opened: { id: null, status: 'idle' },
};

const histogramBins = 24;
/** Most hits shown in one trajectory. */
const maxHits = 5000;

export const createTrajectoriesSlice: SliceCreator<TrajectoriesSlice> = ({ set, get, app, data }) => {
  let window = { first: 0, last: pageSize - 1 };
  const underWay = new Set<string>();

  const queryKey = (): string => JSON.stringify([get().filter, get().sort, get().revision]);

  const loadPages = (): void => {
    const key = queryKey();
    for (const page of missingPages(get().rows, window.first, window.last)) {
      const request = `${key}#${page}`;
      if (underWay.has(request)) continue;
      underWay.add(request);
      void data
        .queryTrajectories({
          filter: get().filter,
          sort: get().sort,
          offset: page * pageSize,
          limit: pageSize,
        })
        .then((answer) => {
          if (queryKey() !== key) return;
          set(({ rows }) => ({ rows: withPage(rows, page, answer.rows, answer.total) }));
        })
        .finally(() => underWay.delete(request));
    }
  };

  const idsAt = (rows: RowRange): Promise<readonly string[]> =>
    data.trajectoryIds({ filter: get().filter, sort: get().sort, ...rows });

  let facetsUnderWay: string | null = null;
  const loadFacets = (): void => {
    const key = queryKey();
    if (facetsUnderWay === key) return;
    facetsUnderWay = key;
    void data.trajectoryFacets(get().filter).then((facets) => {
      facetsUnderWay = null;
      if (queryKey() === key) set({ facets });
      else loadFacets();
    });
    for (const column of Object.keys(get().histograms)) {
      void get().loadHistogram(column as TrajectoryNumberColumn);
    }
  };

  const requery = (): void => {
    set(({ rows }) => ({ rows: { ...rows, outdated: true } }));
    loadPages();
    loadFacets();
  };

  return {
    ...initialTrajectoriesState,
    receiveIndex: (count, revision) => {
      if (get().revision === revision && get().count === count) return;
      set({ count, revision });
      requery();
    },
    setFilter: (changes) => {
      set(({ filter }) => ({ filter: { ...filter, ...changes }, cursor: 0 }));
      requery();
    },
    clearFilter: () => get().setFilter(everyTrajectory),
    setSort: (column, descending) => {
      const { sort } = get();
      const flipped = sort.column === column ? !sort.descending : false;
      set({ sort: { column, descending: descending ?? flipped }, cursor: 0 });
      requery();
    },
    showRows: (first, last) => {
      window = { first, last };
      loadPages();
    },
    loadHistogram: async (column) => {
      const histogram = await data.trajectoryHistogram(get().filter, column, histogramBins);
      set(({ histograms }) => ({ histograms: { ...histograms, [column]: histogram } }));
    },
    setCursor: (cursor) => set({ cursor }),
    select: (ids, mode) =>
      set(({ selected }) => {
        const next = new Set(mode === 'replace' ? [] : selected);
        for (const id of ids) {
          if (mode === 'toggle' && next.has(id)) next.delete(id);
          else next.add(id);
        }
        return { selected: next };
      }),
    selectRange: async (from, to) => get().select(await idsAt(rangeOf(from, to)), 'add'),
    selectAll: async () => get().select(await idsAt(everyRow), 'replace'),
    clearSelection: () => set({ selected: new Set() }),
    setKind: async (ids, kind) => {
      const result = await data.setKind(ids, kind);
      if (!result.ok) return app().ui.notify('error', result.message, result.advice ?? undefined);
      const { opened } = get();
      if (opened.id !== null && ids.includes(opened.id)) await get().open(opened.id);
    },
    exclude: async (ids, excluded) => {
      const result = await data.excludeTrajectories(ids, excluded);
      if (!result.ok) app().ui.notify('error', result.message, result.advice ?? undefined);
    },
    open: async (id) => {
      if (get().opened.id !== id) set({ opened: { id, status: 'loading' } });
      const result = await data.openTrajectory(id, { filter: get().filter, sort: get().sort });
      if (get().opened.id !== id) return;
      if (result.ok) {
        const { position } = result.value.neighbours;
        // The table is found again where reading ended.
        set(({ cursor }) => ({
          opened: { id, status: 'ready', value: result.value },
          cursor: position ?? cursor,
        }));
      } else {
        const { code, message, advice } = result;
        set({ opened: { id, status: 'failed', code, message, advice } });
      }
    },
    close: () => set({ opened: { id: null, status: 'idle' } }),
    reopen: () => {
      const { id } = get().opened;
      get().close();
      if (id !== null) void get().open(id);
    },
    search: async (id, text) => {
      const result = await data.searchTrajectory(id, text, maxHits);
      return result.ok ? result.value : null;
    },
    readStepText: async (id, step, start, end) => {
      const result = await data.readStepText(id, step, start, end);
      if (result.ok) return result.value;
      app().ui.notify('error', result.message, result.advice ?? undefined);
      return null;
    },
    readRaw: (id, form, start, end) => data.readRaw(id, form, start, end),
  };
};
