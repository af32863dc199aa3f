import type * as Ort from 'onnxruntime-web';
import type { Checkpoint } from '../checkpoint.ts';
import { writeQwen3Onnx, type OnnxModel, type OnnxOptions } from './qwen3Onnx.ts';

export interface OrtOptions {
  /** Loads the build with the WebGPU provider, which then runs the model; left out, WebAssembly does. */
  readonly loadWebGpu?: () => Promise<typeof Ort>;
  /** Of WebAssembly; counts at the first use in a page or process only. */
  readonly threads?: number;
}

/** The WebAssembly build of onnxruntime-web, loaded when first asked for. */
export async function loadOrt(threads?: number): Promise<typeof Ort> {
  const ort = await import('onnxruntime-web/wasm');
  if (threads !== undefined) ort.env.wasm.numThreads = threads;
  return ort;
}

/** A model under onnxruntime, here or in a worker of its own. */
export interface OrtRunner {
  /**
   * Runs `ids` after the first `keep` cached tokens (what was cached behind them is forgotten); gives the named outputs,
   * flat. With `drop` nothing is cached afterwards, and no cache crosses into JavaScript. Rejects with onnxruntime's own
   * errors.
   */
  run(
    ids: ArrayLike<number>,
    keep: number,
    outputs: readonly string[],
    drop?: boolean,
  ): Promise<Readonly<Record<string, Float32Array>>>;
  release(): Promise<void>;
}

/** Rows [0, kept) of every head of a cache tensor [1, K, P, D]. */
function firstRows(
  data: Float32Array,
  heads: number,
  rows: number,
  kept: number,
  width: number,
): Float32Array {
  const out = new Float32Array(heads * kept * width);
  for (let head = 0; head < heads; head++) {
    const at = head * rows * width;
    out.set(data.subarray(at, at + kept * width), head * kept * width);
  }
  return out;
}

/** A checkpoint running on onnxruntime-web with its key/value cache. Call `release` when done. */
export class OrtSession implements OrtRunner {
  private past: Record<string, Ort.Tensor> = {};
  private pastLength = 0;

  private constructor(
    private readonly ort: typeof Ort,
    private readonly session: Ort.InferenceSession,
    private readonly model: Omit<OnnxModel, 'bytes'>,
  ) {
    this.reset();
  }

  /** Writes the ONNX form and starts a session. */
  static async create(checkpoint: Checkpoint, options: OrtOptions & OnnxOptions): Promise<OrtSession> {
    return OrtSession.open(await writeQwen3Onnx(checkpoint, options), options);
  }

  static async open(model: OnnxModel, options: OrtOptions = {}): Promise<OrtSession> {
    const { loadWebGpu } = options;
    const ort = loadWebGpu ? await loadWebGpu() : await loadOrt(options.threads);
    // The cache stays where it is computed.
    const presents = Array.from({ length: model.layers }, (_, layer) => [
      `present_key_${layer}`,
      `present_value_${layer}`,
    ]).flat();
    const session = await ort.InferenceSession.create(model.bytes, {
      executionProviders: [loadWebGpu ? 'webgpu' : 'wasm'],
      ...(loadWebGpu
        ? {
            preferredOutputLocation: Object.fromEntries(
              presents.map((name) => [name, 'gpu-buffer' as const]),
            ),
          }
        : {}),
    });
    const { layers, numKeyValueHeads, headDim } = model;
    return new OrtSession(ort, session, { layers, numKeyValueHeads, headDim });
  }

  /** Forgets the cache. */
  reset(): void {
    const { numKeyValueHeads, headDim, layers } = this.model;
    for (const tensor of Object.values(this.past)) tensor.dispose();
    this.past = {};
    this.pastLength = 0;
    for (let layer = 0; layer < layers; layer++) {
      for (const part of ['key', 'value']) {
        this.past[`past_${part}_${layer}`] = new this.ort.Tensor('float32', new Float32Array(0), [
          1,
          numKeyValueHeads,
          0,
          headDim,
        ]);
      }
    }
  }

  private async keep(count: number): Promise<void> {
    if (count >= this.pastLength) return;
    if (count === 0) {
      this.reset();
      return;
    }
    const { numKeyValueHeads: heads, headDim } = this.model;
    for (const [name, tensor] of Object.entries(this.past)) {
      const data = (await tensor.getData()) as Float32Array;
      tensor.dispose();
      const rows = firstRows(data, heads, this.pastLength, count, headDim);
      this.past[name] = new this.ort.Tensor('float32', rows, [1, heads, count, headDim]);
    }
    this.pastLength = count;
  }

  async run(
    ids: ArrayLike<number>,
    keep: number,
    outputs: readonly string[],
    drop = false,
  ): Promise<Readonly<Record<string, Float32Array>>> {
    await this.keep(keep);
    const total = this.pastLength + ids.length;
    const presents = drop ? [] : Object.keys(this.past).map((name) => name.replace('past', 'present'));
    const tensors = await this.session.run(
      {
        input_ids: new this.ort.Tensor('int64', BigInt64Array.from(Array.from(ids), BigInt), [1, ids.length]),
        seqlens_k: new this.ort.Tensor('int32', Int32Array.of(total - 1), [1]),
        total_length: new this.ort.Tensor('int32', Int32Array.of(total), [1]),
        ...this.past,
      },
      [...outputs, ...presents],
    );
    if (drop) this.reset();
    else {
      for (const tensor of Object.values(this.past)) tensor.dispose();
      this.past = {};
      this.pastLength = total;
    }
    for (const name of presents) this.past[name.replace('present', 'past')] = tensors[name]!;
    const given: Record<string, Float32Array> = {};
    for (const name of outputs) given[name] = (await tensors[name]!.getData()) as Float32Array;
    return given;
  }

  /** Runs the next tokens after those already cached; gives their logits [T, V], or [1, V] of the last. */
  async forward(ids: ArrayLike<number>): Promise<Float32Array> {
    return (await this.run(ids, this.pastLength, ['logits']))['logits']!;
  }

  async release(): Promise<void> {
    await this.session.release();
  }
}
