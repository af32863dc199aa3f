import { describe, expect, it } from 'vitest';
import { createEvaluateSlice, type EvaluateSlice } from '../../src/state/evaluateSlice.ts';
import type { AppState } from '../../src/state/store.ts';
import type { DataApi } from '../../src/workers/dataApi.ts';
import type { EngineCall, RunSummary } from '../../src/workers/evaluateApi.ts';
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
        : { ok: true, value: { text: 'yes', stoppedBy: 'stop-token', promptTokens: 3, ids: [1] } },
  };
  const calls: EngineCall[] = [];
  const client = {
    startRun: async (_request: unknown, _means: unknown, engine: EngineCall) => {
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
  return { model, ask: () => calls[0]!([], asked) };
}

describe('an evaluation by the loaded model', () => {
  it('ends when another adapter is loaded than the run began with', async () => {
    const { model, ask } = await evaluation();
    expect(await ask()).toMatchObject({ ok: true, text: 'yes' });
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
});
