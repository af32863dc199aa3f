import type {
  EditHistory,
  EvidencePositions,
  ExampleDetail,
  ExampleFacets,
  ExampleFilter,
  ExampleNumberColumn,
  ExampleQuery,
  ExampleRow,
  ExampleTokens,
  ExportRequest,
  ExportResult,
  Histogram,
  Result,
} from '../workers/dataApi.ts';
import { everyExample } from './filters.ts';
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

/** The table of compiled examples of one set, and the example opened from it. */
export interface ExamplesSlice {
  readonly setId: string | null;
  readonly revision: number;
  readonly filter: ExampleFilter;
  readonly sort: ExampleQuery['sort'];
  readonly rows: PagedRows<ExampleRow>;
  readonly facets: ExampleFacets | null;
  /** Lengths by agent kind under the filter (Fig. 3 of the paper). */
  readonly histogram: Histogram | null;
  readonly positions: readonly EvidencePositions[] | null;
  readonly selected: ReadonlySet<string>;
  readonly cursor: number;
  readonly edits: EditHistory;
  readonly opened: Loadable<ExampleDetail> & { readonly id: string | null };
  /** Token offsets of the opened example; they follow the text, which does not wait for them. */
  readonly tokens: ExampleTokens | null;

  /** Shows another set; the filter is cleared. */
  readonly chooseSet: (setId: string | null) => void;
  readonly receiveChange: (setId: string, revision: number) => void;
  readonly setFilter: (changes: Partial<ExampleFilter>) => void;
  readonly clearFilter: () => void;
  readonly setSort: (column: ExampleQuery['sort']['column'], descending?: boolean) => void;
  readonly showRows: (first: number, last: number) => void;
  readonly loadHistogram: (column?: ExampleNumberColumn, binWidth?: number | null) => Promise<void>;
  readonly loadPositions: (binCount?: number) => Promise<void>;
  readonly setCursor: (position: number) => void;
  readonly select: (ids: readonly string[], mode: 'replace' | 'add' | 'toggle') => void;
  /** Adds the rows at these positions (inclusive, either way round), loaded or not. */
  readonly selectRange: (from: number, to: number) => Promise<void>;
  /** Selects what passes the filter, and nothing else. */
  readonly selectAll: () => Promise<void>;
  readonly clearSelection: () => void;
  readonly exclude: (ids: readonly string[], excluded: boolean) => Promise<void>;
  readonly undo: () => Promise<void>;
  readonly redo: () => Promise<void>;
  readonly open: (id: string) => Promise<void>;
  readonly close: () => void;
  /** Exports and resolves when the file is ready; a `File` result is saved as a download. */
  readonly exportSet: (request: ExportRequest) => Promise<Result<ExportResult>>;
}

const initialExamplesState: Pick<
  ExamplesSlice,
  | 'setId'
  | 'revision'
  | 'filter'
  | 'sort'
  | 'rows'
  | 'facets'
  | 'histogram'
  | 'positions'
  | 'selected'
  | 'cursor'
  | 'edits'
  | 'opened'
  | 'tokens'
> = {
  setId: null,
  revision: 0,
  filter: everyExample,
  sort: { column: 'row', descending: false },
  rows: noRows,
  facets: null,
  histogram: null,
  positions: null,
  selected: new Set(),
  cursor: 0,
  edits: { undo: null, redo: null },
  opened: { id: null, status: 'idle' },
  tokens: null,
};

export const createExamplesSlice: SliceCreator<ExamplesSlice> = ({ set, get, app, data }) => {
  let window = { first: 0, last: pageSize - 1 };
  const underWay = new Set<string>();
  let histogramOf: { column: ExampleNumberColumn; binWidth: number | null } | null = null;

  const queryKey = (): string => JSON.stringify([get().setId, get().filter, get().sort, get().revision]);

  const loadPages = (): void => {
    const { setId } = get();
    if (setId === null) return;
    const key = queryKey();
    for (const page of missingPages(get().rows, window.first, window.last)) {
      const request = `${key}#${page}`;
      if (underWay.has(request)) continue;
      underWay.add(request);
      void data
        .queryExamples({
          setId,
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

  const loadSummaries = async (): Promise<void> => {
    const { setId, filter } = get();
    if (setId === null) return;
    const key = queryKey();
    const [facets, edits] = await Promise.all([data.exampleFacets(setId, filter), data.editHistory(setId)]);
    if (queryKey() !== key) return;
    set({ facets, edits });
    if (histogramOf) await get().loadHistogram(histogramOf.column, histogramOf.binWidth);
    if (get().positions) await get().loadPositions();
  };

  const requery = (): void => {
    set(({ rows }) => ({ rows: { ...rows, outdated: true } }));
    loadPages();
    void loadSummaries();
  };

  const selectRows = async (rows: RowRange, mode: 'replace' | 'add'): Promise<void> => {
    const { setId, filter, sort } = get();
    if (setId === null) return;
    const ids = await data.exampleIds({ setId, filter, sort, ...rows });
    if (get().setId === setId) get().select(ids, mode);
  };

  const step = async (direction: 'undo' | 'redo'): Promise<void> => {
    const { setId } = get();
    if (setId === null) return;
    const result = await data[direction](setId);
    if (result.ok) set({ edits: result.value });
    else app().ui.notify('error', result.message, result.advice ?? undefined);
  };

  return {
    ...initialExamplesState,
    chooseSet: (setId) => {
      if (get().setId === setId) return;
      const { revision } = get();
      set({ ...initialExamplesState, selected: new Set(), setId, revision });
      requery();
    },
    receiveChange: (setId, revision) => {
      if (get().setId !== setId || get().revision === revision) return;
      set({ revision });
      requery();
    },
    setFilter: (changes) => {
      set(({ filter }) => ({ filter: { ...filter, ...changes }, cursor: 0 }));
      requery();
    },
    clearFilter: () => get().setFilter(everyExample),
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
    loadHistogram: async (column = 'promptTokens', binWidth = null) => {
      const { setId, filter } = get();
      if (setId === null) return;
      histogramOf = { column, binWidth };
      const histogram = await data.exampleHistogram(setId, filter, column, binWidth);
      if (get().setId === setId) set({ histogram });
    },
    loadPositions: async (binCount = 20) => {
      const { setId } = get();
      if (setId === null) return;
      const positions = await data.evidencePositions(setId, binCount);
      if (get().setId === setId) set({ positions });
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
    selectRange: (from, to) => selectRows(rangeOf(from, to), 'add'),
    selectAll: () => selectRows(everyRow, 'replace'),
    clearSelection: () => set({ selected: new Set() }),
    exclude: async (ids, excluded) => {
      const { setId } = get();
      if (setId === null || ids.length === 0) return;
      const label = `${excluded ? 'exclude' : 'include'} ${ids.length === 1 ? 'an example' : `${ids.length} examples`}`;
      const result = await data.excludeExamples(setId, ids, excluded, label);
      if (result.ok) set({ edits: result.value });
      else app().ui.notify('error', result.message, result.advice ?? undefined);
    },
    undo: () => step('undo'),
    redo: () => step('redo'),
    open: async (id) => {
      const { setId } = get();
      if (setId === null) return;
      if (get().opened.id !== id) set({ opened: { id, status: 'loading' }, tokens: null });
      const result = await data.readExample(setId, id, { filter: get().filter, sort: get().sort });
      if (get().opened.id !== id) return;
      if (!result.ok) {
        const { code, message, advice } = result;
        return set({ opened: { id, status: 'failed', code, message, advice } });
      }
      set({ opened: { id, status: 'ready', value: result.value } });
      const tokens = await data.measureExample(setId, id);
      if (get().opened.id === id && tokens.ok) set({ tokens: tokens.value });
    },
    close: () => set({ opened: { id: null, status: 'idle' }, tokens: null }),
    exportSet: async (request) => {
      const started = await data.exportSet(request);
      if (!started.ok) return started;
      const result = await data.exportResult(started.value.jobId);
      if (result.ok && result.value.file) saveAsDownload(result.value.file, result.value.fileName);
      return result;
    },
  };
};

/** Hands a file to the browser's downloads. The address is let go once the browser has taken it. */
function saveAsDownload(file: File, fileName: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
