import { describe, expect, it } from 'vitest';
import { createEvaluateSlice, type EvaluateSlice } from '../../src/state/evaluateSlice.ts';
import type { AppState } from '../../src/state/store.ts';
import type { DataApi } from '../../src/workers/dataApi.ts';
import type { EngineCall, RunRequest, RunSummary } from '../../src/workers/evaluateApi.ts';
import type { EvaluateClient } from '../../src/workers/evaluateClient.ts';

const options = { weightType: 'f16', kvType: 'f16', contextLength: 2048 };
const asked = { maxNewTokens: 8, temperature: 0, topP: 1, seed: 0 };

/** The slice with a loaded model that replies, and what it hands to the worker as the engine of a run. */
async function evaluation() {
  const model = {
    loaded: { name: 'tiny', options, adapter: null as { sha256: string; name: string } | null },
    work: null as { kind: string } | null,
    sampling: {},
    generate: async () =>
      model.work
        ? { ok: false, code: 'busy', message: 'The engine is busy' }
        : {
            ok: true,
            value: { text: 'yes', stoppedBy: 'stop-token', opensThinking: true, promptTokens: 3, ids: [1] },
          },
  };
  const calls: EngineCall[] = [];
  const requests: RunRequest[] = [];
  const client = {
    startRun: async (request: RunRequest, _means: unknown, engine: EngineCall) => {
      requests.push(request);
      calls.push(engine);
      return { ok: true, value: 'r1' };
    },
  } as unknown as EvaluateClient;
  let slice = {} as EvaluateSlice;
  const app = { model } as unknown as AppState;
  const state = () => ({ ...app, evaluate: slice });
  slice = createEvaluateSlice(client)({
    set: (update) => {
      slice = { ...slice, ...(typeof update === 'function' ? update(slice) : update) };
    },
    get: () => slice,
    app: state,
    data: {} as DataApi,
  });
  const data = [{ id: 'd1', modes: ['published'] }] as unknown as EvaluateSlice['data'];
  slice = { ...slice, data, form: { ...slice.form, dataId: 'd1' } };
  await slice.start();
  const request = { subject: { type: 'engine', identity: 'tiny f16 f16 2048' } };
  slice = { ...slice, runs: [{ id: 'r1', phase: 'running', request } as unknown as RunSummary] };
  /** What a start with this form asks the worker for. */
  const start = async (rows: object, form: Partial<EvaluateSlice['form']>) => {
    slice = { ...slice, data: [rows as EvaluateSlice['data'][number]], form: { ...slice.form, ...form } };
    await slice.start();
    return requests.at(-1)!;
  };
  const change = (changes: Partial<EvaluateSlice>): void => {
    slice = { ...slice, ...changes };
  };
  return { model, start, change, slice: () => slice, ask: () => calls[0]!([], asked) };
}

describe('an evaluation by the loaded model', () => {
  it('is shown without the comparison of the run before it', async () => {
    const { change, slice } = await evaluation();
    change({ shownId: 'r0', comparison: { status: 'ready', value: null } });
    await slice().start();
    expect(slice()).toMatchObject({ shownId: 'r1', comparison: { status: 'idle' } });
  });

  it('ends when another adapter is loaded than the run began with', async () => {
    const { model, ask } = await evaluation();
    expect(await ask()).toMatchObject({ ok: true, text: 'yes', opensThinking: true });
    model.loaded.adapter = { name: 'acc', sha256: 'a' };
    expect(await ask()).toEqual({
      ok: false,
      message: 'Another model is loaded than the one that this run began with',
      isFatal: true,
    });
  });

  it('waits while the engine is at something else', async () => {
    const { model, ask } = await evaluation();
    model.work = { kind: 'generating' };
    const reply = ask();
    setTimeout(() => (model.work = null), 20);
    expect(await reply).toMatchObject({ ok: true, text: 'yes' });
  });

  it('is asked with worked examples where the benchmark has such and they are not the questions', async () => {
    const { start } = await evaluation();
    const mmlu = { id: 'test', benchmark: 'mmlu-pro', modes: ['chain'] };
    const form = { dataId: 'test', shotsId: 'validation' };
    expect(await start(mmlu, form)).toMatchObject({ dataId: 'test', shotsId: 'validation' });
    expect(await start(mmlu, { ...form, shotsId: 'test' })).not.toHaveProperty('shotsId');
    expect(await start({ ...mmlu, benchmark: 'aime' }, form)).not.toHaveProperty('shotsId');
  });
});

describe('the baseline of the shown run', () => {
  const run = (id: string, dataId: string, mode = 'published', subject = id): RunSummary =>
    ({ id, subject, phase: 'done', request: { dataId, mode } }) as unknown as RunSummary;

  /** The slice over finished runs; `compared` tells which pairs the worker was asked for. */
  function shown(runs: readonly RunSummary[], baseline: string | null = null) {
    const compared: string[] = [];
    const client = {
      result: async (id: string) => ({ id }),
      items: async () => [],
      compare: async (before: string, after: string) => {
        compared.push(`${before} ${after}`);
        return { ok: true, value: null };
      },
    } as unknown as EvaluateClient;
    let slice = {} as EvaluateSlice;
    slice = createEvaluateSlice(client)({
      set: (update) => {
        slice = { ...slice, ...(typeof update === 'function' ? update(slice) : update) };
      },
      get: () => slice,
      app: () => ({ mechanism: { baseline } }) as unknown as AppState,
      data: {} as DataApi,
    });
    slice = { ...slice, runs };
    return { compared, slice: () => slice };
  }

  it('stays for runs of the same questions, and goes with those of others or of another mode', async () => {
    const { compared, slice } = shown([
      run('a', 'd1'),
      run('b', 'd1'),
      run('c', 'd2'),
      run('d', 'd1', 'loose'),
    ]);
    await slice().show('a');
    await slice().compareWith('b');
    await slice().show('b');
    expect(slice().againstId).toBe('b');
    for (const other of ['c', 'd']) {
      await slice().show('a');
      await slice().compareWith('b');
      await slice().show(other);
      expect([slice().shownId, slice().againstId, slice().comparison.status]).toEqual([other, null, 'idle']);
    }
    expect(compared.filter((pair) => /[cd]/.test(pair))).toEqual([]);
  });

  it('is looked for among the runs of the same questions by the name that the bar compares with', async () => {
    const { slice } = shown([run('a1', 'd1', 'x', 'acc'), run('b1', 'd1', 'x', 'base'), run('a2', 'd2', 'x', 'acc'), run('b2', 'd2', 'x', 'base')], 'base'); // prettier-ignore
    await slice().show('a1');
    expect(slice().againstId).toBe('b1');
    await slice().show('a2');
    expect(slice().againstId).toBe('b2');
  });

  it('is that of the run chosen last, although the one before is read more slowly', async () => {
    const { slice } = shown([run('a1', 'd1', 'x', 'acc'), run('b1', 'd1', 'x', 'base'), run('a2', 'd2', 'x', 'acc')], 'base'); // prettier-ignore
    const first = slice().show('a1');
    await slice().show('a2');
    await first;
    expect([slice().shownId, slice().againstId]).toEqual(['a2', null]);
  });
});
