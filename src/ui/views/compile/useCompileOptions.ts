import type { CompileOptions } from '../../../compile/types.ts';
import { canonicalJson, type JsonValue } from '../../../core/json.ts';
import type { CompileRequest, ImportedFile } from '../../../workers/dataApi.ts';
import type { AppState } from '../../../state/store.ts';
import { useEffect, useRef } from 'react';
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

/** Names of the options in which the form differs from those a set (by default the current one) was compiled with. */
export function changedOptions(state: AppState, setId = state.compile.currentSetId): string {
  const { options, sets, tokenizerId, databaseFileIds, benchmarkFileIds } = state.compile;
  const set = sets.find(({ id }) => id === setId);
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
  if (request.curation && JSON.stringify(state.ui.curation) !== JSON.stringify(request.curation)) {
    changed.push('curation');
  }
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

function idsOf(files: readonly ImportedFile[], role: ImportedFile['role']): number[] {
  return files.filter((file) => file.role === role && file.phase === 'done').map(({ id }) => id);
}

/** Ticks databases and benchmark files when they arrive: who imports them wants them used. */
export function useOfferedFiles(): void {
  const store = useAppStore();
  const files = useApp((state) => state.project.files);
  useEffect(() => {
    const { ui, compile } = store.getState();
    const databases = idsOf(files, 'database');
    const benchmarks = idsOf(files, 'benchmark');
    const isNew = (id: number): boolean => !ui.offeredFileIds.includes(id);
    const kept = (chosen: readonly number[], present: readonly number[]): number[] =>
      present.filter((id) => chosen.includes(id) || isNew(id));
    const nextDatabases = kept(compile.databaseFileIds, databases);
    const nextBenchmarks = kept(compile.benchmarkFileIds, benchmarks);
    if (nextDatabases.join() !== compile.databaseFileIds.join()) compile.setDatabases(nextDatabases);
    if (nextBenchmarks.join() !== compile.benchmarkFileIds.join()) compile.setBenchmarks(nextBenchmarks);
    const offered = [...databases, ...benchmarks];
    if (offered.join() !== ui.offeredFileIds.join()) ui.setOfferedFiles(offered);
  }, [store, files]);
}

/**
 * Shows the recipe of the current set in the form: when a project opens, and when another set is chosen while
 * the form holds no changes of the reader's.
 */
export function useAdoptedRecipe(): void {
  const store = useAppStore();
  const currentSetId = useApp((state) => state.compile.currentSetId);
  const isReady = useApp((state) => state.compile.options !== null && state.project.phase === 'ready');
  const projectId = useApp((state) => state.project.project?.id ?? null);
  const adopted = useRef<{ project: string | null; set: string } | null>(null);
  useEffect(() => {
    if (!isReady || currentSetId === null) return;
    const state = store.getState();
    const { compile, ui, project } = state;
    const set = compile.sets.find(({ id }) => id === currentSetId);
    const before = adopted.current;
    adopted.current = { project: projectId, set: currentSetId };
    if (!set) return;
    const isEdited = before?.project === projectId && changedOptions(state, before.set) !== '';
    if (isEdited || changedOptions(state) === '') return;
    compile.setOptions(set.request.options);
    compile.setTokenizer(set.request.tokenizerId);
    compile.setDatabases(set.request.databaseFileIds);
    compile.setBenchmarks(set.request.benchmarkFileIds);
    if (set.request.curation) ui.setCuration(set.request.curation);
    ui.setOfferedFiles([...idsOf(project.files, 'database'), ...idsOf(project.files, 'benchmark')]);
  }, [store, currentSetId, isReady, projectId]);
}
