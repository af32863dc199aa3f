import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { defaultCompileOptions } from '../../src/compile/options.ts';
import { defaultCuration } from '../../src/compile/setCurator.ts';
import type { JsonValue } from '../../src/core/json.ts';
import { readCuration, syncForm } from '../../src/state/settings.ts';
import { createAppStore, type AppStore } from '../../src/state/store.ts';
import type { CompileForm } from '../../src/state/uiSlice.ts';
import type { DataApi, ImportedFile, OpenedProject } from '../../src/workers/dataApi.ts';
import type { EngineClient } from '../../src/workers/engineClient.ts';
import type { EvaluateClient } from '../../src/workers/evaluateClient.ts';
import type { MechanismClient } from '../../src/workers/mechanismClient.ts';

/** A worker that never answers: the form needs none. */
const silent = new Proxy({}, { get: () => () => new Promise(() => undefined) });

function openedStore(settings: JsonValue | null = null): AppStore {
  const store = createAppStore(
    silent as DataApi,
    silent as EngineClient,
    silent as EvaluateClient,
    silent as MechanismClient,
  );
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
});

/** The form as undo keeps it. */
function formOf(store: AppStore): CompileForm {
  const { options, tokenizerId, databaseFileIds, benchmarkFileIds } = store.getState().compile;
  return { options: options ?? defaultCompileOptions, tokenizerId, databaseFileIds, benchmarkFileIds };
}

/** Changes the form as a reader does; `at` is when. */
function change(store: AppStore, at: number, changes: Partial<CompileForm>): void {
  const { ui, compile } = store.getState();
  ui.rememberRecipe(formOf(store), at);
  compile.setForm(changes);
}

function travel(store: AppStore, direction: 'undoRecipe' | 'redoRecipe'): void {
  const { ui, compile } = store.getState();
  compile.setForm(ui[direction](formOf(store)) ?? {});
}

const fileOf = (id: number, holds: 'database' | 'benchmark'): ImportedFile =>
  ({
    id,
    phase: 'done',
    role: holds,
    databases: holds === 'database' ? [{ file: 'a.sqlite', kind: 'sqlite' }] : [],
  }) as unknown as ImportedFile;

function receiveFiles(store: AppStore, files: readonly ImportedFile[]): void {
  store.getState().project.receiveFiles(files);
  store.getState().compile.receiveFiles(files);
}

describe('undo of the recipe', () => {
  it('takes options, tokenizer, files and the rules over the set back together', () => {
    const store = openedStore();
    receiveFiles(store, [fileOf(1, 'database'), fileOf(2, 'benchmark')]);
    const first = formOf(store);
    expect([first.databaseFileIds, first.benchmarkFileIds]).toEqual([[1], [2]]);
    store.getState().ui.rememberRecipe(first, 0);
    store.getState().ui.setCuration({ dedup: 'none' });
    change(store, 1000, { tokenizerId: 'file:3', databaseFileIds: [] });
    change(store, 2000, { benchmarkFileIds: [], options: { ...first.options, budget: 4096 } });

    travel(store, 'undoRecipe');
    expect(formOf(store)).toEqual({ ...first, tokenizerId: 'file:3', databaseFileIds: [] });
    travel(store, 'undoRecipe');
    expect([formOf(store), store.getState().ui.curation.dedup]).toEqual([first, 'none']);
    travel(store, 'undoRecipe');
    expect(store.getState().ui.curation.dedup).toBe('exact');
    for (let step = 0; step < 3; step++) travel(store, 'redoRecipe');
    expect(formOf(store)).toMatchObject({ tokenizerId: 'file:3', options: { budget: 4096 } });
    expect(store.getState().ui.curation.dedup).toBe('none');
  });

  it('keeps files that came since, and brings none back that is gone', () => {
    const store = openedStore();
    receiveFiles(store, [fileOf(1, 'database')]);
    change(store, 0, { tokenizerId: 'file:3' });
    receiveFiles(store, [fileOf(4, 'database')]);
    travel(store, 'undoRecipe');
    expect(formOf(store)).toMatchObject({ tokenizerId: 'qwen3', databaseFileIds: [4] });
  });

  it('ends with the project that it belongs to', () => {
    const store = openedStore();
    const opened = (id: string): OpenedProject =>
      ({
        project: { id },
        projects: [],
        files: [],
        sets: [],
        settings: null,
        defaultOptions: defaultCompileOptions,
        trajectoryCount: 0,
      }) as unknown as OpenedProject;
    store.getState().receiveOpened(opened('a'));
    change(store, 0, { tokenizerId: 'file:3' });
    // The data worker went away and came back.
    store.getState().receiveOpened(opened('a'));
    expect(store.getState().ui.recipePast).toHaveLength(1);
    store.getState().receiveOpened(opened('b'));
    expect(store.getState().ui.recipePast).toEqual([]);
    expect(store.getState().ui.undoRecipe(formOf(store))).toBeNull();
  });
});
