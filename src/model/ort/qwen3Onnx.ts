import { InputError } from '../../core/errors.ts';
import { adaptersOf, addAdapters, type Adapter } from '../adapter.ts';
import type { Checkpoint } from '../checkpoint.ts';
import type { ModelConfig } from '../config.ts';
import { ropeFrequencies, ropeTable } from '../rope.ts';
import { readTensorFloats } from '../tensorData.ts';
import { OnnxGraph, onnxType } from './onnxGraph.ts';

const microsoft = 'com.microsoft';
/** The format holds at most 2 GiB in one file; weights are written as f32. */
export const maxModelBytes = 1.9e9;

/** What the ONNX form of a checkpoint is to hold. */
export interface OnnxOptions {
  /** Rows of the rotation table: the longest context that the model will be run at. */
  readonly maxPositions: number;
  /** Logits [1, 1, V] of the last token of a run only. */
  readonly lastLogitsOnly?: boolean;
  /** Merged into the weights. */
  readonly adapter?: Adapter;
  /** Also `hidden` f32 [1, T, C]: the residual stream after the last layer. */
  readonly hidden?: boolean;
  /** Also `attention_weights_l` f32 [1, H, T, P + T] after softmax, and `router_l` f32 [T, E] of the MoE layers. */
  readonly mechanism?: boolean;
  /** Called as tensors are read; may throw to stop. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** A model as bytes with what its key/value cache needs to know: all that another worker must get. */
export interface OnnxModel {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly layers: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
}

/** Weights of a checkpoint in f32. */
export function onnxWeightBytes(checkpoint: Checkpoint): number {
  let elements = 0;
  for (const { shape } of checkpoint.tensors.values())
    elements += shape.reduce((product, n) => product * n, 1);
  return elements * 4;
}

/** [rows, cols] → [cols, rows]: ONNX's MatMul takes weights as [in, out]. */
function transposed(data: Float32Array, rows: number, cols: number): Float32Array {
  const out = new Float32Array(data.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) out[c * rows + r] = data[r * cols + c]!;
  return out;
}

class Builder {
  readonly graph = new OnnxGraph();
  readonly config: ModelConfig;
  private doneBytes = 0;
  private readonly totalBytes: number;

  constructor(
    private readonly checkpoint: Checkpoint,
    private readonly options: OnnxOptions,
  ) {
    this.config = checkpoint.config;
    this.totalBytes = [...checkpoint.tensors.values()].reduce((sum, { start, end }) => sum + end - start, 0);
  }

  /** A tensor with the adapter added. */
  async floats(name: string): Promise<Float32Array> {
    const { checkpoint, options } = this;
    const tensor = checkpoint.tensors.get(name)!;
    const values = await readTensorFloats(tensor);
    if (options.adapter) {
      const changes = adaptersOf(options.adapter, checkpoint, name);
      addAdapters(values, 0, values.length / tensor.shape.at(-1)!, changes);
    }
    this.doneBytes += tensor.end - tensor.start;
    options.onProgress?.(this.doneBytes, this.totalBytes);
    return values;
  }

  async norm(x: string, name: string, size: number): Promise<string> {
    const weight = this.graph.floats(name, [size], await this.floats(name));
    const attributes = { axis: -1, epsilon: { float: this.config.rmsNormEps }, stash_type: 1 };
    return this.graph.node('SimplifiedLayerNormalization', [x, weight], attributes);
  }

  async linear(x: string, name: string, out: number, input: number): Promise<string> {
    const weight = transposed(await this.floats(`${name}.weight`), out, input);
    const product = this.graph.node('MatMul', [x, this.graph.floats(`${name}.weight`, [input, out], weight)]);
    if (!this.checkpoint.tensors.has(`${name}.bias`)) return product;
    return this.graph.node('Add', [
      product,
      this.graph.floats(`${name}.bias`, [out], await this.floats(`${name}.bias`)),
    ]);
  }

  /** RMSNorm of each head: [1, T, heads · D] → the same shape. */
  async headNorm(x: string, name: string, heads: number): Promise<string> {
    const { headDim } = this.config;
    const split = this.graph.node('Reshape', [x, this.graph.ints([0, 0, heads, headDim])]);
    const normed = await this.norm(split, name, headDim);
    return this.graph.node('Reshape', [normed, this.graph.ints([0, 0, heads * headDim])]);
  }

  async attention(x: string, layer: number, cos: string, sin: string): Promise<string> {
    const { hiddenSize: c, headDim: d, numAttentionHeads: h, numKeyValueHeads: k } = this.config;
    const p = `model.layers.${layer}.self_attn`;
    const q = await this.headNorm(await this.linear(x, `${p}.q_proj`, h * d, c), `${p}.q_norm.weight`, h);
    const key = await this.headNorm(await this.linear(x, `${p}.k_proj`, k * d, c), `${p}.k_norm.weight`, k);
    const value = await this.linear(x, `${p}.v_proj`, k * d, c);
    const pastKey = this.graph.input(`past_key_${layer}`, onnxType.float, [1, k, 'past', d]);
    const pastValue = this.graph.input(`past_value_${layer}`, onnxType.float, [1, k, 'past', d]);
    const window = this.config.layers[layer]!.slidingWindow;
    const out = this.graph.node(
      'GroupQueryAttention',
      [q, key, value, pastKey, pastValue, 'seqlens_k', 'total_length', cos, sin],
      {
        num_heads: h,
        kv_num_heads: k,
        do_rotary: 1,
        local_window_size: window ?? -1,
        // The weights after softmax.
        ...(this.options.mechanism ? { qk_output: 2 } : {}),
      },
      [
        `attention_${layer}`,
        `present_key_${layer}`,
        `present_value_${layer}`,
        ...(this.options.mechanism ? [`attention_weights_${layer}`] : []),
      ],
      microsoft,
    );
    if (this.options.mechanism) {
      this.graph.output(`attention_weights_${layer}`, onnxType.float, [1, h, 'tokens', 'total']);
    }
    this.graph.output(`present_key_${layer}`, onnxType.float, [1, k, 'total', d]);
    this.graph.output(`present_value_${layer}`, onnxType.float, [1, k, 'total', d]);
    return this.linear(out, `${p}.o_proj`, c, h * d);
  }

  async denseMlp(x: string, layer: number): Promise<string> {
    const { hiddenSize: c, intermediateSize: width } = this.config;
    const p = `model.layers.${layer}.mlp`;
    const gate = await this.linear(x, `${p}.gate_proj`, width, c);
    const up = await this.linear(x, `${p}.up_proj`, width, c);
    const silu = this.graph.node('Mul', [gate, this.graph.node('Sigmoid', [gate])]);
    return this.linear(this.graph.node('Mul', [silu, up]), `${p}.down_proj`, c, width);
  }

  /** Gate and up rows of every expert, interleaved as the MoE operator wants them: [E, 2I, C]. */
  private async gateUp(layer: number): Promise<Float32Array> {
    const { hiddenSize: c } = this.config;
    const { numExperts, moeIntermediateSize: width } = this.config.moe!;
    const p = `model.layers.${layer}.mlp.experts`;
    const out = new Float32Array(numExperts * 2 * width * c);
    const fused = this.checkpoint.expertLayout === 'fused' ? await this.floats(`${p}.gate_up_proj`) : null;
    for (let e = 0; e < numExperts; e++) {
      const whole = fused?.subarray(e * 2 * width * c, (e + 1) * 2 * width * c);
      const gate = whole ? whole.subarray(0, width * c) : await this.floats(`${p}.${e}.gate_proj.weight`);
      const up = whole ? whole.subarray(width * c) : await this.floats(`${p}.${e}.up_proj.weight`);
      for (let i = 0; i < width; i++) {
        const row = (e * 2 * width + 2 * i) * c;
        out.set(gate.subarray(i * c, (i + 1) * c), row);
        out.set(up.subarray(i * c, (i + 1) * c), row + c);
      }
    }
    return out;
  }

  private async down(layer: number): Promise<Float32Array> {
    const { hiddenSize: c } = this.config;
    const { numExperts, moeIntermediateSize: width } = this.config.moe!;
    const p = `model.layers.${layer}.mlp.experts`;
    if (this.checkpoint.expertLayout === 'fused') return this.floats(`${p}.down_proj`);
    const out = new Float32Array(numExperts * c * width);
    for (let e = 0; e < numExperts; e++)
      out.set(await this.floats(`${p}.${e}.down_proj.weight`), e * c * width);
    return out;
  }

  async moe(x: string, layer: number): Promise<string> {
    const { hiddenSize: c } = this.config;
    const { numExperts, numExpertsPerTok, moeIntermediateSize: width, normTopkProb } = this.config.moe!;
    const p = `model.layers.${layer}.mlp`;
    const rows = this.graph.node('Reshape', [x, this.graph.ints([-1, c])]);
    const router = await this.linear(rows, `${p}.gate`, numExperts, c);
    if (this.options.mechanism) {
      this.graph.node('Identity', [router], {}, [`router_${layer}`]);
      this.graph.output(`router_${layer}`, onnxType.float, ['tokens', numExperts]);
    }
    const gateUp = this.graph.floats(`${p}.gate_up`, [numExperts, 2 * width, c], await this.gateUp(layer));
    const down = this.graph.floats(`${p}.down`, [numExperts, c, width], await this.down(layer));
    const out = this.graph.node(
      'MoE',
      [rows, router, gateUp, '', down],
      {
        k: numExpertsPerTok,
        activation_type: 'swiglu',
        swiglu_fusion: 1,
        activation_alpha: { float: 1 },
        activation_beta: { float: 0 },
        normalize_routing_weights: normTopkProb ? 1 : 0,
      },
      undefined,
      microsoft,
    );
    return this.graph.node('Reshape', [out, this.graph.ints([1, -1, c])]);
  }
}

/**
 * The same checkpoint as an ONNX model for onnxruntime, in f32, with a key/value cache:
 * inputs `input_ids` int64 [1, T], `seqlens_k` int32 [1] (total − 1), `total_length` int32 [1],
 * `past_key_l`, `past_value_l` f32 [1, K, P, D]; outputs `logits` f32 [1, T, V], `present_*`, and what else is asked for.
 * Throws `InputError` above the 2 GiB that one ONNX file can hold.
 */
export async function writeQwen3Onnx(checkpoint: Checkpoint, options: OnnxOptions): Promise<OnnxModel> {
  const { config } = checkpoint;
  const { maxPositions, lastLogitsOnly = false } = options;
  const weightBytes = onnxWeightBytes(checkpoint);
  if (weightBytes > maxModelBytes) {
    throw new InputError('model-too-large', 'This model is too large for one ONNX file', {
      where: checkpoint.name,
      expected: `at most ${(maxModelBytes / 4e6).toFixed(0)} million weights`,
      actual: `${(weightBytes / 4e6).toFixed(0)} million`,
    });
  }
  const builder = new Builder(checkpoint, options);
  const { graph } = builder;
  const { hiddenSize: c, vocabSize } = config;
  const half = config.headDim / 2;
  const table = ropeTable(ropeFrequencies(config), 0, maxPositions);
  const cos = graph.floats('rope_cos', [maxPositions, half], table.cos);
  const sin = graph.floats('rope_sin', [maxPositions, half], table.sin);
  graph.input('input_ids', onnxType.int64, [1, 'tokens']);
  graph.input('seqlens_k', onnxType.int32, [1]);
  graph.input('total_length', onnxType.int32, [1]);
  const embedding = await builder.floats('model.embed_tokens.weight');
  let x = graph.node('Gather', [graph.floats('embedding', [vocabSize, c], embedding), 'input_ids'], {
    axis: 0,
  });
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const p = `model.layers.${layer}`;
    const normed = await builder.norm(x, `${p}.input_layernorm.weight`, c);
    x = graph.node('Add', [x, await builder.attention(normed, layer, cos, sin)]);
    const mid = await builder.norm(x, `${p}.post_attention_layernorm.weight`, c);
    const block =
      config.layers[layer]!.mlp === 'moe' ? builder.moe(mid, layer) : builder.denseMlp(mid, layer);
    x = graph.node('Add', [x, await block]);
  }
  if (options.hidden) {
    graph.node('Identity', [x], {}, ['hidden']);
    graph.output('hidden', onnxType.float, [1, 'tokens', c]);
  }
  if (lastLogitsOnly) {
    const [first, end, axis] = [graph.ints([-1]), graph.ints([0x7fffffff]), graph.ints([1])];
    x = graph.node('Slice', [x, first, end, axis]);
  }
  x = await builder.norm(x, 'model.norm.weight', c);
  const head = config.tieWordEmbeddings ? embedding : await builder.floats('lm_head.weight');
  const headName = graph.floats('head', [c, vocabSize], transposed(head, vocabSize, c));
  graph.node('MatMul', [x, headName], {}, ['logits']);
  graph.output('logits', onnxType.float, [1, lastLogitsOnly ? 1 : 'tokens', vocabSize]);
  return {
    bytes: graph.finish(checkpoint.name),
    layers: config.numHiddenLayers,
    numKeyValueHeads: config.numKeyValueHeads,
    headDim: config.headDim,
  };
}
