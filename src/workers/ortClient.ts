import { transfer } from 'comlink';
import type { OpenRunner } from '../model/ort/host.ts';
import type { Result } from './dataApi.ts';
import type { OrtApi } from './ortApi.ts';
import { linkWorker, type WorkerLink } from './workerLink.ts';

/** More threads than this gain nothing on models that fit here. */
const mostThreads = 8;

/** Threads that onnxruntime can have: shared memory needs a cross-origin isolated page. */
export function ortThreads(): number {
  return globalThis.crossOriginIsolated
    ? Math.max(1, Math.min(mostThreads, navigator.hardwareConcurrency))
    : 1;
}

/** A fresh onnxruntime worker; what is asked of it fails when the worker itself stops. */
function startOrtWorker(): WorkerLink<OrtApi> {
  const worker = new Worker(new URL('./ort.worker.ts', import.meta.url), {
    type: 'module',
    name: 'onnxruntime',
  });
  return linkWorker<OrtApi>(worker, {
    does: 'runs onnxruntime',
    kept: 'Load the model again to go on, in fewer bytes or with a shorter context.',
    results: { openEmbedder: true },
    endsByError: true,
  });
}

/** Opens a model in a fresh onnxruntime worker; releasing it ends the worker, since WebAssembly gives no memory back. */
export const openOrtWorker: OpenRunner = async (model) => {
  const { remote, end } = startOrtWorker();
  try {
    await remote.open(transfer(model, [model.bytes.buffer]), ortThreads());
  } catch (error) {
    end();
    throw error;
  }
  return {
    run: (ids, keep, outputs, drop = false) => remote.run(Uint32Array.from(ids), keep, outputs, drop),
    release: async () => {
      await remote.release().catch(() => undefined);
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
  const { remote, end } = startOrtWorker();
  let opened: Result<{ readonly pooling: string }>;
  try {
    opened = await remote.openEmbedder(transfer(bytes, [bytes.buffer]), name, ortThreads());
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
    value: { pooling: opened.value.pooling, embed: (lists) => remote.embed(lists), end },
  };
}
