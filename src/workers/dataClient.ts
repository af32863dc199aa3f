import { proxy, transfer, wrap, type Remote } from 'comlink';
import { EnvironmentError } from '../core/errors.ts';
import type { DataApi, DataEvent, Failure, ImportSource } from './dataApi.ts';
import { openRelay } from './relayFrame.ts';

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
const opening = new Set<PropertyKey>(['openProject', 'createProject']);

/**
 * Starts the data worker. The proxy is held by the returned object as long as that is held: a collected proxy
 * would close the port under a pending call.
 */
export function startDataClient(): DataClient {
  const worker = new Worker(new URL('./data.worker.ts', import.meta.url), { type: 'module', name: 'data' });
  const remote: Remote<DataApi> = wrap<DataApi>(worker);
  const failed = new Promise<Failure>((resolve) => {
    worker.addEventListener('error', (event) => {
      resolve({
        ok: false,
        code: 'worker-failed',
        message: `The part of the page that reads files did not start: ${event.message || 'its script could not be loaded'}`,
        advice:
          'Reload the page. If that does not help, the browser may be too old (Chrome or Edge 113, Firefox 128, Safari 17 or later).',
      });
    });
  });
  // What is asked before a project is open (a quick click on Start), or while another is being opened, waits for it.
  let opened = (): void => undefined;
  let whenOpen: Promise<unknown> = new Promise<void>((resolve) => {
    opened = resolve;
  });
  const client: Pick<DataClient, 'start' | 'importSources' | 'cancel' | 'close'> = {
    start: async (onEvents: (events: readonly DataEvent[]) => void, baseUrl: string) => {
      const result = await Promise.race([remote.start(proxy(onEvents), baseUrl), failed]);
      if (result.ok) opened();
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
      return remote.importSources(transfer(ready, ports));
    },
    cancel: (jobId) => {
      void remote.cancel(jobId);
    },
    close: () => worker.terminate(),
  };
  return new Proxy(client as DataClient, {
    get: (own, name, receiver) =>
      name in own
        ? (Reflect.get(own, name, receiver) as unknown)
        : (...args: unknown[]) => {
            const methods = remote as unknown as Record<PropertyKey, (...args: unknown[]) => unknown>;
            const answer = whenOpen.then(() => methods[name]?.(...args));
            if (opening.has(name)) whenOpen = answer.catch(() => undefined);
            return answer;
          },
  });
}
