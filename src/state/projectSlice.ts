import type {
  Failure,
  ImportedFile,
  ImportSource,
  IssuePage,
  IssueQuery,
  JobKind,
  OpenedProject,
  ProjectSummary,
  Result,
  SavedProject,
  SaveProjectRequest,
  SpaceItem,
  StorageState,
} from '../workers/dataApi.ts';
import { goneFailureOf } from '../workers/workerLink.ts';
import type { SliceCreator } from './slice.ts';
import type { AppState } from './store.ts';

/** The open project: its files and where it is kept. */
export interface ProjectSlice {
  /** `released`: another tab has taken the project over, and none is open here. */
  readonly phase: 'starting' | 'ready' | 'failed' | 'released';
  readonly failure: Failure | null;
  readonly project: ProjectSummary | null;
  readonly projects: readonly ProjectSummary[];
  readonly storage: StorageState | null;
  readonly files: readonly ImportedFile[];
  /** Workers that compile in parallel. */
  readonly poolSize: number;
  /** Formats that can be read. */
  readonly formats: OpenedProject['formats'];
  /** Something is dragged over the window. */
  readonly dropping: boolean;
  /** A project that another tab has open and that this one was to open. */
  readonly inUse: Pick<ProjectSummary, 'id' | 'name'> | null;
  /** The open dialog of the project. */
  readonly sheet: 'save' | 'manage' | null;

  readonly receiveOpened: (opened: OpenedProject) => void;
  readonly receiveFailure: (failure: Failure) => void;
  readonly receiveFiles: (files: readonly ImportedFile[]) => void;
  readonly receiveStorage: (storage: StorageState) => void;
  readonly receiveProject: (project: ProjectSummary) => void;
  readonly setDropping: (dropping: boolean) => void;
  /** Imports into the open project and shows the table. Resolves to the job id, or null after a shown failure. */
  readonly importSources: (sources: readonly ImportSource[]) => Promise<string | null>;
  /** Opens the samples in a project of their own. */
  readonly openSamples: () => Promise<void>;
  /** Makes so many runs of scripted agents in a project of their own. */
  readonly makeWorld: (count: number) => Promise<void>;
  /** `takeOver`: also when another tab has it open, which is asked to let go. */
  readonly openProject: (id: string, takeOver?: boolean) => Promise<void>;
  readonly receiveInUse: (project: Pick<ProjectSummary, 'id' | 'name'> | null) => void;
  /** Ends what is under way and lets another tab go on with the project. */
  readonly release: () => Promise<void>;
  readonly setSheet: (sheet: ProjectSlice['sheet']) => void;
  readonly renameProject: (name: string) => Promise<void>;
  readonly measureSpace: () => Promise<readonly SpaceItem[]>;
  /** Removes an item; null after a shown failure. */
  readonly freeSpace: (itemId: string) => Promise<readonly SpaceItem[] | null>;
  /** Saves the open project as one file; null after a shown failure. */
  readonly saveProject: (request: SaveProjectRequest) => Promise<SavedProject | null>;
  /** Opens a saved project as a new one; false after a shown failure. */
  readonly openProjectFile: (file: File) => Promise<boolean>;
  readonly createProject: (name: string) => Promise<void>;
  readonly deleteProject: (id: string) => Promise<void>;
  readonly removeFile: (id: number) => Promise<void>;
  /** Gives a file whose bytes are gone its bytes back. */
  readonly attachFile: (id: number, source: ImportSource) => Promise<void>;
  readonly setFileRole: (id: number, role: ImportedFile['role']) => Promise<void>;
  /** Asks for access to files kept by handle; call in a click. */
  readonly requestAccess: () => Promise<void>;
  readonly queryIssues: (query: IssueQuery) => Promise<IssuePage>;
}

const initialProjectState: Pick<
  ProjectSlice,
  | 'phase'
  | 'failure'
  | 'project'
  | 'projects'
  | 'storage'
  | 'files'
  | 'poolSize'
  | 'formats'
  | 'dropping'
  | 'inUse'
  | 'sheet'
> = {
  phase: 'starting',
  failure: null,
  project: null,
  projects: [],
  storage: null,
  files: [],
  poolSize: 1,
  formats: [],
  dropping: false,
  inUse: null,
  sheet: null,
};

/** What the workers of models write into the open project now, in words. */
function engineWork({ train, evaluate, mechanism }: AppState): string | null {
  if (train.work?.kind === 'training') return 'A training run';
  if (evaluate.runs.some(({ phase }) => phase === 'running')) return 'An evaluation';
  return mechanism.measuring ? 'A measurement' : null;
}

const jobWords: Readonly<Record<JobKind, string>> = {
  import: 'An import',
  compile: 'A compilation',
  export: 'An export',
  save: 'A saving',
  open: 'An unpacking',
};

/**
 * What is under way in the open project, in words; it must end before another one is opened. `endedJob`: a job that is
 * known to have ended, whatever was reported of it so far.
 */
export function openWork(state: AppState, endedJob: string | null = null): string | null {
  const job = state.jobs.list.find(({ id, phase }) => phase === 'running' && id !== endedJob);
  return engineWork(state) ?? (job ? jobWords[job.kind] : null);
}

/** True while leaving the page would lose something: that work, a copy of a model, or a map of queries. */
export function wouldLoseWork(state: AppState): boolean {
  return openWork(state) !== null || state.model.work?.kind === 'keeping' || state.map.work !== null;
}

/** Between two looks whether what was stopped has ended. */
const stopPollMs = 100;

/** Asking for access again; the page's type library does not list it. */
type WithPermission = FileSystemHandle & {
  requestPermission?(options: { mode: 'read' }): Promise<PermissionState>;
};

/** Sample files of the page, as listed in `samples/index.json` beside it. */
async function sampleSources(): Promise<ImportSource[]> {
  const base = new URL('samples/', document.baseURI);
  const response = await fetch(new URL('index.json', base));
  const names = (await response.json()) as string[];
  return names.map((name) => ({ type: 'url', url: new URL(name, base).href }));
}

export const createProjectSlice: SliceCreator<ProjectSlice> = ({ set, get, app, data }) => {
  const report = (failure: Failure): void =>
    app().ui.notify('error', failure.message, failure.advice ?? undefined);

  /** False, with a message, while something of the open project is under way. */
  const mayLeave = (to = 'open another project', work = openWork(app())): boolean => {
    if (work) app().ui.notify('error', `${work} of this project is under way`, `Stop it, or wait for its end, before you ${to}.`); // prettier-ignore
    return work === null;
  };

  /** Opens another project by a call of the data worker; false after a shown failure. */
  const change = async (
    open: () => Promise<Result<OpenedProject>>,
    endedJob: string | null = null,
  ): Promise<boolean> => {
    if (!mayLeave(undefined, openWork(app(), endedJob))) return false;
    const opened = await open();
    if (opened.ok) app().receiveOpened(opened.value);
    else report(opened);
    return opened.ok;
  };

  return {
    ...initialProjectState,
    receiveOpened: (opened) =>
      set({
        phase: 'ready',
        failure: null,
        project: opened.project,
        projects: opened.projects,
        storage: opened.storage,
        files: opened.files,
        poolSize: opened.poolSize,
        formats: opened.formats,
      }),
    receiveFailure: (failure) => set({ phase: 'failed', failure }),
    receiveFiles: (files) => set({ files }),
    receiveStorage: (storage) => set({ storage }),
    receiveProject: (project) =>
      set(({ projects }) => ({
        project,
        projects: [project, ...projects.filter((other) => other.id !== project.id)],
      })),
    receiveInUse: (inUse) => set({ inUse }),
    release: async () => {
      const { train, evaluate, mechanism, model } = app();
      if (train.work?.kind === 'training') train.stop();
      for (const { id, phase } of evaluate.runs) if (phase === 'running') evaluate.cancel(id);
      if (mechanism.measuring) model.cancel();
      while (engineWork(app())) await new Promise((resolve) => setTimeout(resolve, stopPollMs));
      set({ phase: 'released', sheet: null });
      await data.releaseProject();
    },
    setSheet: (sheet) => set({ sheet }),
    renameProject: (name) => data.renameProject(name),
    measureSpace: () => data.measureSpace(),
    freeSpace: async (itemId) => {
      if (!mayLeave('remove something', engineWork(app()))) return null;
      const freed = await data.freeSpace(itemId);
      if (freed.ok) {
        if (app().train.runs.length > 0) await app().train.loadRuns();
        return freed.value;
      }
      report(freed);
      return null;
    },
    saveProject: async (request) => {
      const started = await data.saveProject(request);
      const saved = started.ok ? await data.savedProject(started.value.jobId) : started;
      if (saved.ok) return saved.value;
      if (saved.code !== 'cancelled') report(saved);
      return null;
    },
    openProjectFile: async (file) => {
      if (!mayLeave()) return false;
      let jobId: string | null = null;
      const unpacked = await data
        .openProjectFile(file)
        .then((started) => data.openedProjectFile((jobId = started.jobId)))
        .catch(goneFailureOf);
      if (unpacked.ok) return change(() => data.openProject(unpacked.value), jobId);
      if (unpacked.code !== 'cancelled') report(unpacked);
      return false;
    },
    setDropping: (dropping) => {
      if (get().dropping !== dropping) set({ dropping });
    },
    importSources: async (sources) => {
      const isProject = (source: ImportSource) => source.type === 'file' && /\.accz$/i.test(source.path);
      for (const source of sources) {
        if (source.type === 'file' && isProject(source) && !(await get().openProjectFile(source.file)))
          return null;
      }
      const others = sources.filter((source) => !isProject(source));
      if (others.length === 0) return null;
      // Only the page may ask, and only now has it something worth keeping.
      void navigator.storage?.persist?.().catch(() => undefined);
      const started = await data.importSources(others);
      if (!started.ok) {
        report(started);
        return null;
      }
      app().route.go('trajectories');
      return started.value.jobId;
    },
    openSamples: async () => {
      const existing = get().projects.find((project) => project.isSample);
      if (existing && existing.trajectoryCount > 0) {
        await get().openProject(existing.id);
        app().route.go('trajectories');
        return;
      }
      if (await change(() => data.createProject('Samples', true)))
        await get().importSources(await sampleSources());
    },
    makeWorld: async (count) => {
      const seed = get().projects.length + 1;
      if (await change(() => data.createProject(`Made-up world ${String(seed)}`)))
        await get().importSources([{ type: 'world', count, seed }]);
    },
    openProject: async (id, takeOver = false) => {
      if (get().project?.id === id && get().phase === 'ready') return;
      if (!mayLeave()) return;
      set({ inUse: null });
      const opened = await data.openProject(id, takeOver);
      if (opened.ok) app().receiveOpened(opened.value);
      else if (opened.code !== 'project-in-use' || takeOver) report(opened);
      else set({ inUse: get().projects.find((project) => project.id === id) ?? null, sheet: null });
    },
    createProject: async (name) => {
      await change(() => data.createProject(name));
    },
    deleteProject: async (id) => {
      const deleted = await data.deleteProject(id);
      if (!deleted.ok) return report(deleted);
      set(({ projects }) => ({ projects: projects.filter((project) => project.id !== id) }));
    },
    removeFile: async (id) => {
      const removed = await data.removeFile(id);
      if (!removed.ok) report(removed);
    },
    attachFile: async (id, source) => {
      if (source.type !== 'file' && source.type !== 'folder') return;
      const attached = await data.attachFile(id, source);
      if (!attached.ok) report(attached);
      else app().ui.notify('success', `${get().files.find((file) => file.id === id)?.path ?? 'The file'} is at hand again`); // prettier-ignore
    },
    setFileRole: async (id, role) => {
      const changed = await data.setFileRole(id, role);
      if (!changed.ok) report(changed);
    },
    requestAccess: async () => {
      for (const handle of await data.handlesToAsk()) {
        await (handle as WithPermission).requestPermission?.({ mode: 'read' });
      }
      const access = await data.requestAccess();
      if (!access.ok) report(access);
      else if (access.value.denied > 0) {
        app().ui.notify(
          'error',
          'The browser did not give access to every file',
          'Import those files again.',
        );
      }
    },
    queryIssues: (query) => data.queryIssues(query),
  };
};
