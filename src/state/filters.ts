import type { ExampleFilter, TrajectoryFilter, TrajectoryNumberColumn } from '../workers/dataApi.ts';

/** The filter that lets every trajectory through. */
export const everyTrajectory: TrajectoryFilter = {
  text: '',
  kinds: null,
  formats: null,
  fileIds: null,
  success: null,
  onlyWithIssues: false,
  ranges: [],
  excluded: 'show',
};

/** The filter that lets every example through. */
export const everyExample: ExampleFilter = {
  text: '',
  kinds: null,
  flags: null,
  outcomes: null,
  ranges: [],
  excluded: 'show',
};

/** Ranges with another one for a column; none when it has no bound on either side. */
export function withRange(
  ranges: TrajectoryFilter['ranges'],
  column: TrajectoryNumberColumn,
  min: number | null,
  max: number | null,
): TrajectoryFilter['ranges'] {
  const others = ranges.filter((range) => range.column !== column);
  return min === null && max === null ? others : [...others, { column, min, max }];
}

/** True when a filter restricts nothing. */
export function isEmptyFilter(filter: TrajectoryFilter | ExampleFilter): boolean {
  return Object.values(filter).every(
    (value) =>
      value === null ||
      value === '' ||
      value === false ||
      value === 'show' ||
      (Array.isArray(value) && value.length === 0),
  );
}
