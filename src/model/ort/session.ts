import * as ort from 'onnxruntime-web';
import type { Checkpoint } from '../checkpoint.ts';
import { writeQwen3Onnx } from './qwen3Onnx.ts';

/** A checkpoint running on onnxruntime-web with its key/value cache. Call `release` when done. */
export class OrtSession {
  private past: Record<string, ort.Tensor> = {};
  private pastLength = 0;

  private constructor(
    private readonly session: ort.InferenceSession,
    private readonly checkpoint: Checkpoint,
  ) {
    this.reset();
  }

  /** Writes the ONNX form and starts a session. `provider` `wasm` needs no GPU. */
  static async create(
    checkpoint: Checkpoint,
    options: {
      readonly maxPositions: number;
      readonly provider?: 'wasm' | 'webgpu';
      readonly threads?: number;
    },
  ): Promise<OrtSession> {
    const model = await writeQwen3Onnx(checkpoint, options.maxPositions);
    if (options.threads !== undefined) ort.env.wasm.numThreads = options.threads;
    const session = await ort.InferenceSession.create(model, {
      executionProviders: [options.provider ?? 'wasm'],
    });
    return new OrtSession(session, checkpoint);
  }

  /** Forgets the cache. */
  reset(): void {
    const { numKeyValueHeads, headDim, numHiddenLayers } = this.checkpoint.config;
    for (const tensor of Object.values(this.past)) tensor.dispose();
    this.past = {};
    this.pastLength = 0;
    for (let layer = 0; layer < numHiddenLayers; layer++) {
      for (const part of ['key', 'value']) {
        this.past[`past_${part}_${layer}`] = new ort.Tensor('float32', new Float32Array(0), [
          1,
          numKeyValueHeads,
          0,
          headDim,
        ]);
      }
    }
  }

  /** Runs the next tokens after those already cached; gives their logits [T, V]. */
  async forward(ids: ArrayLike<number>): Promise<Float32Array> {
    const total = this.pastLength + ids.length;
    const outputs = await this.session.run({
      input_ids: new ort.Tensor('int64', BigInt64Array.from(Array.from(ids), BigInt), [1, ids.length]),
      seqlens_k: new ort.Tensor('int32', Int32Array.of(total - 1), [1]),
      total_length: new ort.Tensor('int32', Int32Array.of(total), [1]),
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
