import { transfer, wrap } from 'comlink';
import { EnvironmentError } from '../core/errors.ts';
import type { OpenRunner } from '../model/ort/host.ts';
import type { OrtApi } from './ortApi.ts';

/** More threads than this gain nothing on models that fit here. */
const mostThreads = 8;

/** Threads that onnxruntime can have: shared memory needs a cross-origin isolated page. */
export function ortThreads(): number {
  return globalThis.crossOriginIsolated
    ? Math.max(1, Math.min(mostThreads, navigator.hardwareConcurrency))
    : 1;
}

/** Opens a model in a fresh onnxruntime worker; releasing it ends the worker, since WebAssembly gives no memory back. */
export const openOrtWorker: OpenRunner = async (model) => {
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
  const remote = wrap<OrtApi>(worker);
  try {
    await Promise.race([remote.open(transfer(model, [model.bytes.buffer]), ortThreads()), failed]);
  } catch (error) {
    worker.terminate();
    throw error;
  }
  return {
    run: (ids, keep, outputs) => Promise.race([remote.run(Uint32Array.from(ids), keep, outputs), failed]),
    release: async () => {
      await Promise.race([remote.release(), failed]).catch(() => undefined);
      worker.terminate();
    },
  };
};
