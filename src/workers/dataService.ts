import { WorkbenchError } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';
import { MemoryFolder } from '../storage/memoryFolder.ts';
import { openOpfs } from '../storage/opfsFolder.ts';
import { readHandle } from '../storage/handles.ts';
import { ProjectStore } from '../storage/projects.ts';
import type { StoredProject } from '../storage/projectSchema.ts';
import { defaultCompileOptions } from '../compile/options.ts';
import { formats } from '../trajectories/formats/registry.ts';
import type { AgentKind, Issue } from '../trajectories/schema.ts';
import { CompileService } from './compileService.ts';
import type {
  DataApi,
  DataEvent,
  Failure,
  ImportSource,
  IssuePage,
  IssueQuery,
  OpenedProject,
  ProjectSummary,
  Result,
  StorageState,
} from './dataApi.ts';
import { EventHub } from './eventHub.ts';
import { copyLimitBytes, count, runImport } from './importJob.ts';
import { JobRunner } from './jobs.ts';
import { agentTurns } from './maskView.ts';
import { ProjectSession } from './projectSession.ts';
import { RecordReader } from './recordReader.ts';
import { TokenizerShelf } from './tokenizers.ts';
import { withWorldsMade } from './worldSource.ts';

/** An expected failure as a value. Bugs are thrown on. */
export function failureOf(error: unknown): Failure {
  if (error instanceof WorkbenchError) {
    return { ok: false, code: error.code, message: error.message, advice: error.detail.advice ?? null };
  }
  throw error;
}

/** Runs something that may fail in an expected way. */
export async function attempt<T>(work: () => Promise<T> | T): Promise<Result<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return failureOf(error);
  }
}

const failure = (code: string, message: string, advice: string | null): Failure => ({
  ok: false,
  code,
  message,
  advice,
});

/** Lets go of a Web Lock. */
type Unlock = () => void;

/**
 * Takes the lock of a project; null when another tab has it. Without Web Locks there is one tab's word for it.
 */
function lockProject(id: string): Promise<Unlock | null> {
  const locks = typeof navigator === 'undefined' ? undefined : navigator.locks;
  if (!locks) return Promise.resolve(() => undefined);
  return new Promise((resolve) => {
    void locks.request(`acc-workbench/${id}`, { ifAvailable: true }, (lock) => {
      if (!lock) {
        resolve(null);
        return undefined;
      }
      return new Promise<void>((release) => resolve(release));
    });
  });
}

/** The data worker's methods over one open project. */
export class DataService implements DataApi {
  readonly #hub = new EventHub();
  readonly #jobs = new JobRunner(this.#hub);
  readonly #tokenizers = new TokenizerShelf(() => this.#baseUrl);
  #baseUrl = '';
  #store: ProjectStore | null = null;
  #storage: StorageState | null = null;
  #session: ProjectSession | null = null;
  #compile: CompileService | null = null;
  #reader: RecordReader | null = null;
  #unlock: Unlock | null = null;
  readonly #poolSize: number;

  constructor(poolSize: number) {
    this.#poolSize = poolSize;
  }

  get #open(): { session: ProjectSession; compile: CompileService; reader: RecordReader } {
    if (!this.#session || !this.#compile || !this.#reader) {
      throw new Error('Internal error: the data worker was asked before a project was open');
    }
    return { session: this.#session, compile: this.#compile, reader: this.#reader };
  }

  async start(
    onEvents: (events: readonly DataEvent[]) => void,
    baseUrl: string,
  ): Promise<Result<OpenedProject>> {
    this.#baseUrl = baseUrl;
    this.#hub.listen(onEvents);
    const opfs = await openOpfs();
    this.#store = new ProjectStore(opfs.folder ?? new MemoryFolder());
    this.#storage = {
      kind: opfs.folder ? 'opfs' : 'memory',
      reason: opfs.reason,
      usageBytes: null,
      quotaBytes: null,
      copyLimitBytes,
    };
    await this.#measureStorage();
    for (const project of await this.#store.list()) {
      const opened = await this.#openStored(project);
      if (opened) return { ok: true, value: opened };
      this.#hub.emit({
        type: 'notice',
        severity: 'warning',
        code: 'project-in-use',
        message: `“${project.name}” is open in another tab, so this tab works in another project.`,
      });
    }
    return this.createProject('My trajectories');
  }

  async #measureStorage(): Promise<void> {
    if (!this.#storage) return;
    try {
      const { usage, quota } = await navigator.storage.estimate();
      this.#storage = { ...this.#storage, usageBytes: usage ?? null, quotaBytes: quota ?? null };
      this.#hub.emit({ type: 'storage', storage: this.#storage });
    } catch {
      // The figures are for information only.
    }
  }

  /** Null when another tab has the project open. */
  async #openStored(project: StoredProject): Promise<OpenedProject | null> {
    const store = this.#needStore();
    const unlock = await lockProject(project.id);
    if (!unlock) return null;
    await this.#closeSession();
    this.#unlock = unlock;
    const session = new ProjectSession(project, store, this.#hub, () => Date.now());
    await session.restore();
    this.#session = session;
    this.#reader = new RecordReader(session);
    this.#compile = new CompileService(session, this.#tokenizers, this.#jobs, this.#hub, {
      poolSize: this.#poolSize,
    });
    await this.#compile.restore();
    return this.#opened();
  }

  async #opened(): Promise<OpenedProject> {
    const { session, compile } = this.#open;
    if (!this.#storage) throw new Error('Internal error: storage was not looked at');
    return {
      project: session.summary(),
      projects: await this.listProjects(),
      storage: this.#storage,
      files: session.listFiles(),
      trajectoryCount: session.index.length,
      sets: compile.listSets(),
      settings: session.settings,
      poolSize: this.#poolSize,
      formats: formats.map(({ id, label }) => ({ id, label })),
      defaultOptions: defaultCompileOptions,
    };
  }

  async #closeSession(): Promise<void> {
    if (!this.#session) return;
    await this.#jobs.cancelAll();
    await this.#compile?.close();
    await this.#session.settle();
    this.#unlock?.();
    this.#session = null;
  }

  #needStore(): ProjectStore {
    if (!this.#store) throw new Error('Internal error: the data worker was not started');
    return this.#store;
  }

  async listProjects(): Promise<readonly ProjectSummary[]> {
    const stored = await this.#needStore().list();
    return stored.map((project) =>
      project.id === this.#session?.id
        ? this.#session.summary()
        : {
            id: project.id,
            name: project.name,
            createdAt: project.createdAt,
            changedAt: project.changedAt,
            fileCount: project.files.length,
            trajectoryCount: project.trajectoryCount,
            setCount: project.setIds.length,
            sizeBytes: project.sizeBytes,
            isSample: project.isSample,
          },
    );
  }

  async openProject(id: string): Promise<Result<OpenedProject>> {
    const project = await this.#needStore().read(id);
    if (!project) {
      return failure(
        'no-project',
        'This project is not there any more',
        'It may have been deleted in another tab.',
      );
    }
    const opened = await this.#openStored(project);
    if (!opened) {
      return failure('project-in-use', 'This project is open in another tab', 'Close it there first.');
    }
    return { ok: true, value: opened };
  }

  async createProject(name: string, isSample = false): Promise<Result<OpenedProject>> {
    return attempt(async () => {
      const store = this.#needStore();
      const id = crypto.randomUUID();
      const opened = await this.#openStored(await store.create(id, name, Date.now(), isSample));
      if (!opened) throw new Error('Internal error: a new project was locked');
      return opened;
    });
  }

  async deleteProject(id: string): Promise<Result<null>> {
    if (id === this.#session?.id) {
      return failure('project-open', 'The open project cannot be deleted', 'Open another project first.');
    }
    const unlock = await lockProject(id);
    if (!unlock)
      return failure('project-in-use', 'This project is open in another tab', 'Close it there first.');
    await this.#needStore().delete(id);
    unlock();
    await this.#measureStorage();
    return { ok: true, value: null };
  }

  async saveSettings(settings: JsonValue): Promise<void> {
    const { session } = this.#open;
    session.settings = settings;
    session.changed();
  }

  async importSources(sources: readonly ImportSource[]): Promise<Result<{ jobId: string }>> {
    const { session } = this.#open;
    const isMade = sources.some(({ type }) => type === 'world');
    const label = isMade ? 'Making trajectories' : `Import of ${count(sources.length, 'file', 'files')}`;
    const jobId = this.#jobs.start('import', label, {}, async (job) => {
      await runImport(session, await withWorldsMade(sources), job, this.#storage?.kind === 'opfs');
      await this.#measureStorage();
      this.#compile?.inputsChanged('trajectories were added');
    });
    return { ok: true, value: { jobId } };
  }

  async removeFile(fileId: number): Promise<Result<null>> {
    const { session, compile, reader } = this.#open;
    await session.removeFile(fileId);
    reader.forget();
    compile.inputsChanged('a file was removed');
    await this.#measureStorage();
    return { ok: true, value: null };
  }

  async requestAccess(): Promise<Result<{ granted: number; denied: number }>> {
    const { session } = this.#open;
    await session.reopenHandles();
    let denied = 0;
    let granted = 0;
    for (const file of session.files.values()) {
      if (file.info.keptBy !== 'handle') continue;
      if (file.info.needsPermission) denied++;
      else granted++;
    }
    return { ok: true, value: { granted, denied } };
  }

  async handlesToAsk(): Promise<readonly FileSystemHandle[]> {
    const { session } = this.#open;
    const handles: FileSystemHandle[] = [];
    for (const { info } of session.files.values()) {
      if (!info.needsPermission) continue;
      const handle = await readHandle(session.id, info.id);
      if (handle) handles.push(handle);
    }
    return handles;
  }

  async setFileRole(fileId: number, role: OpenedProject['files'][number]['role']): Promise<Result<null>> {
    this.#open.session.updateFile(fileId, { role });
    return { ok: true, value: null };
  }

  async queryIssues(query: IssueQuery): Promise<IssuePage> {
    const { session } = this.#open;
    const row = query.trajectoryId === undefined ? null : session.index.find(query.trajectoryId);
    const matches = (issue: Issue): boolean =>
      (query.severities === null || query.severities.includes(issue.severity)) &&
      (row === null ||
        (issue.file === session.index.file.at(row) && issue.record === session.index.record.at(row)));
    let notKept = 0;
    const issues: Issue[] = [];
    for (const [id, file] of session.files) {
      if (query.fileId !== null && query.fileId !== id) continue;
      notKept += file.issues.notKept;
      for (const issue of file.issues.kept) if (matches(issue)) issues.push(issue);
    }
    return {
      total: issues.length + notKept,
      notKept,
      issues: issues.slice(query.offset, query.offset + query.limit),
    };
  }

  queryTrajectories: DataApi['queryTrajectories'] = async ({ filter, sort, offset, limit }) => {
    const { session } = this.#open;
    const rows = session.queries.rows(filter, sort);
    return {
      revision: session.revision,
      total: rows.length,
      offset,
      rows: Array.from(rows.subarray(offset, offset + limit), (row) =>
        session.index.row(row, (id) => session.formatLabel(id)),
      ),
    };
  };

  trajectoryFacets: DataApi['trajectoryFacets'] = async (filter) => {
    const { session } = this.#open;
    return session.queries.facets(filter, session.revision);
  };

  trajectoryHistogram: DataApi['trajectoryHistogram'] = async (filter, column, binCount) =>
    this.#open.session.queries.histogram(filter, column, binCount);

  openTrajectory: DataApi['openTrajectory'] = (id, query) => attempt(() => this.#open.reader.open(id, query));
  readStepText: DataApi['readStepText'] = (id, step, start, end) =>
    attempt(() => this.#open.reader.stepText(id, step, start, end));
  readRaw: DataApi['readRaw'] = (id, form, start, end) =>
    attempt(() => this.#open.reader.raw(id, form, start, end));
  searchTrajectory: DataApi['searchTrajectory'] = (id, text, limit) =>
    attempt(() => this.#open.reader.search(id, text, limit));
  locateSource: DataApi['locateSource'] = (id, source) => attempt(() => this.#open.reader.locate(id, source));

  async setKind(ids: readonly string[], kind: AgentKind | null): Promise<Result<null>> {
    const { session, compile } = this.#open;
    for (const id of ids) {
      const row = session.index.find(id);
      if (row === null) continue;
      const inferred = session.index.inferredKind.at(row) as AgentKind;
      if (kind === null || kind === inferred) session.kindOverrides.delete(id);
      else session.kindOverrides.set(id, kind);
      session.index.kind.set(row, kind ?? inferred);
    }
    session.indexChanged(true);
    compile.inputsChanged('kinds were changed');
    return { ok: true, value: null };
  }

  async excludeTrajectories(ids: readonly string[], excluded: boolean): Promise<Result<null>> {
    const { session, compile } = this.#open;
    for (const id of ids) {
      const row = session.index.find(id);
      if (row === null) continue;
      if (excluded) session.excluded.add(id);
      else session.excluded.delete(id);
      session.index.excluded.set(row, excluded ? 1 : 0);
    }
    session.indexChanged(true);
    compile.inputsChanged('trajectories were excluded or included');
    return { ok: true, value: null };
  }

  async listTokenizers(): ReturnType<DataApi['listTokenizers']> {
    return this.#tokenizers.list(this.#open.session);
  }

  previewCompile: DataApi['previewCompile'] = (id, request) =>
    attempt(() => this.#open.compile.preview(id, request));
  startCompile: DataApi['startCompile'] = (request) => attempt(() => this.#open.compile.start(request));
  resumeCompile: DataApi['resumeCompile'] = (setId) => attempt(() => this.#open.compile.resume(setId));
  listSets: DataApi['listSets'] = async () => this.#open.compile.listSets();
  deleteSet: DataApi['deleteSet'] = (setId) => attempt(() => this.#open.compile.deleteSet(setId));
  renameSet: DataApi['renameSet'] = (setId, name) => attempt(() => this.#open.compile.rename(setId, name));
  readReport: DataApi['readReport'] = (setId) => attempt(() => this.#open.compile.report(setId));
  readRecipe: DataApi['readRecipe'] = (setId) => attempt(() => this.#open.compile.recipe(setId));
  exampleOfTrajectory: DataApi['exampleOfTrajectory'] = (setId, id) =>
    attempt(() => this.#open.compile.exampleOf(setId, id));
  readCard: DataApi['readCard'] = (setId) => attempt(() => this.#open.compile.card(setId));
  queryExamples: DataApi['queryExamples'] = (query) => this.#open.compile.queryExamples(query);
  exampleFacets: DataApi['exampleFacets'] = (setId, filter) => this.#open.compile.facets(setId, filter);
  exampleHistogram: DataApi['exampleHistogram'] = (setId, filter, column, binWidth) =>
    this.#open.compile.histogram(setId, filter, column, binWidth);
  evidencePositions: DataApi['evidencePositions'] = (setId, binCount) =>
    this.#open.compile.positions(setId, binCount);
  readQuestions: DataApi['readQuestions'] = (setId) => attempt(() => this.#open.compile.questions(setId));
  readExample: DataApi['readExample'] = (setId, id, query) =>
    attempt(() => this.#open.compile.example(setId, id, query));
  measureExample: DataApi['measureExample'] = (setId, id) =>
    attempt(() => this.#open.compile.measure(setId, id));
  trainingSet: DataApi['trainingSet'] = (setId) => attempt(() => this.#open.compile.trainingSet(setId));
  agentTurns: DataApi['agentTurns'] = (setId, id) =>
    attempt(async () => {
      const { compile, reader } = this.#open;
      const { example } = await compile.example(setId, id);
      return agentTurns(example, (trajectoryId) => reader.readById(trajectoryId));
    });
  inspectMask: DataApi['inspectMask'] = (setId, example, options) =>
    attempt(() => this.#open.compile.inspectMask(setId, example, options));
  rejectionSummary: DataApi['rejectionSummary'] = (setId) => this.#open.compile.rejectionSummary(setId);
  queryRejections: DataApi['queryRejections'] = (query) => this.#open.compile.queryRejections(query);
  excludeExamples: DataApi['excludeExamples'] = (setId, ids, excluded, label) =>
    attempt(() => this.#open.compile.exclude(setId, ids, excluded, label));
  undo: DataApi['undo'] = (setId) => attempt(() => this.#open.compile.undo(setId));
  redo: DataApi['redo'] = (setId) => attempt(() => this.#open.compile.redo(setId));
  editHistory: DataApi['editHistory'] = async (setId) => this.#open.compile.editHistory(setId);
  exportSet: DataApi['exportSet'] = (request) => attempt(() => this.#open.compile.exportSet(request));
  exportResult: DataApi['exportResult'] = (jobId) => attempt(() => this.#open.compile.exportResult(jobId));

  cancel(jobId: string): void {
    this.#jobs.cancel(jobId);
  }
}
