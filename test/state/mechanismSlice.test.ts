import { describe, expect, it } from 'vitest';
import { createMechanismSlice, type MechanismSlice } from '../../src/state/mechanismSlice.ts';
import type { AppState } from '../../src/state/store.ts';
import type { DataApi } from '../../src/workers/dataApi.ts';
import type { EngineEvent } from '../../src/workers/engineApi.ts';
import type { EngineClient } from '../../src/workers/engineClient.ts';
import type { DocumentSummary } from '../../src/workers/mechanismApi.ts';
import type { MechanismClient } from '../../src/workers/mechanismClient.ts';

/** A slice over documents with these subjects, named after their kinds. */
function sliceOver(documents: Readonly<Record<string, readonly ('base' | 'adapter' | 'control')[]>>) {
  const refused = { ok: false, code: 'none', message: 'no frame', advice: null } as const;
  let slice!: MechanismSlice;
  slice = createMechanismSlice(
    {
      frame: async () => refused,
      track: async () => refused,
      receivePartial: async () => undefined,
    } as unknown as MechanismClient,
    {} as EngineClient,
  )({
    set: (update) => {
      slice = { ...slice, ...(typeof update === 'function' ? update(slice) : update) };
    },
    get: () => slice,
    app: () => ({ evaluate: { followComparison: async () => undefined } }) as unknown as AppState,
    data: {} as DataApi,
  });
  const summaries = Object.entries(documents).map(([id, kinds]) => ({
    id,
    subjects: kinds.map((kind) => ({ name: kind, kind, step: null, adapterSha256: null })),
  }));
  slice = { ...slice, documents: summaries as unknown as DocumentSummary[] };
  return () => slice;
}

describe('the document of a measurement under way', () => {
  it('comes forward once and leaves the reader where they went', async () => {
    const slice = sliceOver({ 'live-7': ['base'], earlier: ['base'] });
    const part = async (): Promise<void> => {
      slice().receiveEngineEvents([
        { type: 'measure', runId: 7 },
        { type: 'measure-partial', runId: 7, document: {} },
      ] as unknown as EngineEvent[]);
      await new Promise((resolve) => setTimeout(resolve));
    };
    Object.assign(slice(), { measuring: { runId: 7 } });
    await part();
    expect(slice().documentId).toBe('live-7');
    await slice().show('earlier');
    await part();
    expect(slice().documentId).toBe('earlier');
  });
});

describe('what is picked', () => {
  it('waits for its text only when it is another head or expert', () => {
    const slice = sliceOver({ bare: ['base'] });
    slice().select({ layer: 1, head: 2 });
    expect(slice().isLooking).toBe(true);
    Object.assign(slice(), { isLooking: false });
    slice().select({ layer: 1, head: 2, piece: 'gold' });
    expect(slice().isLooking).toBe(false);
  });
});

describe('the control beside the compared subjects', () => {
  it('is the document’s own, and stays away where the reader took it away', async () => {
    const slice = sliceOver({
      first: ['base', 'adapter', 'control'],
      second: ['base', 'adapter', 'control'],
    });
    await slice().show('first');
    expect([slice().baseline, slice().comparison, slice().control]).toEqual(['base', 'adapter', 'control']);
    slice().setControl(null);
    await slice().show('second');
    expect([slice().comparison, slice().control]).toEqual(['adapter', null]);
  });

  it('comes with the document that has one, and is none that is compared already or is not there', async () => {
    const slice = sliceOver({ bare: ['base', 'adapter'], full: ['base', 'adapter', 'control'] });
    await slice().show('bare');
    expect(slice().control).toBeNull();
    await slice().show('full');
    expect(slice().control).toBe('control');
    await slice().show('bare');
    expect(slice().control).toBeNull();
    slice().setComparison('control');
    await slice().show('full');
    expect([slice().comparison, slice().control]).toEqual(['control', null]);
  });
});
