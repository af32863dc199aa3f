import type { AgentKind } from '../trajectories/schema.ts';
import type {
  SuccessValue,
  TrajectoryFilter,
  TrajectoryNumberColumn,
  TrajectoryQuery,
  TrajectorySortColumn,
} from '../workers/dataApi.ts';
import { everyTrajectory, withRange } from './filters.ts';
import type { AppStore } from './store.ts';

type Params = Readonly<Record<string, string>>;

const kinds: readonly AgentKind[] = ['search', 'swe', 'sql', 'other'];
const successes: readonly SuccessValue[] = ['yes', 'no', 'unknown'];
const rangeColumns: readonly TrajectoryNumberColumn[] = [
  'turnCount',
  'stepCount',
  'toolCallCount',
  'documentCount',
  'queryCount',
  'characterCount',
  'issueCount',
];
const sortColumns: readonly TrajectorySortColumn[] = [
  ...rangeColumns,
  ...(['row', 'id', 'kind', 'format', 'file', 'success', 'reward', 'task', 'answer'] as const),
];
/** Parameters of the table's address; others belong to someone else. */
const ownParams = ['q', 'kind', 'format', 'file', 'success', 'issues', 'excluded', 'sort', ...rangeColumns];

const bound = (text: string | undefined): number | null => (text === undefined ? null : Number(text));
const list = (values: readonly (string | number)[] | null): string | null => values?.join('.') ?? null;

/** The table's filter and order as readable parameters; null for what is at its default. */
export function filterToParams(
  filter: TrajectoryFilter,
  sort: TrajectoryQuery['sort'],
): Record<string, string | null> {
  const ranges = new Map(filter.ranges.map(({ column, min, max }) => [column, `${min ?? ''}-${max ?? ''}`]));
  return {
    q: filter.text || null,
    kind: list(filter.kinds),
    format: list(filter.formats),
    file: list(filter.fileIds),
    success: list(filter.success),
    issues: filter.onlyWithIssues ? '1' : null,
    excluded: filter.excluded === 'show' ? null : filter.excluded,
    sort: sort.column === 'row' && !sort.descending ? null : (sort.descending ? '-' : '') + sort.column,
    ...Object.fromEntries(rangeColumns.map((column) => [column, ranges.get(column) ?? null])),
  };
}

/** Reads what `filterToParams` wrote; unknown values are dropped. */
export function filterFromParams(params: Params): {
  filter: TrajectoryFilter;
  sort: TrajectoryQuery['sort'];
} {
  const values = (name: string): string[] | null => params[name]?.split('.').filter(Boolean) ?? null;
  let ranges: TrajectoryFilter['ranges'] = [];
  for (const column of rangeColumns) {
    const [, min, max] = /^(\d+(?:\.\d+)?)?-(\d+(?:\.\d+)?)?$/.exec(params[column] ?? '') ?? [];
    ranges = withRange(ranges, column, bound(min), bound(max));
  }
  const excluded = params['excluded'];
  const sortText = params['sort'] ?? 'row';
  const column = sortColumns.find((name) => name === sortText.replace(/^-/, '')) ?? 'row';
  return {
    filter: {
      text: params['q'] ?? '',
      kinds:
        values('kind')?.filter((kind): kind is AgentKind => kinds.some((known) => known === kind)) ?? null,
      formats: values('format'),
      fileIds: values('file')?.map(Number).filter(Number.isInteger) ?? null,
      success:
        values('success')?.filter((value): value is SuccessValue =>
          successes.some((known) => known === value),
        ) ?? null,
      onlyWithIssues: params['issues'] === '1',
      ranges,
      excluded: excluded === 'hide' || excluded === 'only' ? excluded : everyTrajectory.excluded,
    },
    sort: { column, descending: sortText.startsWith('-') },
  };
}

/** Keeps the filter of the table of trajectories and the parameters of its address equal. */
export function syncFilters(store: AppStore): () => void {
  return store.subscribe((state, before) => {
    const { current, origin } = state.route;
    if (current.view !== 'trajectories' || current.path.length > 0) return;
    const { filter, sort } = state.trajectories;
    const wanted = filterToParams(filter, sort);
    const isSame = ownParams.every((name) => (wanted[name] ?? undefined) === current.params[name]);
    if (isSame) return;
    const routeMoved = current !== before.route.current;
    if (routeMoved && origin === 'address') {
      const read = filterFromParams(current.params);
      const again = filterToParams(read.filter, read.sort);
      if (JSON.stringify(again) === JSON.stringify(wanted)) return;
      state.trajectories.setSort(read.sort.column, read.sort.descending);
      state.trajectories.setFilter(read.filter);
    } else state.route.setParams(wanted);
  });
}
