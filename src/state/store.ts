import { createStore, type StoreApi } from 'zustand/vanilla';
import type { DataApi, DataEvent, OpenedProject } from '../workers/dataApi.ts';
import { startEngineClient, type EngineClient } from '../workers/engineClient.ts';
import { createCompileSlice, type CompileSlice } from './compileSlice.ts';
import { startEvaluateClient, type EvaluateClient } from '../workers/evaluateClient.ts';
import { createEvaluateSlice, type EvaluateSlice } from './evaluateSlice.ts';
import { createExamplesSlice, type ExamplesSlice } from './examplesSlice.ts';
import { createJobsSlice, type JobsSlice } from './jobsSlice.ts';
import { startMapClient, type MapClient } from '../workers/mapClient.ts';
import { createMapSlice, type MapSlice } from './mapSlice.ts';
import { createLectureSlice, type LectureSlice } from './lectureSlice.ts';
import { startMechanismClient, type MechanismClient } from '../workers/mechanismClient.ts';
import { createMechanismSlice, type MechanismSlice } from './mechanismSlice.ts';
import { createModelSlice, type ModelSlice } from './modelSlice.ts';
import { createProjectSlice, type ProjectSlice } from './projectSlice.ts';
import { createRouteSlice, type RouteSlice } from './routeSlice.ts';
import type { SliceCreator } from './slice.ts';
import { createTrainSlice, type TrainSlice } from './trainSlice.ts';
import { createTrajectoriesSlice, type TrajectoriesSlice } from './trajectoriesSlice.ts';
import { createUiSlice, type UiSlice } from './uiSlice.ts';

/** The state of the page: one typed slice per concern, each with its actions. */
export interface AppState {
  readonly ui: UiSlice;
  readonly route: RouteSlice;
  readonly project: ProjectSlice;
  readonly jobs: JobsSlice;
  readonly trajectories: TrajectoriesSlice;
  readonly compile: CompileSlice;
  readonly examples: ExamplesSlice;
  readonly model: ModelSlice;
  readonly evaluate: EvaluateSlice;
  readonly mechanism: MechanismSlice;
  readonly train: TrainSlice;
  readonly map: MapSlice;
  readonly lecture: LectureSlice;
  /** Opens the last project; called when the page starts, and again when the data worker had gone away. */
  readonly connect: () => Promise<void>;
  /** Takes over a (re)opened project in every slice. */
  readonly receiveOpened: (opened: OpenedProject) => void;
  /** Takes over what the data worker reports. */
  readonly receiveEvents: (events: readonly DataEvent[]) => void;
}

export type AppStore = StoreApi<AppState>;

/** Builds the store over a data worker and an engine worker (or stand-ins in tests). */
export function createAppStore(
  data: DataApi,
  engine: EngineClient = startEngineClient(),
  evaluation: EvaluateClient = startEvaluateClient(),
  mechanism: MechanismClient = startMechanismClient(),
  map: MapClient = startMapClient(),
): AppStore {
  return createStore<AppState>()((set, get) => {
    type SliceKey =
      | 'ui'
      | 'route'
      | 'project'
      | 'jobs'
      | 'trajectories'
      | 'compile'
      | 'examples'
      | 'model'
      | 'evaluate'
      | 'mechanism'
      | 'train'
      | 'map'
      | 'lecture';

    /** The project that the slices were told of; events may name it before it is handed over. */
    let openedId: string | null = null;

    const setter =
      <K extends SliceKey>(key: K) =>
      (update: Partial<AppState[K]> | ((slice: AppState[K]) => Partial<AppState[K]>)): void =>
        set((state) => {
          const changes = typeof update === 'function' ? update(state[key]) : update;
          return { [key]: { ...state[key], ...changes } };
        });

    const build = <K extends SliceKey>(key: K, create: SliceCreator<AppState[K]>): AppState[K] =>
      create({ set: setter(key), get: () => get()[key], app: get, data });

    return {
      ui: createUiSlice(setter('ui'), () => get().ui, data),
      route: build('route', createRouteSlice),
      project: build('project', createProjectSlice),
      jobs: build('jobs', createJobsSlice),
      trajectories: build('trajectories', createTrajectoriesSlice),
      compile: build('compile', createCompileSlice),
      examples: build('examples', createExamplesSlice),
      model: build('model', createModelSlice(engine)),
      evaluate: build('evaluate', createEvaluateSlice(evaluation)),
      mechanism: build('mechanism', createMechanismSlice(mechanism, engine)),
      train: build('train', createTrainSlice(engine)),
      map: build('map', createMapSlice(map, engine, evaluation)),
      lecture: build('lecture', createLectureSlice),

      connect: async () => {
        const before = get().project.project;
        const opened = await data.start(
          (events) => get().receiveEvents(events),
          document.baseURI,
          before?.id ?? null,
        );
        if (!opened.ok) return get().project.receiveFailure(opened);
        get().receiveOpened(opened.value);
        const { project, storage } = opened.value;
        if (before && project.id !== before.id)
          get().ui.notify('error', `“${before.name}” is not open any more`, storage.kind === 'memory' ? 'It was kept in memory only, since this browser gives the page no storage.' : 'It is open in another tab, or cannot be read.'); // prettier-ignore
      },

      receiveOpened: (opened) => {
        const { ui, project, trajectories, compile, examples, train, evaluate, mechanism } = get();
        const { id } = opened.project;
        const isOther = id !== openedId;
        if (isOther) for (const slice of [train, evaluate, mechanism]) slice.receiveProject(id);
        if (isOther) ui.forgetRecipes();
        openedId = id;
        project.receiveOpened(opened);
        compile.receiveDefaults(opened.defaultOptions, opened.settings);
        compile.receiveFiles(opened.files);
        compile.receiveSets(opened.sets);
        // A copy of a project has sets and runs of the same names.
        if (isOther) examples.chooseSet(null);
        examples.chooseSet(get().compile.currentSetId);
        trajectories.clearSelection();
        if (isOther) trajectories.reopen();
        trajectories.receiveIndex(opened.trajectoryCount, -get().trajectories.revision - 1);
      },

      receiveEvents: (events) => {
        const jobs = events.flatMap((event) => (event.type === 'job' ? [event.job] : []));
        if (jobs.length > 0) get().jobs.receive(jobs);
        for (const event of events) {
          if (event.type === 'files') {
            get().project.receiveFiles(event.files);
            get().compile.receiveFiles(event.files);
          } else if (event.type === 'trajectories') {
            get().trajectories.receiveIndex(event.count, event.revision);
          } else if (event.type === 'sets') {
            get().compile.receiveSets(event.sets);
            get().examples.chooseSet(get().compile.currentSetId);
          } else if (event.type === 'examples') get().examples.receiveChange(event.setId, event.revision);
          else if (event.type === 'storage') get().project.receiveStorage(event.storage);
          else if (event.type === 'project') get().project.receiveProject(event.project);
          else if (event.type === 'in-use') get().project.receiveInUse(event.project);
          else if (event.type === 'release-asked') void get().project.release();
          else if (event.type === 'worker-gone') {
            const { failure, isAgain } = event;
            get().jobs.failRunning(failure.message);
            if (isAgain) {
              const advice = 'It was the second time in half a minute. What was written is kept: close what needs memory, then reload the page.'; // prettier-ignore
              get().project.receiveFailure({ ...failure, advice });
            } else {
              get().ui.notify('error', failure.message, failure.advice ?? undefined);
              void get().connect();
            }
          } else if (event.type === 'notice') {
            get().ui.notify(event.severity === 'error' ? 'error' : 'info', event.message);
          }
        }
      },
    };
  });
}
