import { proxy, transfer, wrap, type Remote } from 'comlink';
import type { EngineApi, EngineEvent, ModelSource } from './engineApi.ts';
import { openRelay } from './relayFrame.ts';

/** The engine worker as the page sees it. */
export interface EngineClient extends Omit<EngineApi, 'start'> {
  /** Hears what the worker reports; one listener. */
  listen(onEvents: (events: readonly EngineEvent[]) => void): void;
  /** Stops the worker; used when the page is torn down in tests. */
  close(): void;
}

/**
 * The engine worker, started at its first use: pages that never touch a model hold no GPU device. The proxy is
 * held as long as the returned object, since a collected proxy closes the port under a pending call.
 */
export function startEngineClient(): EngineClient {
  let worker: Worker | null = null;
  let started: Promise<Remote<EngineApi>> | null = null;
  let listener: (events: readonly EngineEvent[]) => void = () => undefined;

  const remote = (): Promise<Remote<EngineApi>> => {
    started ??= (async () => {
      worker = new Worker(new URL('./engine.worker.ts', import.meta.url), { type: 'module', name: 'engine' });
      const api = wrap<EngineApi>(worker);
      await api.start(
        proxy((events: readonly EngineEvent[]) => listener(events)),
        document.baseURI,
      );
      return api;
    })();
    return started;
  };

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
    openModel: async (source) => (await remote()).openModel(await withRelay(source)),
    openAdapter: async (source) => (await remote()).openAdapter(await withRelay(source)),
    listAdapters: async () => (await remote()).listAdapters(),
    measure: async (request) => (await remote()).measure(request),
    look: async (request) => (await remote()).look(request),
    closeAdapter: async () => (await remote()).closeAdapter(),
    probe: async () => (await remote()).probe(),
    measureSpeed: async () => (await remote()).measureSpeed(),
    listModels: async () => (await remote()).listModels(),
    setRuntime: async (runtime) => (await remote()).setRuntime(runtime),
    checkRuntimes: async (request) => (await remote()).checkRuntimes(request),
    embed: async (texts) => (await remote()).embed(texts),
    plan: async (options) => (await remote()).plan(options),
    load: async (options) => (await remote()).load(options),
    unload: async () => (await remote()).unload(),
    keepModel: async () => (await remote()).keepModel(),
    deleteStored: async (id) => (await remote()).deleteStored(id),
    cancel: async () => (await remote()).cancel(),
    generate: async (request) => (await remote()).generate(request),
    countTokens: async (prompt) => (await remote()).countTokens(prompt),
    encode: async (text) => (await remote()).encode(text),
    decode: async (ids) => (await remote()).decode(ids),
    describeTraining: async () => (await remote()).describeTraining(),
    openTrainingData: async (source, config) => (await remote()).openTrainingData(source, config),
    previewTraining: async (config) => (await remote()).previewTraining(config),
    startTraining: async (request) => (await remote()).startTraining(request),
    pauseTraining: async (paused) => (await remote()).pauseTraining(paused),
    stopTraining: async () => (await remote()).stopTraining(),
    listRuns: async () => (await remote()).listRuns(),
    readRunMetrics: async (id) => (await remote()).readRunMetrics(id),
    deleteRun: async (id) => (await remote()).deleteRun(id),
    runFiles: async (id) => (await remote()).runFiles(id),
    useRunAdapter: async (id) => (await remote()).useRunAdapter(id),
    openRunCheckpoints: async (id) => (await remote()).openRunCheckpoints(id),
    writeMerged: async (id, handle) => (await remote()).writeMerged(id, handle),
    inspectTraining: async (example, options) => (await remote()).inspectTraining(example, options),
    inspectEntry: async (index) => (await remote()).inspectEntry(index),
    readTrainingExample: async (id) => (await remote()).readTrainingExample(id),
    heldOutIds: async (config) => (await remote()).heldOutIds(config),
    close: () => worker?.terminate(),
  };
}
