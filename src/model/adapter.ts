import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { assert } from '../core/assert.ts';
import { InputError } from '../core/errors.ts';
import { canonicalJson, isObject, type JsonValue } from '../core/json.ts';
import { readJsonFile, type Checkpoint, type CheckpointFiles } from './checkpoint.ts';
import { readSafetensorsHeader, type TensorLocation } from './safetensors.ts';
import { readTensorFloats } from './tensorData.ts';

/** The low-rank change of one linear layer: ΔW = scale · B · A. */
export interface LoraPair {
  /** [r, in] */
  readonly a: Float32Array;
  /** [out, r] */
  readonly b: Float32Array;
  readonly rank: number;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly scale: number;
}

/** A PEFT LoRA adapter whose every tensor was matched to a layer of the checkpoint. */
export interface Adapter {
  readonly name: string;
  /** sha256 of config and weights together, hex: tells runs with different adapters apart. */
  readonly sha256: string;
  /** By module path, e.g. `model.layers.0.self_attn.q_proj`. */
  readonly pairs: ReadonlyMap<string, LoraPair>;
}

const prefix = 'base_model.model.';

interface AdapterConfig {
  readonly rank: number;
  readonly alpha: number;
  readonly useRslora: boolean;
  readonly rankPattern: Readonly<Record<string, JsonValue>>;
  readonly alphaPattern: Readonly<Record<string, JsonValue>>;
}

function readConfig(value: JsonValue | null, where: string): AdapterConfig {
  const refuse = (message: string, expected: string): never => {
    throw new InputError('unsupported-adapter', message, { where, expected });
  };
  if (!isObject(value)) return refuse('This folder holds no adapter', 'adapter_config.json');
  if (value['peft_type'] !== 'LORA') refuse('The adapter is of another kind', 'peft_type "LORA"');
  if (value['use_dora'] === true) refuse('DoRA adapters are not supported', 'use_dora false');
  if (Array.isArray(value['modules_to_save']) && value['modules_to_save'].length > 0) {
    refuse('The adapter replaces whole modules', 'modules_to_save null');
  }
  if (Array.isArray(value['target_parameters']) && value['target_parameters'].length > 0) {
    refuse('Adapters of fused expert tensors are not supported', 'one adapter per expert and projection');
  }
  const { r, lora_alpha: alpha, rank_pattern: ranks, alpha_pattern: alphas } = value;
  if (typeof r !== 'number' || typeof alpha !== 'number')
    return refuse('Rank or alpha is missing', 'r and lora_alpha');
  return {
    rank: r,
    alpha,
    useRslora: value['use_rslora'] === true,
    rankPattern: isObject(ranks) ? ranks : {},
    alphaPattern: isObject(alphas) ? alphas : {},
  };
}

/** PEFT's patterns match the end of a module path, at a dot; they are taken as plain names, not as expressions. */
function patternValue(
  pattern: Readonly<Record<string, JsonValue>>,
  module: string,
  fallback: number,
): number {
  for (const [key, value] of Object.entries(pattern)) {
    if (typeof value === 'number' && (module === key || module.endsWith(`.${key}`))) return value;
  }
  return fallback;
}

/** [out, in] of a module of the checkpoint, also where its expert lies inside a fused tensor; null if there is none. */
function moduleShape(checkpoint: Checkpoint, module: string): readonly [number, number] | null {
  const { config, tensors } = checkpoint;
  const own = tensors.get(`${module}.weight`)?.shape;
  if (own?.length === 2) return [own[0]!, own[1]!];
  const expert = /\.mlp\.experts\.(\d+)\.(gate|up|down)_proj$/.exec(module);
  if (!expert || !config.moe || checkpoint.expertLayout !== 'fused') return null;
  if (
    Number(expert[1]) >= config.moe.numExperts ||
    !tensors.has(`${module.slice(0, expert.index)}.mlp.experts.down_proj`)
  ) {
    return null;
  }
  const { hiddenSize: c } = config;
  const width = config.moe.moeIntermediateSize;
  return expert[2] === 'down' ? [c, width] : [width, c];
}

/**
 * Opens a PEFT LoRA folder (`adapter_config.json`, `adapter_model.safetensors`) for a checkpoint. Throws
 * `InputError` naming the first thing that does not fit: another kind of adapter, a tensor of no layer, a shape.
 */
export async function openAdapter(files: CheckpointFiles, checkpoint: Checkpoint): Promise<Adapter> {
  const rawConfig = await readJsonFile(files, 'adapter_config.json');
  const config = readConfig(rawConfig, files.name);
  const source = await files.open('adapter_model.safetensors');
  if (!source) {
    throw new InputError('missing-weights', 'The adapter has no weights', {
      where: files.name,
      expected: 'adapter_model.safetensors',
    });
  }
  const halves = new Map<string, { a?: TensorLocation; b?: TensorLocation }>();
  for (const tensor of (await readSafetensorsHeader(source)).tensors) {
    const match = /^(.*)\.lora_([AB])\.weight$/.exec(tensor.name);
    if (!match || !match[1]!.startsWith(prefix)) {
      throw new InputError('unsupported-adapter', `Tensor "${tensor.name}" is no LoRA matrix`, {
        where: source.name,
        expected: `${prefix}….lora_A.weight and ….lora_B.weight`,
      });
    }
    const module = match[1]!.slice(prefix.length);
    const pair = halves.get(module) ?? {};
    pair[match[2] === 'A' ? 'a' : 'b'] = tensor;
    halves.set(module, pair);
  }
  const pairs = new Map<string, LoraPair>();
  for (const [module, { a, b }] of halves) {
    const shape = moduleShape(checkpoint, module);
    const rank = patternValue(config.rankPattern, module, config.rank);
    const fits =
      shape &&
      a?.shape[0] === rank &&
      a.shape[1] === shape[1] &&
      b?.shape[0] === shape[0] &&
      b.shape[1] === rank;
    if (!shape || !a || !b || !fits) {
      throw new InputError('wrong-adapter', `The adapter of "${module}" does not fit this checkpoint`, {
        where: source.name,
        expected: shape
          ? `A [${rank}, ${shape[1]}] and B [${shape[0]}, ${rank}]`
          : 'a linear layer of the checkpoint',
        actual: `A [${a?.shape.join(', ') ?? 'missing'}], B [${b?.shape.join(', ') ?? 'missing'}]`,
        advice: 'choose the checkpoint that the adapter was trained on',
      });
    }
    const alpha = patternValue(config.alphaPattern, module, config.alpha);
    pairs.set(module, {
      a: await readTensorFloats(a),
      b: await readTensorFloats(b),
      rank,
      inFeatures: shape[1],
      outFeatures: shape[0],
      scale: alpha / (config.useRslora ? Math.sqrt(rank) : rank),
    });
  }
  const weights = await source.read(0, source.sizeBytes ?? Number.MAX_SAFE_INTEGER);
  const digest = sha256
    .create()
    .update(utf8ToBytes(canonicalJson(rawConfig ?? null)))
    .update(weights)
    .digest();
  return { name: files.name, sha256: bytesToHex(digest), pairs };
}

/** Adapters that change rows of a checkpoint's tensor, each with the tensor's row that its first row changes. */
export function adaptersOf(
  adapter: Adapter,
  checkpoint: Checkpoint,
  tensor: string,
): { readonly pair: LoraPair; readonly firstRow: number }[] {
  const direct = adapter.pairs.get(tensor.replace(/\.weight$/, ''));
  if (direct) return [{ pair: direct, firstRow: 0 }];
  const fused = /^(.*\.mlp\.experts)\.(gate_up|down)_proj$/.exec(tensor);
  const { moe, hiddenSize } = checkpoint.config;
  if (!fused || !moe) return [];
  const found: { pair: LoraPair; firstRow: number }[] = [];
  const width = moe.moeIntermediateSize;
  for (let e = 0; e < moe.numExperts; e++) {
    const parts =
      fused[2] === 'down'
        ? ([['down', e * hiddenSize]] as const)
        : ([
            ['gate', e * 2 * width],
            ['up', e * 2 * width + width],
          ] as const);
    for (const [name, firstRow] of parts) {
      const pair = adapter.pairs.get(`${fused[1]}.${e}.${name}_proj`);
      if (pair) found.push({ pair, firstRow });
    }
  }
  return found;
}

/** Adds scale · B · A to rows [firstRow, firstRow + rows) of a tensor given as f32 [rows, in], in f64 sums. */
export function addAdapters(
  values: Float32Array,
  firstRow: number,
  rows: number,
  adapters: readonly { readonly pair: LoraPair; readonly firstRow: number }[],
): void {
  for (const { pair, firstRow: start } of adapters) {
    const { a, b, rank, inFeatures, outFeatures, scale } = pair;
    assert(values.length === rows * inFeatures, `${values.length} values for ${rows} rows of ${inFeatures}`);
    const from = Math.max(firstRow, start);
    const to = Math.min(firstRow + rows, start + outFeatures);
    for (let row = from; row < to; row++) {
      const at = (row - firstRow) * inFeatures;
      for (let j = 0; j < inFeatures; j++) {
        let sum = 0;
        for (let r = 0; r < rank; r++) sum += b[(row - start) * rank + r]! * a[r * inFeatures + j]!;
        values[at + j]! += scale * sum;
      }
    }
  }
}
