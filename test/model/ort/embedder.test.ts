import { describe, expect, it } from 'vitest';
import { InputError } from '../../../src/core/errors.ts';
import { Rng } from '../../../src/core/rng.ts';
import { OrtEmbedder } from '../../../src/model/ort/embedder.ts';
import { lookupEmbedder, lookupTable } from '../../helpers/onnxModels.ts';

const [vocab, dim] = [11, 3];
const table = lookupTable(vocab, dim);

describe('a sentence-embedding model under onnxruntime', () => {
  it('pools each text over its own tokens, however long the others are', async () => {
    const embedder = await OrtEmbedder.open(lookupEmbedder(vocab, dim), 'lookup.onnx', 1);
    const lists = [[4], [1, 2, 3, 10], []];
    const { data, dim: found } = await embedder.embed(lists);
    expect(found).toBe(dim);
    lists.forEach((list, n) => {
      const ids = list.length > 0 ? list : [0];
      for (let j = 0; j < dim; j++) {
        const mean = ids.reduce((sum, id) => sum + table[id * dim + j]! / ids.length, 0);
        expect(data[n * dim + j]).toBeCloseTo(mean, 5);
      }
    });
    await embedder.release();
  });

  it('refuses what asks for more than ids, and what is no model', async () => {
    const odd = lookupEmbedder(vocab, dim, ['input_ids', 'past_key_values.0.key']);
    await expect(OrtEmbedder.open(odd, 'decoder.onnx', 1)).rejects.toThrow(
      /no sentence-embedding model.*past_key/s,
    );
    await expect(OrtEmbedder.open(Uint8Array.of(1, 2, 3), 'x.onnx', 1)).rejects.toThrow(
      /cannot open this model/,
    );
  });

  it('with damaged bytes anywhere is refused or opened, and never spoils the next model', async () => {
    const whole = lookupEmbedder(vocab, dim);
    const rng = new Rng('damaged models');
    const seen = { opened: 0, refused: 0 };
    for (let round = 0; round < 200; round++) {
      const bytes = whole.slice(0, rng.below(4) ? whole.length : rng.below(whole.length));
      for (let hit = 0; hit <= rng.below(4); hit++) bytes[rng.below(bytes.length)] = rng.below(256);
      try {
        await (await OrtEmbedder.open(bytes, 'damaged.onnx', 1)).release();
        seen.opened++;
      } catch (error) {
        expect(error).toBeInstanceOf(InputError);
        seen.refused++;
      }
    }
    expect(seen.refused).toBeGreaterThan(20);
    const embedder = await OrtEmbedder.open(whole, 'lookup.onnx', 1);
    const { data } = await embedder.embed([[4]]);
    expect(data[0]).toBeCloseTo(table[4 * dim]!, 5);
    await embedder.release();
  });
});
