import { describe, expect, it } from 'vitest';
import { everyTrajectory } from '../../src/state/filters.ts';
import type { TrajectoryLocator } from '../../src/trajectories/import.ts';
import type { AgentKind, TrajectorySummary } from '../../src/trajectories/schema.ts';
import { TrajectoryIndex } from '../../src/workers/trajectoryIndex.ts';
import { TrajectoryQueries } from '../../src/workers/trajectoryQueries.ts';

const kinds: readonly AgentKind[] = ['search', 'swe', 'sql'];

function summary(i: number): TrajectorySummary {
  return {
    id: `run-${i}`,
    format: i % 2 === 0 ? 'chat' : 'swe-agent',
    file: 'runs.jsonl',
    record: i,
    kind: kinds[i % 3] ?? 'other',
    kindReason: 'calls',
    taskPreview: i === 7 ? 'Where is the Lighthouse?' : `Task ${i}`,
    answerPreview: '',
    success: i % 4 === 0 ? null : i % 2 === 0,
    reward: null,
    turnCount: i,
    stepCount: i * 2,
    toolCallCount: 1,
    documentCount: 0,
    queryCount: 0,
    characterCount: i * 100,
    issueCount: i === 5 ? 2 : 0,
  };
}
function locator(i: number): TrajectoryLocator {
  return {
    id: `run-${i}`,
    file: 'runs.jsonl',
    chain: [],
    layout: 'json-lines',
    format: i % 2 === 0 ? 'chat' : 'swe-agent',
    record: i,
    key: i === 3 ? '' : null,
    place: { type: 'bytes', start: i * 10, end: i * 10 + 9 },
    envelope: null,
    draft: 0,
  };
}
function indexOf(count: number): TrajectoryIndex {
  const index = new TrajectoryIndex();
  for (let i = 0; i < count; i++)
    index.push(summary(i), i % 2 === 0 ? 'search visit' : 'bash', locator(i), 1);
  return index;
}
const queriesOf = (index: TrajectoryIndex): TrajectoryQueries =>
  new TrajectoryQueries(
    index,
    (id) => id,
    () => 'runs.jsonl',
  );
const inOrder = { column: 'row', descending: false } as const;

describe('the table of trajectories', () => {
  it('finds rows by every word of the text, in task, answer, id, file and tools', () => {
    const queries = queriesOf(indexOf(12));
    const find = (text: string): number[] => [...queries.rows({ ...everyTrajectory, text }, inOrder)];
    expect(find('LIGHTHOUSE where')).toEqual([7]);
    expect(find('bash')).toEqual([1, 3, 5, 7, 9, 11]);
    expect(find('bash lighthouse nothing')).toEqual([]);
  });

  it('filters, sorts, and puts missing values last either way', () => {
    const queries = queriesOf(indexOf(9));
    const filter = { ...everyTrajectory, kinds: ['search' as const] };
    expect([...queries.rows(filter, { column: 'turnCount', descending: true })]).toEqual([6, 3, 0]);
    const inTurns = (min: number | null, max: number | null): number[] => [
      ...queries.rows({ ...everyTrajectory, ranges: [{ column: 'turnCount', min, max }] }, inOrder),
    ];
    expect([inTurns(6, null), inTurns(null, 2), inTurns(3, 4), inTurns(4, 3)]).toEqual([
      [6, 7, 8],
      [0, 1, 2],
      [3, 4],
      [],
    ]);
    const bySuccess = [...queries.rows(everyTrajectory, { column: 'success', descending: true })];
    expect(bySuccess).toEqual([2, 6, 1, 3, 5, 7, 0, 4, 8]);
  });

  it('counts each facet under all restrictions but its own', () => {
    const queries = queriesOf(indexOf(12));
    const facets = queries.facets({ ...everyTrajectory, kinds: ['sql'], success: ['yes'] }, 1);
    expect(facets.total).toBe(1);
    expect(facets.kinds.map(({ value, count }) => [value, count])).toEqual([
      ['search', 1],
      ['sql', 1],
      ['swe', 1],
    ]);
    expect(Object.fromEntries(facets.success.map(({ value, count }) => [value, count]))).toEqual({
      yes: 1,
      no: 2,
      unknown: 1,
    });
  });

  it('keeps the range of a histogram adjustable', () => {
    const queries = queriesOf(indexOf(10));
    const ranges = [{ column: 'turnCount' as const, min: 2, max: 3 }];
    const histogram = queries.histogram({ ...everyTrajectory, ranges }, 'turnCount', 5);
    expect(histogram.count).toBe(10);
    expect(histogram.series.flatMap(({ counts }) => counts).reduce((a, b) => a + b, 0)).toBe(10);
  });
});

describe('the index', () => {
  it('gives back the locator of each row, also after being saved', async () => {
    const index = indexOf(20);
    const bytes = new Uint8Array(await index.save().arrayBuffer());
    const read = TrajectoryIndex.load(bytes);
    for (const row of [0, 3, 19]) expect(read?.locator(row)).toEqual(locator(row));
    expect(read?.find('run-19')).toBe(19);
    expect(read?.summary(5)).toEqual(summary(5));
  });

  it('gives another id to a second trajectory of the same name, and forgets the rows of a removed file', () => {
    const index = indexOf(3);
    expect(index.push(summary(1), '', locator(1), 2)).toBe('run-1~2');
    const kept = index.without(1);
    expect([kept.length, kept.find('run-1~2'), kept.find('run-1')]).toEqual([1, 0, null]);
  });
});
