import { transfer } from 'comlink';
import { assert } from '../core/assert.ts';
import type { OnnxModel } from '../model/ort/qwen3Onnx.ts';
import { OrtSession } from '../model/ort/session.ts';
import type { OrtApi } from './ortApi.ts';

/** The onnxruntime worker's methods over one session. */
export class OrtService implements OrtApi {
  private session: OrtSession | null = null;

  async open(model: OnnxModel, threads: number): Promise<void> {
    await this.release();
    this.session = await OrtSession.open(model, { threads });
  }

  async run(
    ids: Uint32Array,
    keep: number,
    outputs: readonly string[],
  ): Promise<Readonly<Record<string, Float32Array>>> {
    assert(this.session !== null, 'no session is open');
    const given = await this.session.run(ids, keep, outputs);
    return transfer(
      given,
      Object.values(given).map((values) => values.buffer as ArrayBuffer),
    );
  }

  async release(): Promise<void> {
    const { session } = this;
    this.session = null;
    await session?.release();
  }
}
