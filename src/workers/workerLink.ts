import { wrap, type Remote } from 'comlink';
import { EnvironmentError, messageOf } from '../core/errors.ts';
import { isAliveMessage } from './workerLife.ts';

/** A failure of a call; it fits the results of every worker. */
export interface WorkerFailure {
  readonly ok: false;
  /** `worker-stopped`: it went away; `worker-failed`: it did not start; `worker-error`: one call broke in it. */
  readonly code: 'worker-stopped' | 'worker-failed' | 'worker-error';
  readonly message: string;
  readonly advice: string;
  readonly plan: null;
  readonly suggestion: null;
}

/** The methods of a worker that answer with a result: expected failures are values. */
export type ResultMethods<Api> = {
  readonly [
    Name in keyof Api as Api[Name] extends (...args: never[]) => Promise<infer Answer>
      ? WorkerFailure extends Answer
        ? Name
        : never
      : never
  ]: true;
};

/** A worker with its calls, none of which waits for a worker that is gone. */
export interface WorkerLink<Api> {
  readonly remote: Remote<Api>;
  /** Ends the worker without calling it a failure. */
  readonly end: () => void;
}

export interface LinkOptions<Api> {
  /** What the worker does, as in “The part of the page that …”. */
  readonly does: string;
  /** What is kept when it goes away, and what goes on, as whole sentences. */
  readonly kept: string;
  /** Methods that answer with the failure when the worker is gone; all others reject with it. */
  readonly results: ResultMethods<Api>;
  /** Called once when the worker went away, or did not start. */
  readonly onGone?: (failure: WorkerFailure) => void;
  /** What nothing in it has caught ends this worker too: its program cannot go on after it. */
  readonly endsByError?: boolean;
}

/** A worker that has not said a word for so long will not. */
const startMs = 120_000;

const failure = (code: WorkerFailure['code'], message: string, advice: string): WorkerFailure => ({
  ok: false,
  code,
  message,
  advice,
  plan: null,
  suggestion: null,
});

function goneFailure(does: string, kept: string, hasRun: boolean, reason: string): WorkerFailure {
  const part = `The part of the page that ${does}`;
  const because = reason === '' ? '' : `: ${reason}`;
  return hasRun
    ? failure(
        'worker-stopped',
        `${part} was ended by the browser${because}`,
        `${kept} Memory may be short: close what you do not need.`,
      )
    : failure(
        'worker-failed',
        `${part} did not start${because}`,
        'Reload the page. If that does not help, the browser may be too old (Chrome or Edge 113, Firefox 128, Safari 17 or later).',
      );
}

/** Calls of a worker by name, whatever they are. */
function proxyOf<Api>(call: (name: PropertyKey, args: readonly unknown[]) => unknown): Remote<Api> {
  return new Proxy(
    {},
    {
      // A proxy that is awaited is asked for `then`.
      get: (_, name) =>
        name === 'then' || typeof name === 'symbol' ? undefined : (...args: unknown[]) => call(name, args),
    },
  ) as Remote<Api>;
}

/** Answers a call with a failure: as a value where the method gives results, else by rejecting. */
function settleWith(failed: WorkerFailure, isResult: boolean): Promise<WorkerFailure> {
  if (isResult) return Promise.resolve(failed);
  return Promise.reject(new WorkerGoneError(failed));
}

/** The failure behind what a call rejected with, where its worker is gone; other errors are thrown on. */
export function goneFailureOf(error: unknown): WorkerFailure {
  if (error instanceof WorkerGoneError) return error.failure;
  throw error;
}

/** What a call rejects with whose worker is gone. */
export class WorkerGoneError extends EnvironmentError {
  readonly failure: WorkerFailure;
  constructor(failed: WorkerFailure) {
    super(failed.code, failed.message, { advice: failed.advice });
    this.failure = failed;
  }
}

/**
 * Wraps a worker. Browsers tell the page when a worker's script fails, not when the worker is ended for lack of memory
 * or ends itself; but the Web Lock that it holds (see `workerLife.ts`) is free then, and the page gets it.
 */
export function linkWorker<Api>(worker: Worker, options: LinkOptions<Api>): WorkerLink<Api> {
  const { does, kept, results, onGone, endsByError = false } = options;
  const api = wrap<Api>(worker) as unknown as Record<PropertyKey, (...args: unknown[]) => unknown>;
  const waiting = new Set<() => void>();
  let hasRun = false;
  let gone: WorkerFailure | null = null;

  const noteGone = (reason: string): void => {
    if (gone) return;
    gone = goneFailure(does, kept, hasRun, reason);
    clearTimeout(starting);
    worker.terminate();
    for (const settle of waiting) settle();
    waiting.clear();
    onGone?.(gone);
  };
  const starting = setTimeout(() => noteGone('no answer from it in two minutes'), startMs);
  worker.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    hasRun = true;
    clearTimeout(starting);
    if (isAliveMessage(data)) void navigator.locks.request(data.heldLock, () => noteGone(''));
  });
  worker.addEventListener('error', ({ message }) => {
    if (!hasRun || endsByError) noteGone(message || (hasRun ? '' : 'its script could not be loaded'));
  });

  const call = (name: PropertyKey, args: readonly unknown[]): Promise<unknown> => {
    const isResult = name in results;
    if (gone) return settleWith(gone, isResult);
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        if (gone) settleWith(gone, isResult).then(resolve, reject);
      };
      waiting.add(settle);
      const broke = (error: Error): void => {
        if (!isResult) return reject(error);
        // A bug, or memory that could not be had: it is reported as one, and whoever waits is told.
        reportError(error);
        resolve(failure('worker-error', `The part of the page that ${does} failed: ${messageOf(error)}`, 'Try again, with less at once if memory is short.')); // prettier-ignore
      };
      Promise.resolve(api[name]?.(...args))
        .then(resolve, broke)
        .finally(() => waiting.delete(settle));
    });
  };
  return {
    remote: proxyOf(call),
    end: () => {
      gone = goneFailure(does, kept, hasRun, 'the page ended it');
      clearTimeout(starting);
      worker.terminate();
    },
  };
}

/** A worker that is started by its first call, and again by the first call after it went away. */
export interface LazyWorker<Api> {
  readonly remote: Remote<Api>;
  /** Starts it where it does not run. */
  readonly begun: () => Promise<void>;
  /** Where it runs, does something that later calls wait for. */
  readonly first: (work: (api: Remote<Api>) => Promise<unknown>) => Promise<void>;
  readonly end: () => void;
}

/** @param begin what a fresh worker is told before anything else */
export function lazyWorker<Api>(
  spawn: () => Worker,
  begin: (api: Remote<Api>) => Promise<unknown>,
  options: LinkOptions<Api>,
): LazyWorker<Api> {
  let started: Promise<WorkerLink<Api>> | null = null;
  const start = async (): Promise<WorkerLink<Api>> => {
    const link = linkWorker<Api>(spawn(), {
      ...options,
      onGone: (failed) => {
        started = null;
        options.onGone?.(failed);
      },
    });
    try {
      await begin(link.remote);
    } catch (error) {
      started = null;
      link.end();
      throw error;
    }
    return link;
  };
  const running = (): Promise<WorkerLink<Api>> => (started ??= start());
  const call = async (name: PropertyKey, args: readonly unknown[]): Promise<unknown> => {
    try {
      const { remote } = await running();
      const methods = remote as unknown as Record<PropertyKey, (...args: unknown[]) => unknown>;
      return await methods[name]?.(...args);
    } catch (error) {
      if (!(name in options.results)) throw error;
      return goneFailureOf(error);
    }
  };
  return {
    remote: proxyOf(call),
    begun: async () => {
      await running();
    },
    first: async (work) => {
      started &&= started.then(async (link) => {
        await work(link.remote);
        return link;
      });
      await started;
    },
    end: () => void started?.then((link) => link.end()),
  };
}
