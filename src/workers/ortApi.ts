import type { Result } from './dataApi.ts';
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
    drop: boolean,
  ): Promise<Readonly<Record<string, Float32Array>>>;
  /** Opens a sentence-embedding model instead, whose bytes are moved; resolves to how it pools, or to what is wrong. */
  openEmbedder(
    bytes: Uint8Array<ArrayBuffer>,
    name: string,
    threads: number,
  ): Promise<Result<{ readonly pooling: string }>>;
  /** One vector per list of ids. */
  embed(
    lists: readonly (readonly number[])[],
  ): Promise<{ readonly data: Float32Array; readonly dim: number }>;
  release(): Promise<void>;
}
