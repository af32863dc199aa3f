import { describe, expect, it } from 'vitest';
import { createModelSlice, type ModelSlice } from '../../src/state/modelSlice.ts';
import type { AppState } from '../../src/state/store.ts';
import type { DataApi } from '../../src/workers/dataApi.ts';
import type { EngineResult, EvidenceCheck } from '../../src/workers/engineApi.ts';
import type { EngineClient } from '../../src/workers/engineClient.ts';

type Answer = EngineResult<EvidenceCheck>;

/** The slice over an engine that answers each check when it is told to. */
function model() {
  const waiting: ((answer: Answer) => void)[] = [];
  const engine = {
    listen: () => undefined,
    checkEvidence: () => new Promise<Answer>((resolve) => waiting.push(resolve)),
    unload: async () => undefined,
  } as unknown as EngineClient;
  let slice = {} as ModelSlice;
  const set = (update: Partial<ModelSlice> | ((slice: ModelSlice) => Partial<ModelSlice>)): void => {
    slice = { ...slice, ...(typeof update === 'function' ? update(slice) : update) };
  };
  slice = createModelSlice(engine)({
    set,
    get: () => slice,
    app: () => ({}) as AppState,
    data: {} as DataApi,
  });
  return { slice: () => slice, answer: (answer: Answer) => waiting.shift()!(answer) };
}

const request = { row: {}, pieces: false };
const found = { ok: true, value: { model: 'tiny' } as EvidenceCheck } as const;
const failure = (code: string) =>
  ({ ok: false, code, message: 'It went wrong', advice: null, plan: null, suggestion: null }) as const;

describe('what the model made of an example', () => {
  it('is kept by example, while the engine does one thing at a time', async () => {
    const { slice, answer } = model();
    const first = slice().checkEvidence('set/a', request);
    expect(slice().evidenceChecks['set/a']).toEqual({ status: 'loading' });
    await expect.poll(() => slice().work).toMatchObject({ kind: 'scoring' });
    await expect(slice().checkEvidence('set/b', request)).resolves.toMatchObject({ code: 'busy' });
    expect(slice().evidenceChecks['set/b']).toBeUndefined();
    answer(found);
    await first;
    expect(slice()).toMatchObject({ work: null, evidenceChecks: { 'set/a': { status: 'ready', value: { model: 'tiny' } } } }); // prettier-ignore
  });

  it('stays what it was when a second look is stopped, and is gone with the model', async () => {
    const { slice, answer } = model();
    for (const given of [found, failure('cancelled')]) {
      const asked = slice().checkEvidence('set/a', request);
      await expect.poll(() => slice().work).not.toBeNull();
      answer(given);
      await asked;
      expect(slice().evidenceChecks['set/a']).toMatchObject({ status: 'ready' });
    }
    const asked = slice().checkEvidence('set/b', request);
    await expect.poll(() => slice().work).not.toBeNull();
    answer(failure('bad-example'));
    await asked;
    expect(slice().evidenceChecks['set/b']).toMatchObject({ status: 'failed', message: 'It went wrong' });
    await slice().unload();
    expect(slice().evidenceChecks).toEqual({});
  });

  it('is not kept when the model is unloaded before the check ends', async () => {
    const { slice, answer } = model();
    for (const given of [found, failure('cancelled')]) {
      const asked = slice().checkEvidence('set/a', request);
      await expect.poll(() => slice().work).not.toBeNull();
      await slice().unload();
      answer(given);
      await asked;
      expect(slice().evidenceChecks).toEqual({});
    }
  });
});
