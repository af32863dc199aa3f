import { describe, expect, it } from 'vitest';
import type { AppState } from '../../src/state/store.ts';
import {
  canGoOn,
  createTrainSlice,
  remainingMsOf,
  type RunView,
  type TrainSlice,
} from '../../src/state/trainSlice.ts';
import { defaultTrainConfig, type TrainConfig } from '../../src/train/config.ts';
import type { DataApi } from '../../src/workers/dataApi.ts';
import type { EngineClient } from '../../src/workers/engineClient.ts';
import type { StoredRun } from '../../src/workers/trainingApi.ts';

/** A run of 10 steps in all of which these were done, at these times. */
const run = (elapsedMs: readonly number[]): RunView =>
  ({
    record: { resolved: { totalSteps: 10 } },
    metrics: elapsedMs.map((ms, index) => ({ step: index + 1, elapsedMs: ms })),
  }) as unknown as RunView;

describe('the time that a run still takes', () => {
  it('is unknown before the first step and after the last', () => {
    expect(remainingMsOf(run([]))).toBeNull();
    expect(remainingMsOf(run(Array.from({ length: 10 }, (_, n) => n)))).toBeNull();
  });

  it('goes by the steps after the first, which waits for its kernels', () => {
    expect(remainingMsOf(run([5000]))).toBe(9 * 5000);
    expect(remainingMsOf(run([5000, 6000, 7000]))).toBe(7 * 1000);
  });
});

/** The slice over an engine that refuses a second reading during one, and reads until `finish` or `cancel`. */
function training() {
  let end: ((code: 'done' | 'cancelled') => void) | null = null;
  const read = async (config: TrainConfig) => {
    if (end) return { ok: false, code: 'busy', message: 'busy', advice: null };
    const code = await new Promise<string>((resolve) => (end = resolve));
    end = null;
    return code === 'done'
      ? { ok: true, value: { rank: config.rank } }
      : { ok: false, code, message: code, advice: null };
  };
  const engine = {
    describeTraining: async () => ({ defaults: defaultTrainConfig, meanings: {} }),
    openTrainingData: (_: unknown, config: TrainConfig) => read(config),
    previewTraining: read,
    cancel: async () => end?.('cancelled'),
    stopTraining: async () => undefined,
    startTraining: async () => {
      throw new Error('The engine was asked to train');
    },
  } as unknown as EngineClient;
  const app = { model: { card: { status: 'ready', value: {} }, work: null } } as unknown as AppState;
  let slice = {} as TrainSlice;
  const set = (update: Partial<TrainSlice> | ((slice: TrainSlice) => Partial<TrainSlice>)): void => {
    slice = { ...slice, ...(typeof update === 'function' ? update(slice) : update) };
  };
  slice = createTrainSlice(engine)({ set, get: () => slice, app: () => app, data: {} as DataApi });
  return { slice: () => slice, app, finish: () => end?.('done'), isReading: () => expect.poll(() => end !== null).toBe(true) }; // prettier-ignore
}

describe('what a recipe comes to', () => {
  const data = { type: 'file', name: 'examples.jsonl', file: new File([], 'examples.jsonl') } as const;

  it('is read for the newest choice: a reading under way makes way', async () => {
    const { slice, finish, isReading } = training();
    const empty = slice().refresh();
    await isReading();
    const chosen = slice().choose(data);
    await empty;
    await isReading();
    finish();
    await chosen;
    expect(slice().preview).toMatchObject({ status: 'ready' });
    expect(slice().work).toBeNull();
  });

  it('is unread again once another model is opened in the middle', async () => {
    const { slice, app, isReading, finish } = training();
    const first = slice().refresh();
    await isReading();
    Object.assign(app.model, { card: { status: 'loading' } });
    await slice().refresh();
    finish();
    await first;
    expect(slice().preview).toEqual({ status: 'idle' });
    expect(slice().work).toBeNull();
  });
});

describe('a run', () => {
  it('goes on from its checkpoint unless it ended by itself or at a number that is none', () => {
    const ends = ['running', 'stopped', 'failed', 'finished', 'not-finite'];
    const stored = (end: string, checkpointStep: number | null): StoredRun =>
      ({ checkpointStep, record: { end } }) as unknown as StoredRun;
    expect(ends.filter((end) => canGoOn(stored(end, 3)))).toEqual(['running', 'stopped', 'failed']);
    expect(ends.filter((end) => canGoOn(stored(end, null)))).toEqual([]);
  });

  it('that is stopped while its examples are read does not begin', async () => {
    const { slice, finish, isReading } = training();
    const data = { type: 'file', name: 'examples.jsonl', file: new File([], 'examples.jsonl') } as const;
    const chosen = slice().choose(data);
    await isReading();
    // The start takes the reading's place.
    const started = slice().start();
    await chosen;
    await isReading();
    slice().stop();
    finish();
    expect(await started).toBeNull();
    expect(slice().work).toBeNull();
    expect(slice().failure).toBeNull();
  });
});
