import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { defaultCompileOptions } from '../../src/compile/options.ts';
import { defaultCuration } from '../../src/compile/setCurator.ts';
import type { JsonValue } from '../../src/core/json.ts';
import { readCuration, syncForm } from '../../src/state/settings.ts';
import { createAppStore, type AppStore } from '../../src/state/store.ts';
import type { DataApi } from '../../src/workers/dataApi.ts';

/** A worker that never answers: the form needs none. */
const silent = new Proxy({} as DataApi, { get: () => () => new Promise(() => undefined) });

function openedStore(settings: JsonValue | null = null): AppStore {
  const store = createAppStore(silent);
  store.getState().compile.receiveDefaults(defaultCompileOptions, settings);
  return store;
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the rules over the whole set', () => {
  it('start as on the command line', () => {
    expect(openedStore().getState().ui.curation).toEqual(defaultCuration);
  });

  it('come back with the project, like the other options', () => {
    const store = openedStore();
    const saved: JsonValue[] = [];
    syncForm(store, (settings) => Promise.resolve(void saved.push(settings)));
    store.getState().ui.setCuration({ dedup: 'near', evalShare: 0.2 });
    vi.advanceTimersByTime(1000);
    const again = openedStore(JSON.parse(JSON.stringify(saved.at(-1))) as JsonValue);
    expect(again.getState().ui.curation).toEqual({ ...defaultCuration, dedup: 'near', evalShare: 0.2 });
  });

  it('have their defaults where what was stored makes no sense', () => {
    const stored = {
      version: 1,
      options: {},
      tokenizerId: 'qwen3',
      curation: { dedup: 'all', evalShare: 7 },
    };
    expect(readCuration(stored)).toEqual(defaultCuration);
    expect(readCuration(null)).toEqual(defaultCuration);
  });

  it('are undone and redone together with the options', () => {
    const store = openedStore();
    const { ui, compile } = store.getState();
    ui.rememberOptions(defaultCompileOptions, 0);
    ui.setCuration({ dedup: 'none' });
    ui.rememberOptions(defaultCompileOptions, 1000);
    compile.setOptions({ budget: 4096 });

    const present = (): typeof defaultCompileOptions =>
      store.getState().compile.options ?? defaultCompileOptions;
    compile.setOptions(ui.undoOptions(present()) ?? {});
    expect([present().budget, store.getState().ui.curation.dedup]).toEqual([
      defaultCompileOptions.budget,
      'none',
    ]);
    compile.setOptions(ui.undoOptions(present()) ?? {});
    expect(store.getState().ui.curation.dedup).toBe('exact');
    ui.redoOptions(present());
    expect(store.getState().ui.curation.dedup).toBe('none');
  });
});
