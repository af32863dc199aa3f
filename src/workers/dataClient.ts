import { proxy, transfer } from 'comlink';
import { EnvironmentError } from '../core/errors.ts';
import type { DataApi, DataEvent, Failure, ImportSource } from './dataApi.ts';
import { openRelay } from './relayFrame.ts';
import { linkWorker, type ResultMethods, type WorkerLink } from './workerLink.ts';

function isForeign(source: ImportSource): source is ImportSource & { type: 'url' } {
  return source.type === 'url' && new URL(source.url).origin !== window.location.origin;
}

async function relayOrFailure(): Promise<MessagePort | Failure> {
  try {
    return await openRelay();
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    return { ok: false, code: error.code, message: error.message, advice: null };
  }
}

/** The data worker as the page sees it. */
export interface DataClient extends DataApi {
  /** Stops the worker; used when the page is torn down in tests. */
  close(): void;
}

/** Calls that leave one project and open another. */
const opening = new Set<PropertyKey>(['openProject', 'createProject', 'releaseProject']);

const results: ResultMethods<DataApi> = {
  start: true,
  openProject: true,
  createProject: true,
  deleteProject: true,
  saveProject: true,
  savedProject: true,
  openedProjectFile: true,
  freeSpace: true,
  importSources: true,
  removeFile: true,
  requestAccess: true,
  attachFile: true,
  setFileRole: true,
  openTrajectory: true,
  readStepText: true,
  readRaw: true,
  searchTrajectory: true,
  setKind: true,
  excludeTrajectories: true,
  locateSource: true,
  previewCompile: true,
  startCompile: true,
  resumeCompile: true,
  deleteSet: true,
  renameSet: true,
  readReport: true,
  readRecipe: true,
  readCard: true,
  readQuestions: true,
  readExample: true,
  exampleOfTrajectory: true,
  measureExample: true,
  trainingSet: true,
  agentTurns: true,
  inspectMask: true,
  excludeExamples: true,
  undo: true,
  redo: true,
  exportSet: true,
  exportResult: true,
};

/** Two that go away within this time would be followed by others: it is not for the page to go on starting them. */
const againMs = 30_000;

/**
 * Starts the data worker; another one when it went away, in which `start` opens the project again. The proxy is held by
 * the returned object as long as that is held: a collected proxy would close the port under a pending call.
 */
export function startDataClient(): DataClient {
  // What is asked before a project is open (a quick click on Start), or while another is being opened, waits for it.
  let opened: (() => void) | null = null;
  let whenOpen: Promise<unknown> = Promise.resolve();
  const waitForStart = (): void => {
    if (opened) return;
    whenOpen = new Promise<void>((resolve) => {
      opened = resolve;
    });
  };
  let listener: (events: readonly DataEvent[]) => void = () => undefined;
  const spawn = (): WorkerLink<DataApi> =>
    linkWorker<DataApi>(
      new Worker(new URL('./data.worker.ts', import.meta.url), { type: 'module', name: 'data' }),
      {
        does: 'reads files and compiles',
        kept: 'It was started again, with the project as it was last written. Resume what was being compiled; import again what was being read.',
        results,
        onGone: (failure) => {
          // One that did not start would not the next time either.
          if (failure.code !== 'worker-stopped') return;
          const isAgain = performance.now() - goneAtMs < againMs;
          goneAtMs = performance.now();
          if (!isAgain) {
            waitForStart();
            link = spawn();
          }
          listener([{ type: 'worker-gone', failure, isAgain }]);
        },
      },
    );
  let goneAtMs = -Infinity;
  let link = spawn();
  waitForStart();
  const client: Pick<DataClient, 'start' | 'importSources' | 'cancel' | 'close'> = {
    start: async (onEvents, baseUrl, projectId) => {
      listener = onEvents;
      const result = await link.remote.start(proxy(onEvents), baseUrl, projectId);
      if (result.ok) {
        opened?.();
        opened = null;
      }
      return result;
    },
    importSources: async (sources) => {
      await whenOpen;
      const ports: MessagePort[] = [];
      const ready: ImportSource[] = [];
      for (const source of sources) {
        if (!isForeign(source)) ready.push(source);
        else {
          const relay = await relayOrFailure();
          if (!(relay instanceof MessagePort)) return relay;
          ports.push(relay);
          ready.push({ ...source, relay });
        }
      }
      return link.remote.importSources(transfer(ready, ports));
    },
    cancel: (jobId) => {
      void link.remote.cancel(jobId);
    },
    close: () => link.end(),
  };
  return new Proxy(client as DataClient, {
    get: (own, name, receiver) =>
      name in own
        ? (Reflect.get(own, name, receiver) as unknown)
        : (...args: unknown[]) => {
            const answer = whenOpen.then(() => {
              const methods = link.remote as unknown as Record<PropertyKey, (...args: unknown[]) => unknown>;
              return methods[name]?.(...args);
            });
            if (opening.has(name)) whenOpen = answer.catch(() => undefined);
            return answer;
          },
  });
}
