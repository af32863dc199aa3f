import type * as Ort from 'onnxruntime-web';
import { InputError } from '../../core/errors.ts';
import { loadOrt } from './session.ts';

const idInputs = new Set(['input_ids', 'attention_mask', 'token_type_ids', 'position_ids']);

/** A sentence-embedding model of any maker under onnxruntime. Call `release` when done. */
export class OrtEmbedder {
  private constructor(
    private readonly ort: typeof Ort,
    private readonly session: Ort.InferenceSession,
    private readonly output: string,
  ) {}

  /** Opens an ONNX file; throws `InputError` when it asks for more than token ids. */
  static async open(bytes: Uint8Array<ArrayBuffer>, name: string, threads: number): Promise<OrtEmbedder> {
    const ort = await loadOrt(threads);
    let session: Ort.InferenceSession;
    try {
      session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] });
    } catch (error) {
      throw new InputError('bad-onnx', 'onnxruntime cannot open this model', {
        where: name,
        actual: String(error),
        advice: 'weights in a second file (.onnx_data) are not read: export the model as one file',
      });
    }
    const odd = session.inputNames.filter((input) => !idInputs.has(input));
    const output =
      ['sentence_embedding', 'text_embeds', 'last_hidden_state', 'token_embeddings'].find((each) =>
        session.outputNames.includes(each),
      ) ?? session.outputNames[0];
    if (odd.length > 0 || !session.inputNames.includes('input_ids') || output === undefined) {
      await session.release();
      throw new InputError('bad-embedder', 'This is no sentence-embedding model', {
        where: name,
        expected: 'inputs input_ids, attention_mask, token_type_ids and no others',
        actual: session.inputNames.join(', '),
      });
    }
    return new OrtEmbedder(ort, session, output);
  }

  /** How vectors are made, in words. */
  get pooling(): string {
    return /sentence|text_embeds/.test(this.output)
      ? `output ${this.output}`
      : `mean of ${this.output} over the tokens`;
  }

  /** One vector per list of ids: the pooled output where the model has one, else the mean over the tokens. */
  async embed(
    lists: readonly (readonly number[])[],
  ): Promise<{ readonly data: Float32Array; readonly dim: number }> {
    const longest = Math.max(1, ...lists.map(({ length }) => length));
    const shape = [lists.length, longest];
    const fill = (valueAt: (list: readonly number[], t: number) => number): Ort.Tensor =>
      new this.ort.Tensor(
        'int64',
        BigInt64Array.from({ length: lists.length * longest }, (_, at) =>
          BigInt(valueAt(lists[Math.floor(at / longest)]!, at % longest)),
        ),
        shape,
      );
    const feeds: Record<string, Ort.Tensor> = {
      input_ids: fill((list, t) => list[t] ?? 0),
      attention_mask: fill((list, t) => (t < Math.max(1, list.length) ? 1 : 0)),
      token_type_ids: fill(() => 0),
      position_ids: fill((_, t) => t),
    };
    const wanted = Object.fromEntries(this.session.inputNames.map((name) => [name, feeds[name]!]));
    const tensor = (await this.session.run(wanted, [this.output]))[this.output]!;
    const values = (await tensor.getData()) as Float32Array;
    const dim = tensor.dims.at(-1)!;
    if (tensor.dims.length === 2) return { data: values, dim };
    const data = new Float32Array(lists.length * dim);
    lists.forEach((list, n) => {
      const length = Math.max(1, list.length);
      for (let t = 0; t < length; t++) {
        const at = (n * longest + t) * dim;
        for (let j = 0; j < dim; j++) data[n * dim + j]! += values[at + j]! / length;
      }
    });
    return { data, dim };
  }

  async release(): Promise<void> {
    await this.session.release();
  }
}
