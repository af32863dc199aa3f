import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  createLectureSlice,
  failedBefore,
  lectureStepIds,
  type LectureSlice,
} from '../../src/state/lectureSlice.ts';
import type { AppState } from '../../src/state/store.ts';
import type { DataApi } from '../../src/workers/dataApi.ts';

/** A walk over an engine that notes what it is asked; `broken` lists calls that fail once. */
function walk(broken: string[] = []) {
  const calls: string[] = [];
  const call =
    <T>(name: string, value: T) =>
    async (): Promise<T> => {
      calls.push(name);
      const at = broken.indexOf(name);
      if (at >= 0) {
        broken.splice(at, 1);
        throw new Error(`${name} broke`);
      }
      return value;
    };
  const row = { id: 'e1', kind: 'search', promptTokens: 90, goldCount: 2, distractorCount: 1, success: true };
  const example = { id: 'e1', messages: [{ role: 'user', content: 'which?' }], evidence: [] };
  const head = { layer: 0, head: 0, meanDistance: 3, sinkExcludedDistance: 4 };
  const subject = (name: string, distance: number, frequency: number) => ({
    name,
    attention: [
      { ...head, sinkExcludedDistance: distance },
      { ...head, head: 1 },
    ],
    routing: [{ layer: 0, expert: 5, frequency }],
  });
  vi.stubGlobal('document', { baseURI: 'http://page.test/' });
  vi.stubGlobal('fetch', async () => new Response('null'));
  vi.stubGlobal('window', {
    workbench: {
      ready: Promise.resolve(),
      listTrajectories: call('list', { total: 1, rows: [row] }),
      openTrajectory: call('open', { task: { text: 'which?' }, steps: [] }),
      importFiles: call('import', [{ id: 7, role: 'tokenizer' }]),
      compile: call('compile', { id: 's1', exampleCount: 1 }),
      listExamples: call('examples', { total: 1, rows: [row] }),
      readExample: call('read', example),
      excludeExamples: call('exclude', undefined),
      planModel: call('plan', {}),
      loadModel: call('load', {}),
      generate: call('generate', { text: 'it' }),
      measure: call('measure', { items: [1], subjects: [subject('base', 4, 0.2), subject('tuned', 9, 0.1)] }),
    },
  });
  const run = { id: 'v1', phase: 'done', mean: 0.5 };
  const trained = { id: 'r1', record: { adapter: { sha256: 'a' } } };
  const app = {
    project: { files: [], project: { id: 'p1' } },
    receiveOpened: () => undefined,
    compile: { setTokenizer: () => undefined },
    jobs: { list: [{ id: 'j1', phase: 'done' }] },
    model: {
      card: { status: 'ready' },
      lasting: { type: 'url', url: 'http://page.test/models/world-moe-3m/' },
      adapter: { sha256: 'a' },
      loaded: null as { adapter: { sha256: string } | null } | null,
    },
    train: {
      work: null as { kind: string } | null,
      run: { metrics: [{ loss: 2 }] },
      connect: async () => undefined,
      choose: async () => undefined,
      start: call('train', trained),
      loadWith: call('attach', true),
      failure: null,
    },
    mechanism: {
      measuring: false,
      documents: [{ id: 'd1' }],
      comparison: null as string | null,
      show: call('frame', undefined),
      setComparison: (name: string | null) => (app.mechanism.comparison = name),
      frame: { status: 'ready', value: { document: { id: 'd1' }, comparison: 'tuned' } },
    },
    evaluate: {
      runs: [run],
      results: { v1: {} },
      isReady: true,
      data: [{ id: 'b1' }],
      form: { dataId: 'b1' },
      generate: call('rows', undefined),
      setForm: () => undefined,
      start: call('ask', 'v1'),
      show: call('show', undefined),
      compareWith: call('compare', undefined),
      comparison: { status: 'ready', value: { overall: { mean: 0 } } },
    },
  };
  let slice!: LectureSlice;
  slice = createLectureSlice({
    set: (update) => {
      slice = { ...slice, ...(typeof update === 'function' ? update(slice) : update) };
    },
    get: () => slice,
    app: () => app as unknown as AppState,
    data: {
      createProject: call('project', { ok: true, value: { project: { id: 'p1' } } }),
      importSources: call('world', { ok: true, value: { jobId: 'j1' } }),
    } as unknown as DataApi,
  });
  const reached = (id: (typeof lectureStepIds)[number], status: string): Promise<void> =>
    vi.waitFor(() => expect(slice.outcomes[id].status).toBe(status));
  return { app, calls, reached, slice: () => slice };
}

afterEach(() => vi.unstubAllGlobals());

describe('the guided walk', () => {
  it('plays every step in order to the end, and holds the asked example out of the training', async () => {
    const { calls, reached, slice } = walk();
    slice().begin({ dwell: 0 });
    await reached('findings', 'ready');
    expect(slice().step).toBe(lectureStepIds.length - 1);
    expect(slice().isPlaying).toBe(false);
    expect(calls).toContain('exclude');
    expect(calls.indexOf('exclude')).toBeLessThan(calls.indexOf('train'));
    // The base answers before there is an adapter, the adapter after.
    expect(calls.filter((name) => ['generate', 'train', 'attach', 'measure'].includes(name))).toEqual([
      'generate',
      'train',
      // Nothing here remembers what is loaded: each step that needs the adapter loads it.
      'attach',
      'generate',
      'attach',
      'attach',
      'attach',
      'measure',
    ]);
    const { mechanism } = slice().outcomes;
    const found = mechanism.status === 'ready' ? mechanism.value : null;
    expect(found?.heads.map(({ head, before, after }) => [head, before, after])).toEqual([
      [0, 4, 9],
      [1, 4, 4],
    ]);
  });

  it('stays at the step that the address asks for', async () => {
    const { reached, slice } = walk();
    slice().begin({}, 'compile');
    await reached('compile', 'ready');
    expect([slice().step, slice().isPlaying, slice().outcomes.example.status]).toEqual([1, false, 'idle']);
    slice().begin({}, 'train');
    expect(slice().step).toBe(1);
  });

  it('computes what a later step needs, stops at a failure, and goes on when asked again', async () => {
    const { calls, reached, slice } = walk(['train']);
    slice().goTo(5);
    await reached('train', 'failed');
    expect(slice().outcomes.tuned.status).toBe('idle');
    slice().goTo(5);
    await reached('tuned', 'ready');
    expect(calls.filter((name) => name === 'compile')).toHaveLength(1);
    expect(slice().step).toBe(5);
  });

  it('computes no step in another project, and none beside other work of the open one', async () => {
    const { app, calls, reached, slice } = walk();
    slice().goTo(2);
    await reached('example', 'ready');
    app.project.project.id = 'of the reader';
    slice().goTo(4);
    await reached('ask', 'failed');
    expect(calls).not.toContain('load');
    app.project.project.id = 'p1';
    slice().goTo(4);
    await reached('train', 'ready');
    app.train.work = { kind: 'training' };
    slice().restart();
    await reached('trajectories', 'failed');
    expect(calls.filter((name) => name === 'project')).toHaveLength(1);
  });

  it('tells a step what keeps it from being computed, and shows the recorded result without the others', async () => {
    const { reached, slice } = walk(['load']);
    slice().goTo(5);
    await reached('ask', 'failed');
    expect(failedBefore(5, slice().outcomes)).toEqual({ id: 'ask', message: 'load broke' });
    expect(failedBefore(3, slice().outcomes)).toBeNull();
    slice().goTo(8);
    await reached('findings', 'ready');
    expect(slice().outcomes.train.status).toBe('idle');
  });

  it('loads the adapter no second time where it is loaded', async () => {
    const { app, calls, reached, slice } = walk();
    app.model.loaded = { adapter: { sha256: 'a' } };
    slice().goTo(5);
    await reached('tuned', 'ready');
    expect(calls).not.toContain('attach');
  });

  it('drops what an earlier walk computes when it begins again', async () => {
    const { calls, reached, slice } = walk();
    slice().goTo(2);
    slice().restart();
    slice().setPlaying(false);
    await reached('trajectories', 'ready');
    expect(slice().outcomes.compile.status).toBe('idle');
    // The queue runs empty: the earlier walk would have gone on to the example.
    for (let tick = 0; tick < 200; tick++) await Promise.resolve();
    expect(calls).not.toContain('compile');
    expect(calls).toContain('world');
  });
});
