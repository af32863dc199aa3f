import { proxy, transfer, type Remote } from 'comlink';
import type { EngineApi, EngineEvent, EngineFailure, EngineResult, ModelSource, Runtime } from './engineApi.ts'; // prettier-ignore
import { openRelay } from './relayFrame.ts';
import { lazyWorker, type ResultMethods } from './workerLink.ts';

/** The engine worker as the page sees it. */
export interface EngineClient extends Omit<EngineApi, 'start'> {
  /** Hears what the worker reports; one listener. */
  listen(onEvents: (events: readonly EngineEvent[]) => void): void;
  /** Stops the worker; used when the page is torn down in tests. */
  close(): void;
}

const results: ResultMethods<EngineApi> = {
  openModel: true,
  openAdapter: true,
  checkRuntimes: true,
  embed: true,
  plan: true,
  load: true,
  keepModel: true,
  deleteStored: true,
  measure: true,
  look: true,
  checkEvidence: true,
  generate: true,
  countTokens: true,
  encode: true,
  decode: true,
  openTrainingData: true,
  previewTraining: true,
  startTraining: true,
  runFiles: true,
  useRunAdapter: true,
  openRunCheckpoints: true,
  writeMerged: true,
  inspectTraining: true,
  inspectEntry: true,
  readTrainingExample: true,
};

type Api = Remote<EngineApi>;
/** Opens something as it was opened before. */
type Opening = (api: Api) => Promise<EngineResult<unknown>>;

/**
 * The engine worker, started at its first use (pages that never touch a model hold no GPU device) and again after it went
 * away; what was open in it, but for loaded weights, is then opened again by the first call that needs it. The proxy is
 * held as long as the returned object, since a collected proxy closes the port under a pending call.
 */
export function startEngineClient(): EngineClient {
  let listener: (events: readonly EngineEvent[]) => void = () => undefined;
  let projectId: string | null = null;
  let runtime: Runtime | null = null;
  /** The checkpoint, then adapters, in the order in which they were opened. */
  let model: readonly Opening[] = [];
  let trainingData: Opening | null = null;
  /** Of those, what the present worker has not opened yet. */
  let missingModel: Opening[] = [];
  let missingData: Opening | null = null;
  let reopening: Promise<EngineFailure | null> = Promise.resolve(null);

  const { remote, first, end } = lazyWorker<EngineApi>(
    () => new Worker(new URL('./engine.worker.ts', import.meta.url), { type: 'module', name: 'engine' }),
    async (api) => {
      await api.start(
        proxy((events: readonly EngineEvent[]) => listener(events)),
        document.baseURI,
      );
      if (projectId !== null) await api.openProject(projectId);
      if (runtime !== null) await api.setRuntime(runtime);
    },
    {
      does: 'runs models',
      kept: 'It is started again by what you do next, and the model is opened and loaded again. A training run goes on from its last checkpoint.',
      results,
      onGone: (failure) => {
        missingModel = [...model];
        missingData = trainingData;
        listener([{ type: 'worker-gone', failure }]);
      },
    },
  );

  const reopenModel = async (): Promise<EngineFailure | null> => {
    for (let next = missingModel[0]; next; next = missingModel[0]) {
      const opened = await next(remote);
      // What cannot be opened any more is tried again by the next call, but for adapters, without which things go on.
      if (missingModel[0] !== next) continue;
      if (opened.ok || next !== model[0]) missingModel.shift();
      if (!opened.ok) return opened;
    }
    return null;
  };

  const reopened = (): Promise<EngineFailure | null> => (reopening = reopening.then(reopenModel));

  /** Asks the engine once its model is open; why that cannot be is the answer then. */
  const withModel = async <T>(ask: (api: Api) => Promise<EngineResult<T>>): Promise<EngineResult<T>> =>
    (await reopened()) ?? ask(remote);

  const withData = <T>(ask: (api: Api) => Promise<EngineResult<T>>): Promise<EngineResult<T>> =>
    withModel(async (api) => {
      const open = missingData;
      if (open) {
        const opened = await open(api);
        if (missingData === open) missingData = null;
        if (!opened.ok) return opened;
      }
      return ask(api);
    });

  /** Opens something beside the checkpoint, and remembers how. */
  const openBeside = <T>(open: (api: Api) => Promise<EngineResult<T>>): Promise<EngineResult<T>> =>
    withModel(async (api) => {
      const opened = await open(api);
      if (opened.ok) model = [...model, open];
      return opened;
    });

  /** Addresses become absolute; those of other origins get the frame that may reach them. */
  const withRelay = async <T extends ModelSource>(source: T): Promise<T> => {
    if (source.type !== 'url' || !URL.canParse(source.url, document.baseURI)) return source;
    const url = new URL(source.url, document.baseURI);
    if (url.origin === window.location.origin) return { ...source, url: url.href };
    const relay = await openRelay();
    return transfer({ ...source, url: url.href, relay }, [relay]);
  };

  return {
    listen: (onEvents) => {
      listener = onEvents;
    },
    openProject: async (id) => {
      projectId = id;
      await first((api) => api.openProject(id));
    },
    openModel: async (source) => {
      const open = async (api: Api) => api.openModel(await withRelay(source));
      const opened = await open(remote);
      if (opened.ok) {
        model = [open];
        trainingData = null;
        missingModel = [];
        missingData = null;
      }
      return opened;
    },
    openAdapter: (source) => openBeside(async (api) => api.openAdapter(await withRelay(source))),
    listAdapters: async () => {
      await reopened();
      return remote.listAdapters();
    },
    measure: (request) => withModel((api) => api.measure(request)),
    look: (request) => withModel((api) => api.look(request)),
    checkEvidence: (request) => withModel((api) => api.checkEvidence(request)),
    closeAdapter: async () => {
      await openBeside(async (api) => ({ ok: true, value: await api.closeAdapter() }));
    },
    probe: () => remote.probe(),
    measureSpeed: () => remote.measureSpeed(),
    listModels: () => remote.listModels(),
    setRuntime: async (chosen) => {
      runtime = chosen;
      await remote.setRuntime(chosen);
    },
    checkRuntimes: (request) => withModel((api) => api.checkRuntimes(request)),
    embed: (texts) => withModel((api) => api.embed(texts)),
    plan: (options) => withModel((api) => api.plan(options)),
    load: (options) => withModel((api) => api.load(options)),
    unload: () => remote.unload(),
    keepModel: () => withModel((api) => api.keepModel()),
    deleteStored: (id) => remote.deleteStored(id),
    cancel: () => remote.cancel(),
    generate: (request) => withModel((api) => api.generate(request)),
    countTokens: (prompt) => withModel((api) => api.countTokens(prompt)),
    encode: (text) => withModel((api) => api.encode(text)),
    decode: (ids) => withModel((api) => api.decode(ids)),
    describeTraining: () => remote.describeTraining(),
    openTrainingData: (source, config) =>
      withModel(async (api) => {
        const open = (engine: Api) => engine.openTrainingData(source, config);
        const opened = await open(api);
        if (opened.ok) {
          trainingData = open;
          missingData = null;
        }
        return opened;
      }),
    previewTraining: (config) => withData((api) => api.previewTraining(config)),
    startTraining: (request) => withData((api) => api.startTraining(request)),
    pauseTraining: (paused) => remote.pauseTraining(paused),
    stopTraining: () => remote.stopTraining(),
    listRuns: () => remote.listRuns(),
    readRunMetrics: (id) => remote.readRunMetrics(id),
    deleteRun: (id) => remote.deleteRun(id),
    runFiles: (id) => remote.runFiles(id),
    useRunAdapter: (id) => openBeside((api) => api.useRunAdapter(id)),
    openRunCheckpoints: (id) => openBeside((api) => api.openRunCheckpoints(id)),
    writeMerged: (id, handle) => withModel((api) => api.writeMerged(id, handle)),
    inspectTraining: (example, options) => withModel((api) => api.inspectTraining(example, options)),
    inspectEntry: (index) => withData((api) => api.inspectEntry(index)),
    readTrainingExample: (id) => withData((api) => api.readTrainingExample(id)),
    close: end,
  };
}
