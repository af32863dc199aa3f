import type { CurationOptions } from '../../../compile/setCurator.ts';
import type { CompileOptions } from '../../../compile/types.ts';
import { canonicalJson, type JsonValue } from '../../../core/json.ts';
import type { CompiledSet, CompileRequest } from '../../../workers/dataApi.ts';
import type { AppState } from '../../../state/store.ts';
import { useApp, useAppStore } from '../../../state/useApp.ts';

/** Changes options and keeps the earlier ones for undo. */
export function useOptionChanges(): {
  readonly change: (changes: Partial<CompileOptions>) => void;
  readonly changeCuration: (changes: Partial<CurationOptions>) => void;
  readonly undo: () => void;
  readonly redo: () => void;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
} {
  const store = useAppStore();
  const canUndo = useApp((state) => state.ui.optionsPast.length > 0);
  const canRedo = useApp((state) => state.ui.optionsFuture.length > 0);
  const travel = (direction: 'undoOptions' | 'redoOptions'): void => {
    const { compile, ui } = store.getState();
    if (!compile.options) return;
    const options = ui[direction](compile.options);
    if (options) compile.setOptions(options);
  };
  return {
    change: (changes) => {
      const { compile, ui } = store.getState();
      if (!compile.options) return;
      ui.rememberOptions(compile.options, performance.now());
      compile.setOptions(changes);
    },
    changeCuration: (changes) => {
      const { compile, ui } = store.getState();
      if (compile.options) ui.rememberOptions(compile.options, performance.now());
      ui.setCuration(changes);
    },
    undo: () => travel('undoOptions'),
    redo: () => travel('redoOptions'),
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
export function requestOf({ compile, trajectories, ui }: AppState): CompileRequest | null {
  const { options, tokenizerId, databaseFileIds, benchmarkFileIds, scope } = compile;
  if (!options) return null;
  return {
    name: null,
    options,
    tokenizerId,
    selection:
      scope === 'filter'
        ? { type: 'filter', filter: trajectories.filter }
        : scope === 'selected'
          ? { type: 'ids', ids: [...trajectories.selected] }
          : { type: 'all' },
    databaseFileIds,
    benchmarkFileIds,
    curation: ui.curation,
  };
}

/** Puts the recipe of a set into the form; the options before can be had back by undo. */
export function useRecipeOf(): (set: CompiledSet) => void {
  const store = useAppStore();
  return ({ request }) => {
    const { compile, ui } = store.getState();
    if (compile.options) ui.rememberOptions(compile.options, performance.now());
    compile.setOptions(request.options);
    compile.setTokenizer(request.tokenizerId);
    compile.setDatabases(request.databaseFileIds);
    compile.setBenchmarks(request.benchmarkFileIds);
    if (request.curation) ui.setCuration(request.curation);
  };
}
