import { transfer } from 'comlink';
import { assert } from '../core/assert.ts';
import { WorkbenchError } from '../core/errors.ts';
import type { OnnxModel } from '../model/ort/qwen3Onnx.ts';
import { OrtEmbedder } from '../model/ort/embedder.ts';
import { OrtSession } from '../model/ort/session.ts';
import type { OrtApi } from './ortApi.ts';

/** The onnxruntime worker's methods over one session. */
export class OrtService implements OrtApi {
  private session: OrtSession | null = null;
  private embedder: OrtEmbedder | null = null;

  async open(model: OnnxModel, threads: number): Promise<void> {
    await this.release();
    this.session = await OrtSession.open(model, { threads });
  }

  async run(
    ids: Uint32Array,
    keep: number,
    outputs: readonly string[],
    drop: boolean,
  ): Promise<Readonly<Record<string, Float32Array>>> {
    assert(this.session !== null, 'no session is open');
    const given = await this.session.run(ids, keep, outputs, drop);
    return transfer(
      given,
      Object.values(given).map((values) => values.buffer as ArrayBuffer),
    );
  }

  async openEmbedder(
    bytes: Uint8Array<ArrayBuffer>,
    name: string,
    threads: number,
  ): ReturnType<OrtApi['openEmbedder']> {
    await this.release();
    try {
      this.embedder = await OrtEmbedder.open(bytes, name, threads);
    } catch (error) {
      if (!(error instanceof WorkbenchError)) throw error;
      return { ok: false, code: error.code, message: error.message, advice: error.detail.advice ?? null };
    }
    return { ok: true, value: { pooling: this.embedder.pooling } };
  }

  async embed(
    lists: readonly (readonly number[])[],
  ): Promise<{ readonly data: Float32Array; readonly dim: number }> {
    assert(this.embedder !== null, 'no embedding model is open');
    const made = await this.embedder.embed(lists);
    return transfer(made, [made.data.buffer as ArrayBuffer]);
  }

  async release(): Promise<void> {
    const { session, embedder } = this;
    this.session = null;
    this.embedder = null;
    await session?.release();
    await embedder?.release();
  }
}
