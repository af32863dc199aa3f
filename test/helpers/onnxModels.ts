import { OnnxGraph, onnxType } from '../../src/model/ort/onnxGraph.ts';

/** [vocab, dim]: what `lookupEmbedder` knows of each token. */
export const lookupTable = (vocab: number, dim: number): Float32Array =>
  Float32Array.from({ length: vocab * dim }, (_, i) => Math.sin(i));

/** An embedding model that looks its tokens up, named as sentence-transformers name them. */
export function lookupEmbedder(
  vocab: number,
  dim: number,
  inputs: readonly string[] = ['input_ids', 'attention_mask'],
): Uint8Array<ArrayBuffer> {
  const graph = new OnnxGraph();
  for (const name of inputs) graph.input(name, onnxType.int64, ['batch', 'tokens']);
  const table = graph.floats('table', [vocab, dim], lookupTable(vocab, dim));
  graph.node('Gather', [table, 'input_ids'], { axis: 0 }, ['last_hidden_state']);
  graph.output('last_hidden_state', onnxType.float, ['batch', 'tokens', dim]);
  return graph.finish('lookup');
}
