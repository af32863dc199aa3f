import type { ExampleFilter, TrajectoryFilter } from '../workers/dataApi.ts';

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
