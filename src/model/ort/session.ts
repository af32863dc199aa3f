import type * as Ort from 'onnxruntime-web';
import type { Checkpoint } from '../checkpoint.ts';
import { writeQwen3Onnx } from './qwen3Onnx.ts';

export type OrtProvider = 'wasm' | 'webgpu';

export interface OrtOptions {
  /** Longest context: rows of the rotation table. */
  readonly maxPositions: number;
  /** `wasm` (default) needs no GPU. */
  readonly provider?: OrtProvider;
  readonly threads?: number;
  /** Logits of the last token of each call only: what generation needs. */
  readonly lastLogitsOnly?: boolean;
}

/** The build of onnxruntime-web for a provider, loaded when first asked for; one per page or process. */
export function loadOrt(provider: OrtProvider): Promise<typeof Ort> {
  return provider === 'webgpu' ? import('onnxruntime-web/webgpu') : import('onnxruntime-web/wasm');
}

/** A checkpoint running on onnxruntime-web with its key/value cache. Call `release` when done. */
export class OrtSession {
  private past: Record<string, Ort.Tensor> = {};
  private pastLength = 0;

  private constructor(
    private readonly ort: typeof Ort,
    private readonly session: Ort.InferenceSession,
    private readonly checkpoint: Checkpoint,
  ) {
    this.reset();
  }

  /** Writes the ONNX form and starts a session. */
  static async create(checkpoint: Checkpoint, options: OrtOptions): Promise<OrtSession> {
    const provider = options.provider ?? 'wasm';
    const ort = await loadOrt(provider);
    const model = await writeQwen3Onnx(checkpoint, options.maxPositions, options.lastLogitsOnly ?? false);
    if (options.threads !== undefined) ort.env.wasm.numThreads = options.threads;
    // The cache stays where it is computed.
    const presents = checkpoint.config.layers.flatMap((_, layer) => [
      `present_key_${layer}`,
      `present_value_${layer}`,
    ]);
    const session = await ort.InferenceSession.create(model, {
      executionProviders: [provider],
      ...(provider === 'webgpu'
        ? {
            preferredOutputLocation: Object.fromEntries(
              presents.map((name) => [name, 'gpu-buffer' as const]),
            ),
          }
        : {}),
    });
    return new OrtSession(ort, session, checkpoint);
  }

  /** Forgets the cache. */
  reset(): void {
    const { numKeyValueHeads, headDim, numHiddenLayers } = this.checkpoint.config;
    for (const tensor of Object.values(this.past)) tensor.dispose();
    this.past = {};
    this.pastLength = 0;
    for (let layer = 0; layer < numHiddenLayers; layer++) {
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

  /** Runs the next tokens after those already cached; gives their logits [T, V], or [1, V] of the last. */
  async forward(ids: ArrayLike<number>): Promise<Float32Array> {
    const total = this.pastLength + ids.length;
    const outputs = await this.session.run({
      input_ids: new this.ort.Tensor('int64', BigInt64Array.from(Array.from(ids), BigInt), [1, ids.length]),
      seqlens_k: new this.ort.Tensor('int32', Int32Array.of(total - 1), [1]),
      total_length: new this.ort.Tensor('int32', Int32Array.of(total), [1]),
      ...this.past,
    });
    for (const tensor of Object.values(this.past)) tensor.dispose();
    this.past = {};
    for (const [name, tensor] of Object.entries(outputs)) {
      if (name.startsWith('present_')) this.past[name.replace('present', 'past')] = tensor;
    }
    this.pastLength = total;
    return (await outputs['logits']!.getData()) as Float32Array;
  }

  async release(): Promise<void> {
    await this.session.release();
  }
}
