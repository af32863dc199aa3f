import type { CompileOptions } from '../compile/types.ts';
import type { JsonValue } from '../core/json.ts';
import type {
  CompiledSet,
  CompilePreview,
  Failure,
  ImportedFile,
  RejectionSummary,
  TokenizerChoice,
} from '../workers/dataApi.ts';
import { readCuration, readForm } from './settings.ts';
import type { Loadable, SliceCreator } from './slice.ts';
import type { CompileForm } from './uiSlice.ts';

/** The compile form, its preview, and the compiled sets of the project. */
export interface CompileSlice {
  /** Null until the project is open. */
  readonly options: CompileOptions | null;
  readonly tokenizerId: string;
  readonly tokenizers: readonly TokenizerChoice[];
  readonly databaseFileIds: readonly number[];
  readonly benchmarkFileIds: readonly number[];
  /** Compile all, those that pass the table's filter, or the selected ones. */
  readonly scope: 'all' | 'filter' | 'selected';
  readonly preview: Loadable<CompilePreview> & { readonly trajectoryId: string | null };
  readonly sets: readonly CompiledSet[];
  /** The set that the Compile and QA views show. */
  readonly currentSetId: string | null;
  readonly rejections: Readonly<Record<string, RejectionSummary>>;

  /** Takes over the form as the project remembers it, or the defaults. */
  readonly receiveDefaults: (options: CompileOptions, settings: JsonValue | null) => void;
  /** Databases and benchmarks among newly read files are used without asking; the form shows them. */
  readonly receiveFiles: (files: readonly ImportedFile[]) => void;
  readonly receiveSets: (sets: readonly CompiledSet[]) => void;
  readonly setOptions: (changes: Partial<CompileOptions>) => void;
  readonly setTokenizer: (id: string) => void;
  /** Changes the form; files that are not in the project (any more) are left out. */
  readonly setForm: (changes: Partial<CompileForm>) => void;
  readonly setScope: (scope: CompileSlice['scope']) => void;
  readonly loadTokenizers: () => Promise<void>;
  /** Compiles one trajectory with the form's options; nothing is stored. */
  readonly runPreview: (trajectoryId: string) => Promise<void>;
  readonly resume: (setId: string) => Promise<void>;
  readonly chooseSet: (setId: string | null) => void;
  readonly renameSet: (setId: string, name: string) => Promise<void>;
  readonly deleteSet: (setId: string) => Promise<void>;
  readonly loadRejections: (setId: string) => Promise<void>;
}

const initialCompileState: Pick<
  CompileSlice,
  | 'options'
  | 'tokenizerId'
  | 'tokenizers'
  | 'databaseFileIds'
  | 'benchmarkFileIds'
  | 'scope'
  | 'preview'
  | 'sets'
  | 'currentSetId'
  | 'rejections'
> = {
  options: null,
  tokenizerId: 'qwen3',
  tokenizers: [],
  databaseFileIds: [],
  benchmarkFileIds: [],
  scope: 'all',
  preview: { trajectoryId: null, status: 'idle' },
  sets: [],
  currentSetId: null,
  rejections: {},
};

export const createCompileSlice: SliceCreator<CompileSlice> = ({ set, get, app, data }) => {
  const report = (failure: Failure): void =>
    app().ui.notify('error', failure.message, failure.advice ?? undefined);

  /** Files that were offered to the form once; a reader's choice against one is kept. */
  const known = new Set<string>();

  return {
    ...initialCompileState,
    receiveDefaults: (options, settings) => {
      const form = readForm(settings);
      app().ui.setCuration(readCuration(settings));
      known.clear();
      set({
        options: { ...options, ...form?.options },
        tokenizerId: form?.tokenizerId ?? initialCompileState.tokenizerId,
        databaseFileIds: [],
        benchmarkFileIds: [],
        preview: { trajectoryId: null, status: 'idle' },
      });
    },
    receiveFiles: (files) => {
      const present = new Set(files.map((file) => file.id));
      const fresh = (wanted: (file: ImportedFile) => boolean, use: string): number[] =>
        files.flatMap((file) => {
          const key = `${use}/${file.id}`;
          if (file.phase !== 'done' || !wanted(file) || known.has(key)) return [];
          known.add(key);
          return [file.id];
        });
      const databases = fresh((file) => file.databases.length > 0, 'database');
      const benchmarks = fresh((file) => file.role === 'benchmark', 'benchmark');
      app().ui.addToRecipes(databases, benchmarks);
      const { databaseFileIds, benchmarkFileIds } = get();
      const keep = (ids: readonly number[], more: readonly number[]): readonly number[] =>
        more.length === 0 && ids.every((id) => present.has(id))
          ? ids
          : [...ids.filter((id) => present.has(id)), ...more];
      set({
        databaseFileIds: keep(databaseFileIds, databases),
        benchmarkFileIds: keep(benchmarkFileIds, benchmarks),
      });
    },
    receiveSets: (sets) =>
      set(({ currentSetId }) => ({
        sets,
        currentSetId: sets.some(({ id }) => id === currentSetId)
          ? currentSetId
          : (sets[sets.length - 1]?.id ?? null),
      })),
    setOptions: (changes) =>
      set(({ options }) => ({ options: options ? { ...options, ...changes } : options })),
    setTokenizer: (tokenizerId) => set({ tokenizerId }),
    setForm: (changes) => {
      const present = new Set(app().project.files.map(({ id }) => id));
      const { databaseFileIds, benchmarkFileIds } = { ...get(), ...changes };
      set({
        ...changes,
        databaseFileIds: databaseFileIds.filter((id) => present.has(id)),
        benchmarkFileIds: benchmarkFileIds.filter((id) => present.has(id)),
      });
    },
    setScope: (scope) => set({ scope }),
    loadTokenizers: async () => set({ tokenizers: await data.listTokenizers() }),
    runPreview: async (trajectoryId) => {
      const { options, tokenizerId, databaseFileIds, benchmarkFileIds } = get();
      if (!options) return;
      set({ preview: { trajectoryId, status: 'loading' } });
      const request = { options, tokenizerId, databaseFileIds, benchmarkFileIds };
      const result = await data.previewCompile(trajectoryId, request);
      if (get().preview.trajectoryId !== trajectoryId || get().options !== options) return;
      if (result.ok) set({ preview: { trajectoryId, status: 'ready', value: result.value } });
      else {
        const { code, message, advice } = result;
        set({ preview: { trajectoryId, status: 'failed', code, message, advice } });
      }
    },
    resume: async (setId) => {
      const resumed = await data.resumeCompile(setId);
      if (!resumed.ok) report(resumed);
    },
    chooseSet: (currentSetId) => set({ currentSetId }),
    renameSet: async (setId, name) => {
      const renamed = await data.renameSet(setId, name);
      if (!renamed.ok) report(renamed);
    },
    deleteSet: async (setId) => {
      const deleted = await data.deleteSet(setId);
      if (!deleted.ok) report(deleted);
    },
    loadRejections: async (setId) => {
      const summary = await data.rejectionSummary(setId);
      set(({ rejections }) => ({ rejections: { ...rejections, [setId]: summary } }));
    },
  };
};
