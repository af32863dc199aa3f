import { transfer, wrap, type Remote } from 'comlink';
import { EnvironmentError } from '../core/errors.ts';
import type { OpenRunner } from '../model/ort/host.ts';
import type { Result } from './dataApi.ts';
import type { OrtApi } from './ortApi.ts';

/** More threads than this gain nothing on models that fit here. */
const mostThreads = 8;

/** Threads that onnxruntime can have: shared memory needs a cross-origin isolated page. */
export function ortThreads(): number {
  return globalThis.crossOriginIsolated
    ? Math.max(1, Math.min(mostThreads, navigator.hardwareConcurrency))
    : 1;
}

/** A fresh onnxruntime worker; `within` settles as the work does, or rejects when the worker itself stops. */
function startOrtWorker(): {
  readonly remote: Remote<OrtApi>;
  readonly within: <T>(work: Promise<T>) => Promise<T>;
  readonly end: () => void;
} {
  const worker = new Worker(new URL('./ort.worker.ts', import.meta.url), {
    type: 'module',
    name: 'onnxruntime',
  });
  const failed = new Promise<never>((_, reject) => {
    worker.addEventListener('error', (event) => {
      reject(
        new EnvironmentError('onnxruntime', 'The onnxruntime worker stopped', {
          actual: event.message || 'no message from the browser',
          advice: 'its files may be missing on this host, or memory is short',
        }),
      );
    });
  });
  failed.catch(() => undefined);
  return {
    remote: wrap<OrtApi>(worker),
    within: (work) => Promise.race([work, failed]),
    end: () => worker.terminate(),
  };
}

/** Opens a model in a fresh onnxruntime worker; releasing it ends the worker, since WebAssembly gives no memory back. */
export const openOrtWorker: OpenRunner = async (model) => {
  const { remote, within, end } = startOrtWorker();
  try {
    await within(remote.open(transfer(model, [model.bytes.buffer]), ortThreads()));
  } catch (error) {
    end();
    throw error;
  }
  return {
    run: (ids, keep, outputs, drop = false) => within(remote.run(Uint32Array.from(ids), keep, outputs, drop)),
    release: async () => {
      await within(remote.release()).catch(() => undefined);
      end();
    },
  };
};

/** A sentence-embedding model in a worker of its own. */
export interface EmbedderWorker {
  readonly pooling: string;
  embed(
    lists: readonly (readonly number[])[],
  ): Promise<{ readonly data: Float32Array; readonly dim: number }>;
  end(): void;
}

/** Opens a sentence-embedding model in a fresh worker. */
export async function openEmbedderWorker(
  bytes: Uint8Array<ArrayBuffer>,
  name: string,
): Promise<Result<EmbedderWorker>> {
  const { remote, within, end } = startOrtWorker();
  let opened: Result<{ readonly pooling: string }>;
  try {
    const asked = remote.openEmbedder(transfer(bytes, [bytes.buffer]), name, ortThreads());
    opened = await within<Result<{ readonly pooling: string }>>(asked);
  } catch (error) {
    end();
    throw error;
  }
  if (!opened.ok) {
    end();
    return opened;
  }
  return {
    ok: true,
    value: { pooling: opened.value.pooling, embed: (lists) => within(remote.embed(lists)), end },
  };
}
