import type { OnnxModel } from '../model/ort/qwen3Onnx.ts';

/** onnxruntime-web in a worker of its own: one model at a time; ending the worker frees all its memory. */
export interface OrtApi {
  /** Starts a session on a checkpoint's ONNX form, whose bytes are moved. */
  open(model: OnnxModel, threads: number): Promise<void>;
  /** As `OrtRunner.run`. */
  run(
    ids: Uint32Array,
    keep: number,
    outputs: readonly string[],
  ): Promise<Readonly<Record<string, Float32Array>>>;
  release(): Promise<void>;
}
