import type { ByteSource } from '../core/byteSource.ts';
import type { JsonObject } from '../core/json.ts';
import { Rng } from '../core/rng.ts';
import { expectedTensors, openCheckpoint, type Checkpoint } from '../model/checkpoint.ts';
import { readModelConfig } from '../model/config.ts';
import { writeSafetensors } from '../model/safetensors.ts';

const common = {
  hidden_act: 'silu',
  attention_bias: false,
  rms_norm_eps: 1e-6,
  rope_theta: 1e6,
  max_position_embeddings: 40960,
  vocab_size: 2048,
  hidden_size: 256,
  num_hidden_layers: 4,
  num_attention_heads: 8,
  num_key_value_heads: 2,
  head_dim: 32,
  intermediate_size: 512,
  tie_word_embeddings: false,
} as const;

/** 4 layers, hidden 256, 8 heads on 2 key/value heads: the dense model that engines are compared on. */
export const tinyDenseConfig: JsonObject = { model_type: 'qwen3', ...common };
/** The same with 16 experts of width 128, 4 a token. */
export const tinyMoeConfig: JsonObject = {
  model_type: 'qwen3_moe',
  ...common,
  num_experts: 16,
  num_experts_per_tok: 4,
  moe_intermediate_size: 128,
  norm_topk_prob: true,
  decoder_sparse_step: 1,
  mlp_only_layers: [],
};

/** Bytes in memory as a file. */
export function memorySource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    sizeBytes: bytes.length,
    seekable: true,
    read: (start, end) => Promise.resolve(bytes.subarray(start, Math.min(end, bytes.length))),
    async *stream(start = 0) {
      yield bytes.subarray(start);
    },
  };
}

/** A checkpoint of seeded random weights in memory, opened as any other; every engine gets these same numbers. */
export async function randomCheckpoint(name: string, config: JsonObject, seed = 1): Promise<Checkpoint> {
  const rng = new Rng(`weights/${seed}`);
  const parsed = readModelConfig(config);
  const tensors = [...expectedTensors(parsed, parsed.moe ? 'per-expert' : 'none')].map(([tensor, shape]) => {
    const size = shape.reduce((product, n) => product * n, 1);
    const fanIn = shape.length > 1 ? shape[shape.length - 1]! : 1;
    // Norm weights near one; matrices so that activations keep their size; embeddings of unit size.
    const scale = tensor.includes('embed_tokens') ? 1 : 1.4 / Math.sqrt(fanIn);
    const data = new Float32Array(size);
    for (let i = 0; i < size; i++) data[i] = shape.length > 1 ? scale * rng.normal() : 1 + 0.1 * rng.normal();
    return { name: tensor, shape, data };
  });
  const files = new Map<string, Uint8Array>([
    ['config.json', new TextEncoder().encode(JSON.stringify(config))],
    ['model.safetensors', writeSafetensors(tensors)],
  ]);
  return openCheckpoint({
    name,
    open: (file) => Promise.resolve(files.has(file) ? memorySource(file, files.get(file)!) : null),
  });
}
