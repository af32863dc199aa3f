import type { CompileOptions, Example } from '../compile/types.ts';
import type { JsonValue } from '../core/json.ts';
import type { MechanismDocument } from '../mechanism/document.ts';
import type { LoadOptions } from '../model/planner.ts';
import type { Prompt } from '../model/prompt.ts';
import type { TrainConfig } from '../train/config.ts';
import type { AgentKind, Issue, Trajectory } from '../trajectories/schema.ts';
import type {
  CompiledSet,
  CompileRequest,
  DataApi,
  ExampleFilter,
  ExampleRow,
  ExportFormat,
  ExportResult,
  Failure,
  ImportedFile,
  ImportSource,
  Job,
  Result,
  TrajectoryFilter,
  TrajectoryRow,
} from '../workers/dataApi.ts';
import type {
  AdapterSource,
  EvidenceCheck,
  GenerateRequest,
  GenerationReport,
  GpuProbe,
  LoadedModel,
  MeasureRequest,
  ModelCard,
  ModelSource,
  PlanReport,
  Runtime,
  RuntimeCheck,
} from '../workers/engineApi.ts';
import type { MapOptions, MapTexts, QueryMap } from '../workers/mapApi.ts';
import type { DocumentSummary } from '../workers/mechanismApi.ts';
import type { StoredRun } from '../workers/trainingApi.ts';
import { everyExample, everyTrajectory } from './filters.ts';
import type { MapSource } from './mapSlice.ts';
import { initialModelState } from './modelSlice.ts';
import type { AppState, AppStore } from './store.ts';

/** Events of `workbench.on`. */
interface WorkbenchEvents {
  /** A job began, moved or ended. */
  readonly job: Job;
  /** Files were added, read or removed. */
  readonly files: readonly ImportedFile[];
  /** The number of trajectories in the project. */
  readonly trajectories: number;
  readonly sets: readonly CompiledSet[];
}

/** What `inspect` prints: one entry a file. */
interface Inspection {
  readonly file: ImportedFile;
  readonly kinds: Readonly<Record<string, number>>;
  readonly issues: readonly Issue[];
}

/** Options of `compile`; what is not given is as in the form's defaults. */
interface CompileArguments {
  readonly options?: Partial<CompileOptions>;
  readonly name?: string;
  /** `qwen3`, or `file:<id>` of an imported tokenizer.json. */
  readonly tokenizer?: string;
  readonly selection?: CompileRequest['selection'];
  /** Ids of imported files with databases; all of them when left out. */
  readonly databases?: readonly number[];
  readonly benchmarks?: readonly number[];
}

/** An expected failure of a call from the console, thrown so that `await` shows it. */
class WorkbenchCallError extends Error {
  readonly code: string;
  constructor(failure: Failure) {
    const { message, advice } = failure;
    // Messages of typed errors end in their advice already.
    super(advice && !message.includes(advice) ? `${message} (${advice})` : message);
    this.name = 'WorkbenchCallError';
    this.code = failure.code;
  }
}

/**
 * `window.workbench`: everything that the page does, for lectures, notebooks and tests. Methods resolve when the
 * work has ended; expected failures reject with `WorkbenchCallError`.
 */
interface Workbench {
  /** Version of this object's contract; raised when a method changes its meaning. */
  readonly version: 1;
  /** Resolves when a project is open. */
  readonly ready: Promise<void>;
  importFiles(files: readonly (File | URL | string)[]): Promise<readonly ImportedFile[]>;
  openSamples(): Promise<readonly ImportedFile[]>;
  newProject(name: string): Promise<void>;
  /** The open project as one file, everything in it. */
  saveProject(): Promise<File>;
  /** Opens a file that `saveProject` made as a project of its own. */
  openProject(file: File): Promise<void>;
  /** What was recognised in each file, with the first thousand issues. */
  inspect(): Promise<readonly Inspection[]>;
  listTrajectories(query?: {
    readonly filter?: Partial<TrajectoryFilter>;
    readonly offset?: number;
    readonly limit?: number;
  }): Promise<{ readonly total: number; readonly rows: readonly TrajectoryRow[] }>;
  /** Texts longer than 256 Ki characters are cut; `data.readStepText` gives the rest. */
  openTrajectory(id: string): Promise<Trajectory>;
  setKind(ids: string | readonly string[], kind: AgentKind | null): Promise<void>;
  /** Compiles and resolves to the finished set. `onProgress` is called as the job moves. */
  compile(given?: CompileArguments, onProgress?: (job: Job) => void): Promise<CompiledSet>;
  listSets(): readonly CompiledSet[];
  listExamples(
    setId: string,
    query?: {
      readonly filter?: Partial<ExampleFilter>;
      readonly offset?: number;
      readonly limit?: number;
    },
  ): Promise<{ readonly total: number; readonly rows: readonly ExampleRow[] }>;
  readExample(setId: string, id: string): Promise<Example>;
  excludeExamples(setId: string, ids: readonly string[], excluded?: boolean): Promise<void>;
  /** The exported file; nothing is saved to disk. */
  exportSet(setId: string, format: ExportFormat): Promise<ExportResult>;
  cancel(jobId: string): void;
  /** What computes here; asks for the GPU device. */
  probeGpu(): Promise<GpuProbe>;
  /** Opens a checkpoint (an address, files of a folder, or the one that is open) and plans its memory. */
  planModel(
    model?: string | URL | readonly File[] | ModelSource,
    options?: Partial<LoadOptions>,
  ): Promise<PlanReport & { readonly card: ModelCard }>;
  /**
   * Like `planModel`, then loads it. `adapter`: a PEFT folder (its address or files) to merge in, null for none;
   * left out, the one that was opened for this checkpoint.
   */
  loadModel(
    model?: string | URL | readonly File[] | ModelSource,
    options?: Partial<LoadOptions>,
    adapter?: string | URL | readonly File[] | AdapterSource | null,
  ): Promise<LoadedModel>;
  /** Generates with the loaded model; greedy and up to 256 tokens unless told otherwise. */
  generate(
    prompt: string | Prompt,
    options?: Partial<Omit<GenerateRequest, 'prompt' | 'sampling'>> & {
      readonly sampling?: Partial<GenerateRequest['sampling']>;
    },
  ): Promise<GenerationReport>;
  /**
   * Measures the loaded model inside: attention and routing on examples of a set (the first 8 unless told
   * otherwise), of a file, or given as objects. `adapters` are those opened for this checkpoint, by sha256 or name.
   * The document is kept, shown in the Mechanism view, and returned.
   */
  measure(
    given: {
      readonly setId?: string;
      readonly ids?: readonly string[];
      readonly file?: File;
      readonly rows?: readonly JsonValue[];
      readonly limit?: number;
      readonly adapters?: readonly string[];
      readonly controls?: readonly string[];
      readonly name?: string;
    } & MeasureRequest['options'],
  ): Promise<MechanismDocument>;
  /** Opens mechanism documents of any program; the last is shown. */
  openMechanism(files: readonly File[]): Promise<readonly DocumentSummary[]>;
  /**
   * The map of a set's queries, or of texts given, by the loaded model's mean hidden state or the opened embedding model;
   * also shown in QA.
   */
  mapQueries(
    setId: string | null,
    options?: Partial<MapOptions> & { readonly texts?: MapTexts; readonly source?: MapSource },
  ): Promise<QueryMap>;
  /** Scores the answer of an example of a set under the loaded model, with and without its evidence. */
  checkEvidence(setId: string, id: string, options?: { readonly pieces?: boolean }): Promise<EvidenceCheck>;
  unloadModel(): Promise<void>;
  /** What the next load runs on; remembered. */
  setRuntime(runtime: Runtime): Promise<void>;
  /** The same tokens through the model loaded on WebGPU and through onnxruntime; 32 greedy tokens unless told otherwise. */
  checkRuntimes(prompt: string | Prompt, maxNewTokens?: number): Promise<RuntimeCheck>;
  /**
   * Trains an adapter for the opened model on a compiled set (its id) or a file of examples; what `config` leaves out
   * is as in the form. Resolves when the run has ended.
   */
  train(examples: string | File, config?: Partial<TrainConfig>): Promise<StoredRun>;
  /** Goes on with a kept run that was stopped or interrupted; its model and set are opened again where they can be. */
  resumeTraining(runId: string): Promise<StoredRun>;
  /** The files of a run: adapter, record, metrics. */
  runFiles(runId: string): Promise<readonly File[]>;
  /** Goes to an address of the page, e.g. `#/trajectories/run-1?step=3`. */
  goTo(hash: string): void;
  on<K extends keyof WorkbenchEvents>(event: K, listener: (value: WorkbenchEvents[K]) => void): () => void;
  /** The data worker itself, for what has no method here. */
  readonly data: DataApi;
}

declare global {
  interface Window {
    workbench: Workbench;
  }
}

/** Files of a `webkitdirectory` input, or of a list made by hand, as a folder; addresses as they are. */
function modelSourceOf<T extends ModelSource>(model: string | URL | readonly File[] | T): T | AdapterSource {
  if (typeof model === 'string' || model instanceof URL) {
    return { type: 'url', url: new URL(model, document.baseURI).href };
  }
  if ('type' in model) return model;
  return {
    type: 'folder',
    name: model[0]?.webkitRelativePath.split('/')[0] || 'files',
    files: model.map((file) => ({ path: file.webkitRelativePath || file.name, file })),
  };
}

function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new WorkbenchCallError(result);
}

const defaultLimit = 100;

/** Builds the scripting object over the store and the data worker. */
function createWorkbench(store: AppStore, data: DataApi): Workbench {
  const state = (): AppState => store.getState();

  const when = (condition: (state: AppState) => boolean): Promise<void> =>
    new Promise((resolve) => {
      if (condition(state())) return resolve();
      const stop = store.subscribe((next) => {
        if (!condition(next)) return;
        stop();
        resolve();
      });
    });

  const jobOf = (id: string) => (app: AppState) => app.jobs.list.find((job) => job.id === id);

  const jobEnded = async (id: string, onProgress?: (job: Job) => void): Promise<Job> => {
    const find = jobOf(id);
    let last: Job | undefined;
    await when((app) => {
      const job = find(app);
      if (job && job !== last) onProgress?.(job);
      last = job;
      return job !== undefined && job.phase !== 'running';
    });
    const job = find(state());
    if (!job) throw new Error(`The job ${id} is not known`);
    if (job.phase !== 'done') {
      const message = job.message ?? `The ${job.kind} job ended as ${job.phase}`;
      throw new WorkbenchCallError({ ok: false, code: job.phase, message, advice: null });
    }
    return job;
  };

  const ready = when(({ project }) => project.phase !== 'starting');

  const importSources = async (sources: readonly ImportSource[]): Promise<readonly ImportedFile[]> => {
    await ready;
    const known = new Set(state().project.files.map((file) => file.id));
    const { jobId } = unwrap(await data.importSources(sources));
    await jobEnded(jobId);
    return state().project.files.filter((file) => !known.has(file.id));
  };

  const sourceOf = (file: File | URL | string): ImportSource =>
    file instanceof File
      ? { type: 'file', file, path: file.name }
      : { type: 'url', url: new URL(file, document.baseURI).href };

  const trained = (run: StoredRun | null): StoredRun => {
    if (run) return run;
    const { failure } = state().train;
    throw new WorkbenchCallError({
      ok: false,
      code: 'training-failed',
      message: failure?.message ?? 'Training was stopped',
      advice: failure?.advice ?? null,
    });
  };

  const planModel: Workbench['planModel'] = async (model, options = {}) => {
    await state().model.connect();
    if (model !== undefined) unwrap(await state().model.open(modelSourceOf(model)));
    await state().model.setOptions(options);
    const { plan, planFailure, card } = state().model;
    if (planFailure) throw new WorkbenchCallError(planFailure);
    if (!plan || card.status !== 'ready') {
      const message = card.status === 'ready' ? 'There is no GPU to plan for' : 'No model is open';
      throw new WorkbenchCallError({ ok: false, code: 'no-plan', message, advice: null });
    }
    return { ...plan, card: card.value };
  };

  return {
    version: 1,
    ready,
    data,
    importFiles: (files) => importSources(files.map(sourceOf)),
    openSamples: async () => {
      await ready;
      await state().project.openSamples();
      await when(
        ({ project, jobs }) => project.files.length > 0 && !jobs.list.some((job) => job.phase === 'running'),
      );
      return state().project.files;
    },
    saveProject: async () => {
      await ready;
      const { jobId } = unwrap(await data.saveProject({ withReferenced: true, withCheckpoints: true }));
      const { file, fileName } = unwrap(await data.savedProject(jobId));
      if (!file) throw new Error('Internal error: the project was saved elsewhere');
      return new File([file], fileName);
    },
    openProject: async (file) => {
      await ready;
      const { jobId } = await data.openProjectFile(file);
      await state().project.openProject(unwrap(await data.openedProjectFile(jobId)));
    },
    newProject: async (name) => {
      await ready;
      await state().project.createProject(name);
    },
    inspect: async () => {
      await ready;
      return Promise.all(
        state().project.files.map(async (file) => {
          const filter = { ...everyTrajectory, fileIds: [file.id] };
          const facets = await data.trajectoryFacets(filter);
          const page = await data.queryIssues({ fileId: file.id, severities: null, offset: 0, limit: 1000 });
          const kinds = Object.fromEntries(facets.kinds.map(({ value, count }) => [value, count]));
          return { file, kinds, issues: page.issues };
        }),
      );
    },
    listTrajectories: async (query = {}) => {
      await ready;
      return data.queryTrajectories({
        filter: { ...everyTrajectory, ...query.filter },
        sort: { column: 'row', descending: false },
        offset: query.offset ?? 0,
        limit: query.limit ?? defaultLimit,
      });
    },
    openTrajectory: async (id) => {
      await ready;
      const query = { filter: everyTrajectory, sort: { column: 'row', descending: false } } as const;
      return unwrap(await data.openTrajectory(id, query)).trajectory;
    },
    setKind: async (ids, kind) => {
      unwrap(await data.setKind(typeof ids === 'string' ? [ids] : ids, kind));
    },
    compile: async (given = {}, onProgress) => {
      await ready;
      const { options, tokenizerId, benchmarkFileIds } = state().compile;
      if (!options) throw new Error('Internal error: no project is open');
      const allDatabases = state().project.files.filter((file) => file.databases.length > 0);
      const { jobId, setId } = unwrap(
        await data.startCompile({
          name: given.name ?? null,
          options: { ...options, ...given.options },
          tokenizerId: given.tokenizer ?? tokenizerId,
          selection: given.selection ?? { type: 'all' },
          databaseFileIds: given.databases ?? allDatabases.map((file) => file.id),
          benchmarkFileIds: given.benchmarks ?? benchmarkFileIds,
        }),
      );
      await jobEnded(jobId, onProgress);
      const set = (await data.listSets()).find(({ id }) => id === setId);
      if (!set) throw new Error(`Internal error: the set ${setId} is not listed`);
      state().compile.chooseSet(setId);
      state().examples.chooseSet(setId);
      return set;
    },
    listSets: () => state().compile.sets,
    listExamples: async (setId, query = {}) =>
      data.queryExamples({
        setId,
        filter: { ...everyExample, ...query.filter },
        sort: { column: 'row', descending: false },
        offset: query.offset ?? 0,
        limit: query.limit ?? defaultLimit,
      }),
    readExample: async (setId, id) => unwrap(await data.readExample(setId, id)).example,
    excludeExamples: async (setId, ids, excluded = true) => {
      unwrap(
        await data.excludeExamples(setId, ids, excluded, `${excluded ? 'exclude' : 'include'} by script`),
      );
    },
    exportSet: async (setId, format) => {
      const { jobId } = unwrap(await data.exportSet({ setId, format, ids: null }));
      return unwrap(await data.exportResult(jobId));
    },
    cancel: (jobId) => {
      void data.cancel(jobId);
    },
    probeGpu: async () => {
      await state().model.connect();
      const { probe } = state().model;
      if (!probe) throw new Error('Internal error: the GPU was not probed');
      return probe;
    },
    planModel,
    loadModel: async (model, options, adapter) => {
      await planModel(model, options);
      if (adapter === null) await state().model.closeAdapter();
      else if (adapter !== undefined) unwrap(await state().model.openAdapter(modelSourceOf(adapter)));
      return unwrap(await state().model.load());
    },
    generate: async (prompt, options = {}) => {
      const { sampling, ...rest } = options;
      return unwrap(
        await state().model.generate({
          prompt: typeof prompt === 'string' ? { kind: 'text', text: prompt } : prompt,
          maxNewTokens: 256,
          ...rest,
          sampling: { ...initialModelState.sampling, topLogprobs: 0, ...sampling },
        }),
      );
    },
    measure: async ({
      setId,
      ids,
      file,
      rows,
      limit = 8,
      adapters = [],
      controls = [],
      name,
      ...options
    }) => {
      await ready;
      const { mechanism, compile } = state();
      await mechanism.loadAdapters();
      const cards = state().mechanism.adapters;
      const subjectOf = (asked: string, kind: 'adapter' | 'control') => {
        const card = cards.find((each) => each.sha256 === asked || each.name === asked);
        if (card) return { name: card.name, kind, adapterSha256: card.sha256, ...(card.step === null ? {} : { step: card.step }) }; // prettier-ignore
        const message = `The adapter ${asked} is not open`;
        throw new WorkbenchCallError({
          ok: false,
          code: 'no-adapter',
          message,
          advice: 'open it with loadModel',
        });
      };
      const chosen = setId ?? compile.currentSetId;
      const from = rows ? ({ type: 'rows', rows } as const) : file ? ({ type: 'file', file, limit } as const) : chosen !== null ? ({ type: 'set', setId: chosen, limit, ...(ids ? { ids } : {}) } as const) : null; // prettier-ignore
      if (!from) {
        const message = 'There is nothing to measure on';
        throw new WorkbenchCallError({
          ok: false,
          code: 'no-items',
          message,
          advice: 'compile a set, or give rows',
        });
      }
      const saved = await mechanism.measure({
        data: from,
        subjects: [
          { name: 'base', kind: 'base', adapterSha256: null },
          ...adapters.map((each) => subjectOf(each, 'adapter')),
          ...controls.map((each) => subjectOf(each, 'control')),
        ],
        options,
        ...(name === undefined ? {} : { name }),
      });
      return unwrap(await mechanism.read(unwrap(saved).id));
    },
    openMechanism: async (files) => {
      await ready;
      await state().mechanism.connect();
      const known = new Set(state().mechanism.documents.map(({ id }) => id));
      await state().mechanism.openFiles(files);
      const { failure, documents } = state().mechanism;
      if (failure) throw new WorkbenchCallError({ ok: false, code: 'bad-document', ...failure });
      return documents.filter(({ id }) => !known.has(id));
    },
    mapQueries: async (setId, { texts, source, ...options } = {}) => {
      await ready;
      const { map, compile } = state();
      if (source) map.setSource(source);
      map.setOptions(options);
      return unwrap(await map.make(setId ?? compile.currentSetId ?? '', texts));
    },
    checkEvidence: async (setId, id, { pieces = false } = {}) => {
      await ready;
      const { example } = unwrap(await data.readExample(setId, id));
      const row = example as unknown as JsonValue;
      return unwrap(await state().model.checkEvidence(`${setId}/${id}`, { row, pieces }));
    },
    unloadModel: () => state().model.unload(),
    setRuntime: async (runtime) => {
      await state().model.connect();
      await state().model.setRuntime(runtime);
    },
    checkRuntimes: async (prompt, maxNewTokens = 32) =>
      unwrap(
        await state().model.checkRuntimes(
          typeof prompt === 'string' ? { kind: 'text', text: prompt } : prompt,
          maxNewTokens,
        ),
      ),
    train: async (examples, config = {}) => {
      await ready;
      await state().train.connect();
      const set = state().compile.sets.find(({ id }) => id === examples);
      await state().train.setConfig(config);
      await state().train.choose(
        typeof examples === 'string'
          ? { type: 'set', setId: examples, name: set?.name ?? examples }
          : { type: 'file', file: examples, name: examples.name },
      );
      return trained(await state().train.start());
    },
    resumeTraining: async (runId) => {
      await ready;
      await state().model.connect();
      await state().train.connect();
      return trained(await state().train.start(runId));
    },
    runFiles: (runId) => state().train.files(runId),
    goTo: (hash) => state().route.receiveHash(hash),
    on: (event, listener) => {
      const read: { [K in keyof WorkbenchEvents]: (app: AppState) => unknown } = {
        job: ({ jobs }) => jobs.list,
        files: ({ project }) => project.files,
        trajectories: ({ trajectories }) => trajectories.count,
        sets: ({ compile }) => compile.sets,
      };
      const call = listener as (value: unknown) => void;
      return store.subscribe((next, before) => {
        if (event === 'job') {
          for (const job of next.jobs.list) if (!before.jobs.list.includes(job)) call(job);
        } else if (read[event](next) !== read[event](before)) call(read[event](next));
      });
    },
  };
}

/** Puts the scripting object on the page. */
export function installWorkbench(store: AppStore, data: DataApi): void {
  window.workbench = createWorkbench(store, data);
}
