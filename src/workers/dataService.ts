import { InputError, messageOf, WorkbenchError } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';
import type { Folder } from '../storage/folder.ts';
import { MemoryFolder } from '../storage/memoryFolder.ts';
import { openOpfs } from '../storage/opfsFolder.ts';
import { forgetHandles, readHandle } from '../storage/handles.ts';
import { adoptSharedWork } from '../storage/adoptSharedWork.ts';
import {
  lockAtStart,
  lockProject,
  whileLocked,
  type TabMessage,
  type Unlock,
} from '../storage/projectLock.ts';
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
  SavedProject,
  SaveProjectRequest,
  SpaceItem,
  StorageState,
} from './dataApi.ts';
import { EventHub } from './eventHub.ts';
import { attachChosen, copyLimitBytes, count, runImport } from './importJob.ts';
import { JobRunner } from './jobs.ts';
import { agentTurns } from './maskView.ts';
import { ProjectSession } from './projectSession.ts';
import { openProjectFile, saveProject } from './projectTransfer.ts';
import { RecordReader } from './recordReader.ts';
import { findItem, kindOfFolder, measureSpace, removeItem } from './spaceReport.ts';
import { TokenizerShelf } from './tokenizers.ts';
import { withWorldsMade } from './worldSource.ts';

const failure = (code: string, message: string, advice: string | null): Failure => ({
  ok: false,
  code,
  message,
  advice,
});

/** An expected failure as a value. Bugs are thrown on. */
export function failureOf(error: unknown): Failure {
  if (error instanceof WorkbenchError) {
    return { ok: false, code: error.code, message: error.summary, advice: error.detail.advice ?? null };
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

/** How long another tab may take to end what it does; a training run ends with a step and a checkpoint. */
const takeOverWaitMs = 30_000;

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
  /** Made at the start because other tabs had all projects; it goes when one of those is taken over. */
  #standIn: string | null = null;
  /** Where the tabs of this page hear each other. */
  #tabs: BroadcastChannel | null = null;
  #root: Folder = new MemoryFolder();
  readonly #saved = new Map<string, SavedProject>();
  readonly #unpacked = new Map<string, string>();
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
    projectId: string | null = null,
  ): Promise<Result<OpenedProject>> {
    this.#baseUrl = baseUrl;
    this.#hub.listen(onEvents);
    if (typeof BroadcastChannel === 'function') {
      this.#tabs = new BroadcastChannel('acc-workbench projects');
      this.#tabs.onmessage = ({ data }: MessageEvent<TabMessage>) => {
        const id = this.#session?.id;
        if (id === undefined) return;
        if (data.release === id) this.#hub.emit({ type: 'release-asked' });
        if (data.ask === id) this.#tabs?.postMessage({ held: id } satisfies TabMessage);
      };
    }
    const opfs = await openOpfs();
    const root = opfs.folder ?? new MemoryFolder();
    this.#root = root;
    this.#store = new ProjectStore(root);
    this.#storage = {
      kind: opfs.folder ? 'opfs' : 'memory',
      reason: opfs.reason,
      usageBytes: null,
      quotaBytes: null,
      isPersistent: false,
      copyLimitBytes,
    };
    await this.#measureStorage();
    const listed = await this.#store.listToOpen();
    const projects = [
      ...listed.filter(({ id }) => id === projectId),
      ...listed.filter(({ id }) => id !== projectId),
    ];
    await whileLocked('adopt', () => adoptSharedWork(root, projects));
    await this.#store.removeUnfinished();
    for (const [index, project] of projects.entries()) {
      const unlock = await (index === 0 ? lockAtStart(project.id, this.#tabs) : lockProject(project.id));
      if (!unlock) {
        this.#hub.emit({ type: 'in-use', project: { id: project.id, name: project.name } });
        continue;
      }
      const stored = (await this.#store.read(project.id)) ?? project;
      const opened = await attempt(() => this.#openLocked(stored, unlock));
      if (opened.ok) return opened;
      this.#hub.emit({ type: 'notice', severity: 'error', code: opened.code, message: opened.message });
    }
    const created = await this.createProject('My trajectories');
    if (created.ok && projects.length > 0) this.#standIn = created.value.project.id;
    return created;
  }

  async #measureStorage(): Promise<void> {
    if (!this.#storage) return;
    try {
      const { usage, quota } = await navigator.storage.estimate();
      const isPersistent = await navigator.storage.persisted();
      this.#storage = {
        ...this.#storage,
        usageBytes: usage ?? null,
        quotaBytes: quota ?? null,
        isPersistent,
      };
      this.#hub.emit({ type: 'storage', storage: this.#storage });
    } catch {
      // The figures are for information only.
    }
  }

  /** Opens a project whose lock is held; on a failure the lock is let go and the open project stays. */
  async #openLocked(project: StoredProject, unlock: Unlock): Promise<OpenedProject> {
    const store = this.#needStore();
    const session = new ProjectSession(project, store, this.#hub, () => Date.now());
    const compile = new CompileService(session, this.#tokenizers, this.#jobs, this.#hub, {
      poolSize: this.#poolSize,
    });
    try {
      await session.restore();
      await compile.restore();
    } catch (error) {
      unlock();
      throw new InputError('project-damaged', `“${project.name}” could not be read`, {
        actual: messageOf(error),
        advice: 'it is left as it is; open another project, or the file that it was saved in',
      });
    }
    await this.#closeSession();
    await this.#dropStandIn();
    this.#unlock = unlock;
    this.#session = session;
    // A full disk must not keep the project from being opened.
    await store.noteOpened(project.id).catch(() => undefined);
    this.#reader = new RecordReader(session);
    this.#compile = compile;
    return this.#opened();
  }

  /** Removes the project that stood in for those of other tabs, unless it was used. */
  async #dropStandIn(): Promise<void> {
    const id = this.#standIn;
    this.#standIn = null;
    if (id === null) return;
    const store = this.#needStore();
    const [stored, names] = [await store.read(id), await store.folderOf(id).list()];
    const isUnused = stored?.files.length === 0 && names.every((name) => !(name in kindOfFolder));
    if (isUnused) await store.delete(id);
  }

  async #opened(): Promise<OpenedProject> {
    const { session, compile } = this.#open;
    if (!this.#storage) throw new Error('Internal error: storage was not looked at');
    const projects = await this.listProjects();
    // What the project before reported comes before this one.
    this.#hub.flush();
    return {
      project: session.summary(),
      projects,
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
    this.#session = null;
    this.#unlock?.();
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

  async openProject(id: string, takeOver = false): Promise<Result<OpenedProject>> {
    const store = this.#needStore();
    if (takeOver) this.#tabs?.postMessage({ release: id } satisfies TabMessage);
    const unlock = await lockProject(id, takeOver ? AbortSignal.timeout(takeOverWaitMs) : undefined);
    if (!unlock) {
      return takeOver
        ? failure('project-in-use', 'The other tab did not let go of the project', 'Close that tab, then open the project again.') // prettier-ignore
        : failure(
            'project-in-use',
            'This project is open in another tab',
            'Take it over, or close it there.',
          );
    }
    // Read under the lock: the other tab wrote until then.
    const project = await store.read(id);
    if (!project) {
      unlock();
      return failure(
        'no-project',
        'This project is not there any more',
        'It may have been deleted in another tab.',
      );
    }
    return attempt(() => this.#openLocked(project, unlock));
  }

  async releaseProject(): Promise<void> {
    await this.#closeSession();
  }

  async createProject(name: string, isSample = false): Promise<Result<OpenedProject>> {
    return attempt(async () => {
      const store = this.#needStore();
      const id = crypto.randomUUID();
      const unlock = await lockProject(id);
      if (!unlock) throw new Error('Internal error: a new project was locked');
      return this.#openLocked(await store.create(id, name, Date.now(), isSample), unlock);
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
    await forgetHandles(id);
    unlock();
    await this.#measureStorage();
    return { ok: true, value: null };
  }

  async renameProject(name: string): Promise<void> {
    this.#open.session.rename(name);
  }

  async saveProject(request: SaveProjectRequest): Promise<Result<{ jobId: string }>> {
    const { session } = this.#open;
    if (this.#jobs.isRunning()) {
      return failure(
        'project-busy',
        'Something of the project is under way',
        'Wait for its end, or stop it, then save.',
      );
    }
    // Where files lie that were made for a download.
    const outbox = this.#root.folder('acc-workbench').folder('outbox');
    const jobId = this.#jobs.start('save', `Save “${session.summary().name}”`, {}, async (job) => {
      this.#saved.set(job.id, await saveProject(session, outbox, request, job));
    });
    return { ok: true, value: { jobId } };
  }

  async savedProject(jobId: string): Promise<Result<SavedProject>> {
    return this.#outcome(jobId, this.#saved);
  }

  async openProjectFile(file: File): Promise<{ jobId: string }> {
    const jobId = this.#jobs.start('open', `Open ${file.name}`, {}, async (job) => {
      const hasQuota = this.#storage?.kind === 'opfs';
      this.#unpacked.set(job.id, await openProjectFile(file, this.#needStore(), hasQuota, job));
      await this.#measureStorage();
    });
    return { jobId };
  }

  async openedProjectFile(jobId: string): Promise<Result<string>> {
    return this.#outcome(jobId, this.#unpacked);
  }

  /** What a job has left when it ended, or how it failed. */
  async #outcome<T>(jobId: string, results: Map<string, T>): Promise<Result<T>> {
    const job = await this.#jobs.ended(jobId);
    const value = results.get(jobId);
    results.delete(jobId);
    return value === undefined
      ? failure(
          job?.phase === 'cancelled' ? 'cancelled' : 'failed',
          job?.message ?? 'It did not end well',
          null,
        )
      : { ok: true, value };
  }

  async measureSpace(): Promise<readonly SpaceItem[]> {
    await this.#measureStorage();
    return measureSpace(this.#root, this.#needStore());
  }

  async freeSpace(itemId: string): Promise<Result<readonly SpaceItem[]>> {
    if (this.#jobs.isRunning()) {
      return failure('project-busy', 'Something is being written', 'Wait for its end, or stop it first.');
    }
    return attempt(async () => {
      const store = this.#needStore();
      const found = await findItem(this.#root, store, itemId);
      const owner = found?.item.projectId ?? null;
      const isOther = owner !== null && owner !== this.#session?.id;
      const unlock = isOther ? await lockProject(owner) : null;
      if (isOther && !unlock) {
        throw new InputError('project-in-use', 'This project is open in another tab', {
          advice: 'remove it there, or close that tab first',
        });
      }
      try {
        if (found) await removeItem(this.#root, found);
      } finally {
        unlock?.();
      }
      // What could not be written for lack of space is tried again.
      this.#session?.changed();
      return this.measureSpace();
    });
  }

  async saveSettings(settings: JsonValue): Promise<void> {
    // The page may still have been waiting to save what it shows when the project was let go.
    if (!this.#session) return;
    this.#session.settings = settings;
    this.#session.changed();
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

  attachFile: DataApi['attachFile'] = (fileId, source) =>
    attempt(async () => {
      await attachChosen(this.#open.session, fileId, source, this.#storage?.kind === 'opfs');
      await this.#measureStorage();
      return null;
    });

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

  trajectoryIds: DataApi['trajectoryIds'] = async ({ filter, sort, offset, limit }) => {
    const { index, queries } = this.#open.session;
    const rows = queries.rows(filter, sort).subarray(offset, offset + limit);
    return Array.from(rows, (row) => index.id.at(row));
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

  exampleIds: DataApi['exampleIds'] = (query) => this.#open.compile.exampleIds(query);
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
