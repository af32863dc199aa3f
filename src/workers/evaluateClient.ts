import { proxy, transfer, wrap, type Remote } from 'comlink';
import type { EngineCall, EvaluateApi, EvaluateEvents, RunMeans, RunRequest } from './evaluateApi.ts';
import { openRelay } from './relayFrame.ts';

/** The evaluation worker as the page sees it. */
export interface EvaluateClient extends Omit<EvaluateApi, 'start' | 'startRun'> {
  /** Hears what changes; one listener. Starts the worker. */
  listen(onChange: (state: EvaluateEvents) => void): Promise<void>;
  startRun(
    request: RunRequest,
    means: RunMeans,
    engine: EngineCall | null,
  ): ReturnType<EvaluateApi['startRun']>;
  close(): void;
}

function isForeign(url: string): boolean {
  return URL.canParse(url) && new URL(url).origin !== window.location.origin;
}

/** A port of its own for each request. */
async function openPort(): Promise<MessagePort> {
  const port = await openRelay();
  return transfer(port, [port]);
}

/** The evaluation worker, started at its first use. The proxy is held as long as the returned object. */
export function startEvaluateClient(): EvaluateClient {
  let worker: Worker | null = null;
  let started: Promise<Remote<EvaluateApi>> | null = null;
  let listener: (state: EvaluateEvents) => void = () => undefined;
  const remote = (): Promise<Remote<EvaluateApi>> => {
    started ??= (async () => {
      worker = new Worker(new URL('./evaluate.worker.ts', import.meta.url), {
        type: 'module',
        name: 'evaluate',
      });
      const api = wrap<EvaluateApi>(worker);
      await api.start(
        proxy((state: EvaluateEvents) => listener(state)),
        document.baseURI,
      );
      return api;
    })();
    return started;
  };
  return {
    listen: async (onChange) => {
      listener = onChange;
      await remote();
    },
    addFile: async (file) => (await remote()).addFile(file),
    generate: async (options) => (await remote()).generate(options),
    startRun: async (request, means, engine) => {
      const { subject } = request;
      const needsRelay = subject.type === 'endpoint' && isForeign(subject.url);
      return (await remote()).startRun(
        request,
        means,
        engine ? proxy(engine) : null,
        needsRelay ? proxy(openPort) : null,
      );
    },
    cancel: async (runId) => (await remote()).cancel(runId),
    deleteRun: async (runId) => (await remote()).deleteRun(runId),
    result: async (runId) => (await remote()).result(runId),
    questions: async (dataId) => (await remote()).questions(dataId),
    items: async (runId) => (await remote()).items(runId),
    item: async (runId, index, seed) => (await remote()).item(runId, index, seed),
    compare: async (beforeId, afterId) => (await remote()).compare(beforeId, afterId),
    close: () => worker?.terminate(),
  };
}
