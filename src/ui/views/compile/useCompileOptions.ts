import type { CurationOptions } from '../../../compile/setCurator.ts';
import type { CompileOptions } from '../../../compile/types.ts';
import { canonicalJson, type JsonValue } from '../../../core/json.ts';
import type { CompiledSet, CompileRequest } from '../../../workers/dataApi.ts';
import type { AppState } from '../../../state/store.ts';
import type { CompileForm } from '../../../state/uiSlice.ts';
import { useApp, useAppStore } from '../../../state/useApp.ts';

/** The form as it stands. Null until the project is open. */
function formOf({ compile }: AppState): CompileForm | null {
  const { options, tokenizerId, databaseFileIds, benchmarkFileIds } = compile;
  return options && { options, tokenizerId, databaseFileIds, benchmarkFileIds };
}

/** Keeps the form as it stands for undo. */
function remember(state: AppState): void {
  const form = formOf(state);
  if (form) state.ui.rememberRecipe(form, performance.now());
}

/** Changes the form and keeps it as it was for undo. */
export function useOptionChanges(): {
  readonly change: (changes: Partial<CompileOptions>) => void;
  readonly changeForm: (changes: Partial<Omit<CompileForm, 'options'>>) => void;
  readonly changeCuration: (changes: Partial<CurationOptions>) => void;
  readonly undo: () => void;
  readonly redo: () => void;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
} {
  const store = useAppStore();
  const canUndo = useApp((state) => state.ui.recipePast.length > 0);
  const canRedo = useApp((state) => state.ui.recipeFuture.length > 0);
  const travel = (direction: 'undoRecipe' | 'redoRecipe'): void => {
    const state = store.getState();
    const present = formOf(state);
    const form = present && state.ui[direction](present);
    if (form) state.compile.setForm(form);
  };
  return {
    change: (changes) => {
      remember(store.getState());
      store.getState().compile.setOptions(changes);
    },
    changeForm: (changes) => {
      remember(store.getState());
      store.getState().compile.setForm(changes);
    },
    changeCuration: (changes) => {
      remember(store.getState());
      store.getState().ui.setCuration(changes);
    },
    undo: () => travel('undoRecipe'),
    redo: () => travel('redoRecipe'),
    canUndo,
    canRedo,
  };
}

function canonical(options: CompileOptions): string {
  return canonicalJson(JSON.parse(JSON.stringify(options)) as JsonValue);
}

function sorted(ids: readonly number[]): string {
  return [...ids].sort((a, b) => a - b).join();
}

/** Names of the options in which the form differs from those the current set was compiled with. */
export function changedOptions(state: AppState): string {
  const { options, currentSetId, sets, tokenizerId, databaseFileIds, benchmarkFileIds } = state.compile;
  const set = sets.find(({ id }) => id === currentSetId);
  if (!options || !set) return '';
  const { request } = set;
  const changed: string[] = [];
  if (canonical(options) !== canonical(request.options)) {
    for (const key of Object.keys(options) as (keyof CompileOptions)[]) {
      if (JSON.stringify(options[key]) !== JSON.stringify(request.options[key]))
        changed.push(optionNames[key]);
    }
  }
  if (tokenizerId !== request.tokenizerId) changed.push('tokenizer');
  if (sorted(databaseFileIds) !== sorted(request.databaseFileIds)) changed.push('databases');
  if (request.curation && JSON.stringify(state.ui.curation) !== JSON.stringify(request.curation)) {
    changed.push('curation');
  }
  if (sorted(benchmarkFileIds) !== sorted(request.benchmarkFileIds)) changed.push('benchmark files');
  return changed.join(', ');
}

const optionNames: Readonly<Record<keyof CompileOptions, string>> = {
  budget: 'budget',
  seed: 'seed',
  order: 'order',
  distractors: 'distractors',
  distractorTier: 'distractor tier',
  control: 'control',
  mask: 'evidence mask',
  match: 'matching',
  sweAnswer: 'SWE answer',
  rationale: 'rationale',
  acceptUnverified: 'unverified runs',
  perInstanceCap: 'cap per task',
  countTokens: 'token counting',
  kindOverrides: 'kinds',
  excludeFlags: 'flags excluded',
};

/** The request that the form stands for. Null until the project is open. */
export function requestOf(state: AppState): CompileRequest | null {
  const { compile, trajectories, ui } = state;
  const form = formOf(state);
  if (!form) return null;
  const { scope } = compile;
  return {
    name: null,
    ...form,
    selection:
      scope === 'filter'
        ? { type: 'filter', filter: trajectories.filter }
        : scope === 'selected'
          ? { type: 'ids', ids: [...trajectories.selected] }
          : { type: 'all' },
    curation: ui.curation,
  };
}

/** Puts the recipe of a set into the form; what stood there can be had back by undo. */
export function useRecipeOf(): (set: CompiledSet) => void {
  const store = useAppStore();
  return ({ request: { options, tokenizerId, databaseFileIds, benchmarkFileIds, curation } }) => {
    const state = store.getState();
    remember(state);
    state.compile.setForm({ options, tokenizerId, databaseFileIds, benchmarkFileIds });
    if (curation) state.ui.setCuration(curation);
  };
}
