import { createWeight, type Weight, type WeightType } from '../gpu/tensors.ts';
import { roundUp, type BufferRange, type Buffers } from '../gpu/buffers.ts';
import type { ExpertWeight } from '../gpu/kernels/moe.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { ModelConfig } from './config.ts';

/** How weights are kept on the GPU. Norms, biases and the router are f32 always. */
export interface WeightTypes {
  /** Attention, MLP and expert matrices. */
  readonly body: WeightType;
  /** Embedding and head; never int4, which costs quality there. */
  readonly embedding: Exclude<WeightType, 'int4'>;
}

/** The types a choice of one name stands for. */
export function weightTypesOf(body: WeightType): WeightTypes {
  return { body, embedding: body === 'int4' ? 'int8' : body };
}

/** All rows of a checkpoint tensor become rows [targetRow, …) of a matrix. */
interface MatrixSource {
  readonly tensor: string;
  readonly targetRow: number;
  readonly rows: number;
}

/** A matrix on the GPU, put together from tensors of the checkpoint. */
export interface MatrixPlan {
  readonly label: string;
  readonly type: WeightType;
  readonly rows: number;
  readonly cols: number;
  /** Rows that must stay in one binding together (an expert's). */
  readonly rowGroup: number;
  readonly sources: readonly MatrixSource[];
}

/** A vector of f32 on the GPU, put together from tensors. */
export interface VectorPlan {
  readonly label: string;
  readonly size: number;
  readonly tensors: readonly string[];
}

interface LayerParts<M, V> {
  readonly inputNorm: V;
  readonly postNorm: V;
  /** [(H + 2K)·D, C]: query heads, key heads, value heads. */
  readonly qkv: M;
  readonly qkvBias: V | null;
  /** [C, H·D] */
  readonly o: M;
  readonly oBias: V | null;
  /** [D] */
  readonly qNorm: V;
  readonly kNorm: V;
  readonly mlp:
    | {
        readonly kind: 'dense';
        /** [2I, C] gate rows, then up rows */ readonly gateUp: M;
        /** [C, I] */ readonly down: M;
      }
    | {
        readonly kind: 'moe';
        /** [E, C] f32 */
        readonly router: M;
        /** [E·2I, C] */
        readonly gateUp: M;
        /** [E·C, I] */
        readonly down: M;
      };
}

interface ModelParts<M, V> {
  /** [V, C] */
  readonly embed: M;
  /** [V, C]; null when tied to the embedding. */
  readonly head: M | null;
  readonly finalNorm: V;
  readonly layers: readonly LayerParts<M, V>[];
}

export type WeightPlan = ModelParts<MatrixPlan, VectorPlan>;
export type ModelWeights = ModelParts<Weight, BufferRange>;
export type LayerWeights = LayerParts<Weight, BufferRange>;

function rowsOf(name: string, rows: number, targetRow = 0): MatrixSource {
  return { tensor: name, rows, targetRow };
}

function stacked(
  label: string,
  type: WeightType,
  cols: number,
  parts: readonly (readonly [string, number])[],
): MatrixPlan {
  const sources: MatrixSource[] = [];
  let rows = 0;
  for (const [tensor, count] of parts) {
    sources.push(rowsOf(tensor, count, rows));
    rows += count;
  }
  return { label, type, rows, cols, rowGroup: 1, sources };
}

function expertMatrices(
  config: ModelConfig,
  layout: Checkpoint['expertLayout'],
  prefix: string,
  label: string,
  type: WeightType,
): { gateUp: MatrixPlan; down: MatrixPlan } {
  const { numExperts, moeIntermediateSize: width } = config.moe!;
  const c = config.hiddenSize;
  const gateUpSources: MatrixSource[] = [];
  const downSources: MatrixSource[] = [];
  if (layout === 'fused') {
    gateUpSources.push(rowsOf(`${prefix}.gate_up_proj`, numExperts * 2 * width));
    downSources.push(rowsOf(`${prefix}.down_proj`, numExperts * c));
  } else {
    for (let e = 0; e < numExperts; e++) {
      gateUpSources.push(rowsOf(`${prefix}.${e}.gate_proj.weight`, width, e * 2 * width));
      gateUpSources.push(rowsOf(`${prefix}.${e}.up_proj.weight`, width, e * 2 * width + width));
      downSources.push(rowsOf(`${prefix}.${e}.down_proj.weight`, c, e * c));
    }
  }
  return {
    gateUp: {
      label: `${label}/experts gate up`,
      type,
      rows: numExperts * 2 * width,
      cols: c,
      rowGroup: 2 * width,
      sources: gateUpSources,
    },
    down: {
      label: `${label}/experts down`,
      type,
      rows: numExperts * c,
      cols: width,
      rowGroup: c,
      sources: downSources,
    },
  };
}

/** What goes where on the GPU, before anything is allocated or read. */
export function planWeights(
  config: ModelConfig,
  expertLayout: Checkpoint['expertLayout'],
  types: WeightTypes,
): WeightPlan {
  const {
    hiddenSize: c,
    headDim: d,
    numAttentionHeads: h,
    numKeyValueHeads: k,
    intermediateSize: width,
  } = config;
  const vector = (label: string, size: number, ...tensors: string[]): VectorPlan => ({
    label,
    size,
    tensors,
  });
  const layers = config.layers.map((layer, index): LayerParts<MatrixPlan, VectorPlan> => {
    const p = `model.layers.${index}`;
    const a = `${p}.self_attn`;
    const label = `weights/layer ${index}`;
    const experts =
      layer.mlp === 'moe'
        ? expertMatrices(config, expertLayout, `${p}.mlp.experts`, label, types.body)
        : null;
    return {
      inputNorm: vector(`${label}/input norm`, c, `${p}.input_layernorm.weight`),
      postNorm: vector(`${label}/post norm`, c, `${p}.post_attention_layernorm.weight`),
      qkv: stacked(`${label}/qkv`, types.body, c, [
        [`${a}.q_proj.weight`, h * d],
        [`${a}.k_proj.weight`, k * d],
        [`${a}.v_proj.weight`, k * d],
      ]),
      qkvBias: config.attentionBias
        ? vector(
            `${label}/qkv bias`,
            (h + 2 * k) * d,
            `${a}.q_proj.bias`,
            `${a}.k_proj.bias`,
            `${a}.v_proj.bias`,
          )
        : null,
      o: stacked(`${label}/o`, types.body, h * d, [[`${a}.o_proj.weight`, c]]),
      oBias: config.attentionBias ? vector(`${label}/o bias`, c, `${a}.o_proj.bias`) : null,
      qNorm: vector(`${label}/q norm`, d, `${a}.q_norm.weight`),
      kNorm: vector(`${label}/k norm`, d, `${a}.k_norm.weight`),
      mlp: experts
        ? {
            kind: 'moe',
            router: stacked(`${label}/router`, 'f32', c, [[`${p}.mlp.gate.weight`, config.moe!.numExperts]]),
            ...experts,
          }
        : {
            kind: 'dense',
            gateUp: stacked(`${label}/gate up`, types.body, c, [
              [`${p}.mlp.gate_proj.weight`, width],
              [`${p}.mlp.up_proj.weight`, width],
            ]),
            down: stacked(`${label}/down`, types.body, width, [[`${p}.mlp.down_proj.weight`, c]]),
          },
    };
  });
  const vocabulary = (label: string, tensor: string): MatrixPlan =>
    stacked(label, types.embedding, c, [[tensor, config.vocabSize]]);
  return {
    embed: vocabulary('weights/embedding', 'model.embed_tokens.weight'),
    head: config.tieWordEmbeddings ? null : vocabulary('weights/head', 'lm_head.weight'),
    finalNorm: vector('weights/final norm', c, 'model.norm.weight'),
    layers,
  };
}

/** Every matrix and vector of a plan beside its counterpart of the same shape. */
export function pairWeights(
  plan: WeightPlan,
  weights: ModelWeights,
): { matrices: [MatrixPlan, Weight][]; vectors: [VectorPlan, BufferRange][] } {
  const matrices: [MatrixPlan, Weight][] = [[plan.embed, weights.embed]];
  const vectors: [VectorPlan, BufferRange][] = [[plan.finalNorm, weights.finalNorm]];
  if (plan.head && weights.head) matrices.push([plan.head, weights.head]);
  plan.layers.forEach((layer, index) => {
    const made = weights.layers[index]!;
    for (const key of ['inputNorm', 'postNorm', 'qNorm', 'kNorm', 'qkvBias', 'oBias'] as const) {
      const [planned, range] = [layer[key], made[key]];
      if (planned && range) vectors.push([planned, range]);
    }
    matrices.push([layer.qkv, made.qkv], [layer.o, made.o]);
    matrices.push([layer.mlp.gateUp, made.mlp.gateUp], [layer.mlp.down, made.mlp.down]);
    if (layer.mlp.kind === 'moe' && made.mlp.kind === 'moe')
      matrices.push([layer.mlp.router, made.mlp.router]);
  });
  return { matrices, vectors };
}

/** Makes the (zeroed) buffers of a plan; the caller owns them. With counting buffers this is the memory plan. */
export function allocateWeights(buffers: Buffers, plan: WeightPlan, maxBindingBytes: number): ModelWeights {
  const matrix = (m: MatrixPlan): Weight =>
    createWeight(buffers, m.label, m.type, m.rows, m.cols, maxBindingBytes, m.rowGroup);
  const vector = (v: VectorPlan): BufferRange => buffers.range(v.label, roundUp(v.size, 4) * 4);
  return {
    embed: matrix(plan.embed),
    head: plan.head && matrix(plan.head),
    finalNorm: vector(plan.finalNorm),
    layers: plan.layers.map((layer) => ({
      inputNorm: vector(layer.inputNorm),
      postNorm: vector(layer.postNorm),
      qkv: matrix(layer.qkv),
      qkvBias: layer.qkvBias && vector(layer.qkvBias),
      o: matrix(layer.o),
      oBias: layer.oBias && vector(layer.oBias),
      qNorm: vector(layer.qNorm),
      kNorm: vector(layer.kNorm),
      mlp:
        layer.mlp.kind === 'dense'
          ? { kind: 'dense', gateUp: matrix(layer.mlp.gateUp), down: matrix(layer.mlp.down) }
          : {
              kind: 'moe',
              router: matrix(layer.mlp.router),
              gateUp: matrix(layer.mlp.gateUp),
              down: matrix(layer.mlp.down),
            },
    })),
  };
}

/** Frees everything that `allocateWeights` made. */
export function destroyWeights(buffers: Buffers, plan: WeightPlan, weights: ModelWeights): void {
  const { matrices, vectors } = pairWeights(plan, weights);
  for (const [, weight] of matrices) for (const part of weight.parts) buffers.destroy(part.data.buffer);
  for (const [, range] of vectors) buffers.destroy(range.buffer);
}

/** The stacked matrix as the expert kernels take it. */
export function asExperts(weight: Weight, experts: number): ExpertWeight {
  return { weight, experts };
}
