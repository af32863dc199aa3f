import { expect, it } from 'vitest';
import { wouldLoseWork } from '../../src/state/projectSlice.ts';
import type { AppState } from '../../src/state/store.ts';

it('leaving the page asks first while anything long is under way that would have to begin again', () => {
  const idle = {
    jobs: { list: [{ phase: 'done' }] },
    train: { work: null },
    evaluate: { runs: [{ phase: 'done' }] },
    mechanism: { measuring: null },
    model: { work: null },
    map: { work: null },
  };
  const loses = (changes: object): boolean => wouldLoseWork({ ...idle, ...changes } as unknown as AppState);
  expect(loses({})).toBe(false);
  // A reply is asked for again in a moment.
  expect(loses({ model: { work: { kind: 'generating' } } })).toBe(false);
  expect(loses({ jobs: { list: [{ id: 'j1', kind: 'import', phase: 'running' }] } })).toBe(true);
  expect(loses({ train: { work: { kind: 'training' } } })).toBe(true);
  expect(loses({ evaluate: { runs: [{ phase: 'running' }] } })).toBe(true);
  expect(loses({ mechanism: { measuring: { runId: 1 } } })).toBe(true);
  expect(loses({ model: { work: { kind: 'keeping' } } })).toBe(true);
  expect(loses({ map: { work: 'reading' } })).toBe(true);
});
