import type {
  Failure,
  ImportedFile,
  ImportSource,
  IssuePage,
  IssueQuery,
  OpenedProject,
  ProjectSummary,
  StorageState,
} from '../workers/dataApi.ts';
import type { SliceCreator } from './slice.ts';

/** The open project: its files and where it is kept. */
export interface ProjectSlice {
  readonly phase: 'starting' | 'ready' | 'failed';
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
  readonly openProject: (id: string) => Promise<void>;
  readonly createProject: (name: string) => Promise<void>;
  readonly deleteProject: (id: string) => Promise<void>;
  readonly removeFile: (id: number) => Promise<void>;
  readonly setFileRole: (id: number, role: ImportedFile['role']) => Promise<void>;
  /** Asks for access to files kept by handle; call in a click. */
  readonly requestAccess: () => Promise<void>;
  readonly queryIssues: (query: IssueQuery) => Promise<IssuePage>;
}

export const initialProjectState: Pick<
  ProjectSlice,
  'phase' | 'failure' | 'project' | 'projects' | 'storage' | 'files' | 'poolSize' | 'formats' | 'dropping'
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
};

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
    setDropping: (dropping) => {
      if (get().dropping !== dropping) set({ dropping });
    },
    importSources: async (sources) => {
      if (sources.length === 0) return null;
      // Only the page may ask, and only now has it something worth keeping.
      void navigator.storage?.persist?.().catch(() => undefined);
      const started = await data.importSources(sources);
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
      const opened = await data.createProject('Samples', true);
      if (!opened.ok) return report(opened);
      app().receiveOpened(opened.value);
      await get().importSources(await sampleSources());
    },
    makeWorld: async (count) => {
      const seed = get().projects.length + 1;
      const opened = await data.createProject(`Made-up world ${String(seed)}`);
      if (!opened.ok) return report(opened);
      app().receiveOpened(opened.value);
      await get().importSources([{ type: 'world', count, seed }]);
    },
    openProject: async (id) => {
      if (get().project?.id === id) return;
      const opened = await data.openProject(id);
      if (!opened.ok) return report(opened);
      app().receiveOpened(opened.value);
    },
    createProject: async (name) => {
      const opened = await data.createProject(name);
      if (!opened.ok) return report(opened);
      app().receiveOpened(opened.value);
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
