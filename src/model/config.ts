import { InputError } from '../core/errors.ts';
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts';

type RopeScaling =
  | { readonly type: 'linear'; readonly factor: number }
  /** Changes nothing up to the file's positions; beyond them it would depend on each text's length. */
  | { readonly type: 'dynamic'; readonly factor: number }
  | {
      readonly type: 'yarn';
      /** As written in the file, never recomputed from the context lengths. */
      readonly factor: number;
      readonly originalMaxPositionEmbeddings: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      /** On cos and sin both. */
      readonly attentionFactor: number;
      readonly truncate: boolean;
    };

interface MoeConfig {
  readonly numExperts: number;
  readonly numExpertsPerTok: number;
  readonly moeIntermediateSize: number;
  readonly normTopkProb: boolean;
}

interface LayerConfig {
  readonly mlp: 'dense' | 'moe';
  /** A query sees keys with i − j < window; null sees all before it. */
  readonly slidingWindow: number | null;
}

/** A Qwen3 or Qwen3-MoE checkpoint's config, validated; names are the file's keys in camelCase. */
export interface ModelConfig {
  readonly modelType: 'qwen3' | 'qwen3_moe';
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  /** Width of dense MLPs. */
  readonly intermediateSize: number;
  readonly rmsNormEps: number;
  readonly ropeTheta: number;
  readonly ropeScaling: RopeScaling | null;
  /** Positions that can be told apart: more than the file says where `ropeScaling` stretches them. */
  readonly maxPositionEmbeddings: number;
  readonly attentionBias: boolean;
  readonly tieWordEmbeddings: boolean;
  readonly layers: readonly LayerConfig[];
  /** Null when no layer is MoE. */
  readonly moe: MoeConfig | null;
  readonly eosTokenIds: readonly number[];
}

class Fields {
  constructor(
    private readonly values: JsonObject,
    private readonly where: string,
  ) {}

  refuse(what: string, expected: string, actual: JsonValue | undefined): never {
    throw new InputError('unsupported-checkpoint', what, {
      where: this.where,
      expected,
      actual: JSON.stringify(actual) ?? 'nothing',
      advice: 'Qwen3 and Qwen3-MoE checkpoints in Hugging Face layout are supported',
    });
  }

  raw(key: string): JsonValue | undefined {
    return Object.hasOwn(this.values, key) ? this.values[key] : undefined;
  }

  /** A positive integer; `fallback` when the key is absent or null. */
  count(key: string, fallback?: number): number {
    const value = this.raw(key) ?? fallback;
    if (typeof value !== 'number' || !Number.isInteger(value) || value <= 0 || value > 2 ** 31) {
      this.refuse(`"${key}" is unusable`, 'a positive integer', value);
    }
    return value;
  }

  number(key: string, fallback: number): number {
    const value = this.raw(key) ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value))
      this.refuse(`"${key}" is unusable`, 'a number', value);
    return value;
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.raw(key) ?? fallback;
    if (typeof value !== 'boolean') this.refuse(`"${key}" is unusable`, 'true or false', value);
    return value;
  }
}

function yarnAttentionFactor(scaling: Fields, factor: number): number {
  const given = scaling.raw('attention_factor');
  if (typeof given === 'number') return given;
  const magnitude = (m: number) => (factor <= 1 ? 1 : 0.1 * m * Math.log(factor) + 1);
  const scale = scaling.raw('mscale');
  const scaleAll = scaling.raw('mscale_all_dim');
  if (typeof scale === 'number' && typeof scaleAll === 'number' && scale && scaleAll) {
    return magnitude(scale) / magnitude(scaleAll);
  }
  return magnitude(1);
}

function readRopeScaling(
  value: JsonValue | undefined,
  maxPositions: number,
  where: string,
): RopeScaling | null {
  if (value === undefined || value === null) return null;
  const whole: Fields = new Fields({}, where);
  if (!isObject(value)) whole.refuse('"rope_scaling" is unusable', 'an object', value);
  const scaling: Fields = new Fields(value, where);
  const type = scaling.raw('rope_type') ?? scaling.raw('type') ?? 'default';
  if (type === 'default') return null;
  const factor = scaling.number('factor', 1);
  const original = scaling.count('original_max_position_embeddings', maxPositions);
  if (type === 'linear') return { type, factor };
  if (type === 'dynamic') return { type, factor };
  if (type !== 'yarn')
    scaling.refuse('The rope scaling is not supported', 'default, linear, dynamic or yarn', type);
  return {
    type,
    factor,
    originalMaxPositionEmbeddings: original,
    betaFast: scaling.number('beta_fast', 32),
    betaSlow: scaling.number('beta_slow', 1),
    attentionFactor: yarnAttentionFactor(scaling, factor),
    truncate: scaling.flag('truncate', true),
  };
}

/** Positions that a scaling stretches to; 0 where it leaves their number to the file. */
function scaledPositions(scaling: RopeScaling | null): number {
  if (scaling?.type !== 'yarn') return 0;
  return Math.floor(scaling.factor * scaling.originalMaxPositionEmbeddings);
}

function readLayerWindows(
  fields: Fields,
  modelType: ModelConfig['modelType'],
  layerCount: number,
): (number | null)[] {
  const none = new Array<number | null>(layerCount).fill(null);
  if (!fields.flag('use_sliding_window', false)) return none;
  const window = fields.count('sliding_window');
  const types = fields.raw('layer_types');
  if (Array.isArray(types)) {
    if (types.length !== layerCount)
      fields.refuse('"layer_types" is unusable', `${layerCount} entries`, types.length);
    return types.map((type) => {
      if (type === 'sliding_attention') return window;
      if (type === 'full_attention') return null;
      return fields.refuse('A layer type is not supported', 'full_attention or sliding_attention', type);
    });
  }
  // The dense class lets only layers from max_window_layers on slide, the MoE class all of them.
  const first = modelType === 'qwen3' ? fields.number('max_window_layers', 28) : 0;
  return none.map((_, layer) => (layer >= first ? window : null));
}

/** What the kernels take; no released checkpoint asks for more. */
const mostHeadDim = 256;
const mostExperts = 512;
const mostExpertsPerTok = 32;

/** A width of MLPs, whose numbers are read four at a time. */
function mlpWidth(fields: Fields, key: string, fallback?: number): number {
  const width = fields.count(key, fallback);
  if (width % 4 !== 0) fields.refuse(`"${key}" is unusable`, 'a multiple of 4', width);
  return width;
}

function readMoe(fields: Fields): MoeConfig {
  const expertCount = fields.raw('num_experts') === undefined ? 'num_local_experts' : 'num_experts';
  const moe = {
    numExperts: fields.count(expertCount),
    numExpertsPerTok: fields.count('num_experts_per_tok'),
    moeIntermediateSize: mlpWidth(fields, 'moe_intermediate_size'),
    // False in the class, true in the released files: never assumed.
    normTopkProb: fields.flag('norm_topk_prob', false),
  };
  if (moe.numExperts > mostExperts) {
    fields.refuse(`"${expertCount}" is unusable`, `at most ${mostExperts}`, moe.numExperts);
  }
  const most = Math.min(moe.numExperts, mostExpertsPerTok);
  if (moe.numExpertsPerTok > most) {
    fields.refuse('"num_experts_per_tok" is unusable', `at most ${most}`, moe.numExpertsPerTok);
  }
  return moe;
}

function readSparseLayers(fields: Fields, layerCount: number): boolean[] {
  const step = fields.count('decoder_sparse_step', 1);
  const dense = fields.raw('mlp_only_layers') ?? [];
  if (!Array.isArray(dense)) fields.refuse('"mlp_only_layers" is unusable', 'a list', dense);
  return Array.from({ length: layerCount }, (_, layer) => !dense.includes(layer) && (layer + 1) % step === 0);
}

function tokenIds(value: JsonValue | undefined): number[] {
  const list = Array.isArray(value) ? value : [value];
  return list.filter((id): id is number => typeof id === 'number' && Number.isInteger(id) && id >= 0);
}

/**
 * Reads `config.json` (and the stop tokens of `generation_config.json`). Both spellings of transformers 4 and 5
 * are accepted. Throws `InputError` naming the first thing that differs from a supported model.
 */
export function readModelConfig(
  config: JsonValue,
  generation: JsonValue = null,
  where = 'config.json',
): ModelConfig {
  if (!isObject(config)) {
    throw new InputError('unsupported-checkpoint', 'The model config is unusable', {
      where,
      expected: 'a JSON object',
    });
  }
  const fields: Fields = new Fields(config, where);
  const modelType = fields.raw('model_type');
  if (modelType !== 'qwen3' && modelType !== 'qwen3_moe') {
    fields.refuse('The model type is not supported', '"qwen3" or "qwen3_moe"', modelType);
  }
  const act = fields.raw('hidden_act') ?? 'silu';
  if (act !== 'silu') fields.refuse('The activation is not supported', '"silu"', act);
  if (fields.raw('quantization_config')) {
    fields.refuse(
      'Checkpoints quantised elsewhere are not supported',
      'f32, f16 or bf16 weights',
      'quantization_config',
    );
  }
  const numHiddenLayers = fields.count('num_hidden_layers');
  const hiddenSize = fields.count('hidden_size');
  const numAttentionHeads = fields.count('num_attention_heads');
  const numKeyValueHeads = fields.count('num_key_value_heads', numAttentionHeads);
  const headDim = fields.count('head_dim', Math.floor(hiddenSize / numAttentionHeads));
  if (numAttentionHeads % numKeyValueHeads !== 0) {
    fields.refuse('"num_key_value_heads" is unusable', `a divisor of ${numAttentionHeads}`, numKeyValueHeads);
  }
  if (headDim % 16 !== 0 || headDim > mostHeadDim)
    fields.refuse('"head_dim" is unusable', `a multiple of 16 up to ${mostHeadDim}`, headDim);
  const sparse =
    modelType === 'qwen3_moe'
      ? readSparseLayers(fields, numHiddenLayers)
      : new Array<boolean>(numHiddenLayers).fill(false);
  const windows = readLayerWindows(fields, modelType, numHiddenLayers);
  const filePositions = fields.count('max_position_embeddings', 32768);
  // transformers 5 writes rope_parameters {rope_theta, rope_type, …} for rope_theta + rope_scaling.
  const parameters = fields.raw('rope_parameters');
  const rope: Fields = isObject(parameters) ? new Fields(parameters, where) : fields;
  const scaling = isObject(parameters) ? parameters : fields.raw('rope_scaling');
  const ropeScaling = readRopeScaling(scaling, filePositions, where);
  const stop = new Set([
    ...tokenIds(fields.raw('eos_token_id')),
    ...tokenIds(isObject(generation) ? generation['eos_token_id'] : undefined),
  ]);
  return {
    modelType,
    vocabSize: fields.count('vocab_size'),
    hiddenSize,
    numHiddenLayers,
    numAttentionHeads,
    numKeyValueHeads,
    headDim,
    intermediateSize: sparse.includes(false)
      ? mlpWidth(fields, 'intermediate_size', 6144)
      : fields.count('intermediate_size', 6144),
    rmsNormEps: fields.number('rms_norm_eps', 1e-6),
    ropeTheta: rope.number('rope_theta', fields.number('rope_theta', 10000)),
    ropeScaling,
    maxPositionEmbeddings: Math.max(filePositions, scaledPositions(ropeScaling)),
    attentionBias: fields.flag('attention_bias', false),
    tieWordEmbeddings: fields.flag('tie_word_embeddings', false),
    layers: sparse.map((isMoe, layer) => ({
      mlp: isMoe ? 'moe' : 'dense',
      slidingWindow: windows[layer] ?? null,
    })),
    moe: sparse.includes(true) ? readMoe(fields) : null,
    eosTokenIds: [...stop],
  };
}
