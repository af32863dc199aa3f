import { proxy, transfer } from 'comlink';
import type { EngineCall, EvaluateApi, EvaluateEvents, RunMeans, RunRequest } from './evaluateApi.ts';
import { projectWorker } from './projectWorker.ts';
import { openRelay } from './relayFrame.ts';
import type { WorkerFailure } from './workerLink.ts';

/** The evaluation worker as the page sees it. */
export interface EvaluateClient extends Omit<EvaluateApi, 'start' | 'startRun'> {
  /** Hears what changes, and that the worker went away; one listener. Starts the worker. */
  listen(onChange: (state: EvaluateEvents) => void, onGone: (failure: WorkerFailure) => void): Promise<void>;
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

/** The evaluation worker, started at its first use and after its end. The proxy is held as long as the returned object. */
export function startEvaluateClient(): EvaluateClient {
  let listener: (state: EvaluateEvents) => void = () => undefined;
  let goneListener: (failure: WorkerFailure) => void = () => undefined;
  const { remote, begun, openProject, end } = projectWorker<EvaluateApi>(
    () => new Worker(new URL('./evaluate.worker.ts', import.meta.url), { type: 'module', name: 'evaluate' }),
    (api) =>
      api.start(
        proxy((state: EvaluateEvents) => listener(state)),
        document.baseURI,
      ),
    {
      does: 'evaluates',
      kept: 'It is started again by what you do next. Answers so far are kept: resume the run to go on from there.',
      results: { addFile: true, generate: true, startRun: true, item: true, compare: true },
      onGone: (failure) => goneListener(failure),
    },
  );
  return {
    listen: async (onChange, onGone) => {
      listener = onChange;
      goneListener = onGone;
      await begun();
    },
    openProject,
    addFile: (file) => remote.addFile(file),
    generate: (options) => remote.generate(options),
    startRun: (request, means, engine) => {
      const { subject } = request;
      const needsRelay = subject.type === 'endpoint' && isForeign(subject.url);
      return remote.startRun(
        request,
        means,
        engine ? proxy(engine) : null,
        needsRelay ? proxy(openPort) : null,
      );
    },
    cancel: (runId) => remote.cancel(runId),
    deleteRun: (runId) => remote.deleteRun(runId),
    result: (runId) => remote.result(runId),
    questions: (dataId) => remote.questions(dataId),
    items: (runId) => remote.items(runId),
    item: (runId, index, seed) => remote.item(runId, index, seed),
    compare: (beforeId, afterId) => remote.compare(beforeId, afterId),
    close: end,
  };
}
