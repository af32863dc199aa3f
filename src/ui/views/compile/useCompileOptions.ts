import type { CompileOptions } from '../../../compile/types.ts';
import { canonicalJson, type JsonValue } from '../../../core/json.ts';
import type { AppState } from '../../../state/store.ts';
import { useApp, useAppStore } from '../../../state/useApp.ts';

/** Changes options and keeps the earlier ones for undo. */
export function useOptionChanges(): {
  readonly change: (changes: Partial<CompileOptions>) => void;
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
    undo: () => travel('undoOptions'),
    redo: () => travel('redoOptions'),
    canUndo,
    canRedo,
  };
}

function canonical(options: CompileOptions): string {
  return canonicalJson(JSON.parse(JSON.stringify(options)) as JsonValue);
}

/** Names of the options in which the form differs from those a set was compiled with. */
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
  if (databaseFileIds.join() !== request.databaseFileIds.join()) changed.push('databases');
  if (benchmarkFileIds.join() !== request.benchmarkFileIds.join()) changed.push('benchmark files');
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
