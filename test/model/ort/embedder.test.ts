import { describe, expect, it } from 'vitest';
import { OrtEmbedder } from '../../../src/model/ort/embedder.ts';
import { OnnxGraph, onnxType } from '../../../src/model/ort/onnxGraph.ts';

const [vocab, dim] = [11, 3];
const table = Float32Array.from({ length: vocab * dim }, (_, i) => Math.sin(i));

/** A model that looks its tokens up, named as sentence-transformers name them. */
function lookup(inputs: readonly string[]): Uint8Array<ArrayBuffer> {
  const graph = new OnnxGraph();
  for (const name of inputs) graph.input(name, onnxType.int64, ['batch', 'tokens']);
  graph.node('Gather', [graph.floats('table', [vocab, dim], table), 'input_ids'], { axis: 0 }, [
    'last_hidden_state',
  ]);
  graph.output('last_hidden_state', onnxType.float, ['batch', 'tokens', dim]);
  return graph.finish('lookup');
}

describe('a sentence-embedding model under onnxruntime', () => {
  it('pools each text over its own tokens, however long the others are', async () => {
    const embedder = await OrtEmbedder.open(lookup(['input_ids', 'attention_mask']), 'lookup.onnx', 1);
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
    const odd = lookup(['input_ids', 'past_key_values.0.key']);
    await expect(OrtEmbedder.open(odd, 'decoder.onnx', 1)).rejects.toThrow(
      /no sentence-embedding model.*past_key/s,
    );
    await expect(OrtEmbedder.open(Uint8Array.of(1, 2, 3), 'x.onnx', 1)).rejects.toThrow(
      /cannot open this model/,
    );
  });
});
