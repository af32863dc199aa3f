import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import type { EngineDevice } from '../gpu/device.ts';
import { matmul } from '../gpu/kernels/matmul.ts';
import { PipelineCollector } from '../gpu/pipelineCache.ts';
import { Recorder } from '../gpu/recorder.ts';
import { createRows, createWeight, destroyWeight } from '../gpu/tensors.ts';
import type { KernelChoices } from '../gpu/variants.ts';
import { OrtMatmul } from '../model/ort/matmulSession.ts';

/** Y[M, N] = X[M, K] · W[K, N], the same numbers for every engine. */
export interface MatmulProblem {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  /** [M, K] */
  readonly x: Float32Array<ArrayBuffer>;
  /** [K, N] */
  readonly w: Float32Array<ArrayBuffer>;
}

/** One engine with the operands on the GPU. */
export interface MatmulRunner {
  readonly name: string;
  run(): Promise<void>;
  result(): Promise<Float32Array>;
  release(): Promise<void>;
}

function transposed(data: Float32Array, rows: number, cols: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(data.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) out[c * rows + r] = data[r * cols + c]!;
  return out;
}

/** Our engine, with the adapter's own choice of kernel or another. Weights lie [N, K], as in checkpoints. */
export async function ourMatmul(
  engine: EngineDevice,
  { m, k, n, x, w }: MatmulProblem,
  name: string,
  choices: Partial<KernelChoices> = {},
): Promise<MatmulRunner> {
  const recorder = new Recorder(engine);
  const rows = createRows(engine.buffers, 'bench/x', m, k);
  const out = createRows(engine.buffers, 'bench/y', m, n);
  const weight = createWeight(engine.buffers, 'bench/w', 'f32', n, k, engine.maxBindingBytes);
  recorder.upload(rows.range, x);
  const wt = transposed(w, k, n);
  for (const part of weight.parts) {
    recorder.upload(part.data, wt.subarray(part.firstRow * k, (part.firstRow + part.rows) * k));
  }
  const withChoices = <T>(action: () => T): T => {
    const usual = engine.choices;
    engine.choices = { ...usual, ...choices };
    try {
      return action();
    } finally {
      engine.choices = usual;
    }
  };
  const collector = new PipelineCollector(engine);
  withChoices(() => matmul(collector, { x: rows, weight, out }));
  await engine.pipelines.prepare(collector.requests);
  return {
    name,
    async run() {
      withChoices(() => matmul(recorder, { x: rows, weight, out }));
      recorder.submit();
      await recorder.settle();
    },
    result() {
      withChoices(() => matmul(recorder, { x: rows, weight, out }));
      return recorder.readFloats(out.range);
    },
    release() {
      destroyWeight(engine.buffers, weight);
      for (const { range } of [rows, out]) engine.buffers.destroy(range.buffer);
      recorder.submit();
      return Promise.resolve();
    },
  };
}

/** jax-js on its WebGPU backend, compiled with `jit`. */
export async function jaxMatmul({ m, k, n, x, w }: MatmulProblem): Promise<MatmulRunner> {
  const jax = await import('@jax-js/jax');
  const devices = await jax.init('webgpu');
  if (!devices.includes('webgpu')) throw new Error('jax-js found no WebGPU');
  jax.defaultDevice('webgpu');
  const np = jax.numpy;
  const a = np.array(x).reshape([m, k]);
  const b = np.array(w).reshape([k, n]);
  await jax.blockUntilReady([a.ref, b.ref]);
  const product = jax.jit((left: typeof a, right: typeof b) => np.matmul(left, right));
  return {
    name: 'jax-js',
    async run() {
      const y = product(a.ref, b.ref);
      await jax.blockUntilReady(y);
      y.dispose();
    },
    result: async () => (await product(a.ref, b.ref).data()) as Float32Array,
    release() {
      a.dispose();
      b.dispose();
      return Promise.resolve();
    },
  };
}

/** tfjs on its WebGPU backend. */
export async function tfjsMatmul({ m, k, n, x, w }: MatmulProblem): Promise<MatmulRunner> {
  // It registers itself only where it takes the surroundings for a page or worker.
  const scope = globalThis as { WorkerGlobalScope?: unknown };
  const isNode = typeof window === 'undefined' && scope.WorkerGlobalScope === undefined;
  if (isNode) scope.WorkerGlobalScope = Object;
  const tf = await import('@tensorflow/tfjs-core');
  await import('@tensorflow/tfjs-backend-webgpu');
  if (isNode) delete scope.WorkerGlobalScope;
  if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs found no WebGPU');
  await tf.ready();
  const backend = tf.backend() as unknown as WebGPUBackend & { endComputePassEncoder(): void };
  const a = tf.tensor2d(x, [m, k]);
  const b = tf.tensor2d(w, [k, n]);
  return {
    name: 'tfjs',
    async run() {
      const y = tf.matMul(a, b);
      backend.endComputePassEncoder();
      backend.submitQueue();
      await backend.queue.onSubmittedWorkDone();
      y.dispose();
    },
    async result() {
      const y = tf.matMul(a, b);
      const data = (await y.data()) as Float32Array;
      y.dispose();
      return data;
    },
    release() {
      a.dispose();
      b.dispose();
      return Promise.resolve();
    },
  };
}

/** onnxruntime-web's WebGPU provider. */
export async function ortMatmul({ m, k, n, x, w }: MatmulProblem, name: string): Promise<MatmulRunner> {
  const session = await OrtMatmul.create(m, k, n, x, w);
  return {
    name,
    run: () => session.run(1),
    result: () => session.result(),
    release: () => session.release(),
  };
}
