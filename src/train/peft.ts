import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { assert } from '../core/assert.ts';
import type { JsonObject } from '../core/json.ts';
import type { Adapter, LoraPair } from '../model/adapter.ts';
import { writeSafetensors } from '../model/safetensors.ts';

/** The two files of a PEFT adapter folder. */
export interface PeftFiles {
  readonly 'adapter_config.json': string;
  readonly 'adapter_model.safetensors': Uint8Array;
}

export interface PeftOptions {
  /** Written as `base_model_name_or_path`. */
  readonly baseModel: string;
  /** Experts of a layer, for pairs that all of them share (a `*` in the module path). */
  readonly expertCount: number | null;
  /** Decoder layers of the model. */
  readonly layerCount: number;
}

const prefix = 'base_model.model.';
/** PEFT's version whose config this is. */
const peftVersion = '0.18.0';

/** Pairs that all experts share, written once for each expert: the files know no sharing. */
function* expanded(adapter: Adapter, expertCount: number | null): Generator<[string, LoraPair]> {
  for (const [module, pair] of adapter.pairs) {
    if (!module.includes('.experts.*.')) {
      yield [module, pair];
      continue;
    }
    for (let e = 0; e < (expertCount ?? 0); e++) {
      yield [module.replace('.experts.*.', `.experts.${e}.`), pair];
    }
  }
}

function lastName(module: string): string {
  return module.slice(module.lastIndexOf('.') + 1);
}

/**
 * The adapter as PEFT, vLLM, SGLang and llama.cpp read it: one pair for each expert and projection, f32, one
 * `lora_alpha` for all with `use_rslora` false. Where ranks differ, `rank_pattern` names the smaller ones and their
 * B takes up what is left of the scale, so that alpha / rank is right for every pair; vLLM knows no such pattern and
 * takes adapters of one rank only. Equal adapters give equal bytes.
 */
export function peftFiles(adapter: Adapter, options: PeftOptions): PeftFiles {
  const pairs = [...expanded(adapter, options.expertCount)].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  assert(pairs.length > 0, 'an adapter without pairs');
  const rank = Math.max(...pairs.map(([, pair]) => pair.rank));
  const widest = pairs.find(([, pair]) => pair.rank === rank)![1];
  const alpha = widest.scale * rank;
  const layers = layersOf(
    pairs.map(([module]) => module),
    options.layerCount,
  );
  const names = [...new Set(pairs.map(([module]) => lastName(module)))].sort();
  const tensors = pairs.flatMap(([module, pair]) => {
    const factor = (pair.scale * pair.rank) / alpha;
    const b = factor === 1 ? pair.b : pair.b.map((value) => value * factor);
    return [
      { name: `${prefix}${module}.lora_A.weight`, shape: [pair.rank, pair.inFeatures], data: pair.a },
      { name: `${prefix}${module}.lora_B.weight`, shape: [pair.outFeatures, pair.rank], data: b },
    ];
  });
  const config: JsonObject = {
    alpha_pattern: {},
    auto_mapping: null,
    base_model_name_or_path: options.baseModel,
    bias: 'none',
    exclude_modules: null,
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    // Without it PEFT takes the last number in a path for the layer's, which in those of experts is the expert's.
    layers_pattern: layers && 'layers',
    layers_to_transform: layers,
    lora_alpha: alpha,
    lora_bias: false,
    lora_dropout: 0,
    modules_to_save: null,
    peft_type: 'LORA',
    peft_version: peftVersion,
    r: rank,
    rank_pattern: rankPattern(pairs, rank),
    revision: null,
    target_modules: targetModules(
      pairs.map(([module]) => module),
      names,
    ),
    target_parameters: null,
    task_type: 'CAUSAL_LM',
    use_dora: false,
    use_rslora: false,
  };
  return {
    'adapter_config.json': `${JSON.stringify(config, null, 2)}\n`,
    'adapter_model.safetensors': writeSafetensors(tensors, { format: 'pt' }),
  };
}

/**
 * Names of the layers that have pairs. Where some layers of one name have a pair and others none, whole paths: PEFT
 * would else look for pairs that are not in the file.
 */
function targetModules(modules: readonly string[], names: readonly string[]): string[] {
  const layersByName = new Map<string, Set<string>>();
  for (const module of modules) {
    const layer = /\.layers\.(\d+)\./.exec(module)?.[1] ?? '';
    const held = layersByName.get(lastName(module)) ?? new Set<string>();
    layersByName.set(lastName(module), held.add(layer));
  }
  const all = new Set([...layersByName.values()].flatMap((layers) => [...layers]));
  const isEven = [...layersByName.values()].every((layers) => layers.size === all.size);
  return isEven ? [...names] : [...modules];
}

/** Indices of the layers that have pairs; null, which readers take for all, where all have some. */
function layersOf(modules: readonly string[], layerCount: number): number[] | null {
  const layers = new Set<number>();
  for (const module of modules) {
    const layer = /\.layers\.(\d+)\./.exec(module)?.[1];
    if (layer === undefined) return null;
    layers.add(Number(layer));
  }
  return layers.size === layerCount ? null : [...layers].sort((a, b) => a - b);
}

/**
 * Ranks of modules that have another one than `rank`, by path: read alike as a name and as an expression. Without
 * the leading `model.`, since PEFT's older versions want something and a dot before it.
 */
function rankPattern(pairs: readonly (readonly [string, LoraPair])[], rank: number): JsonObject {
  return Object.fromEntries(
    pairs
      .filter(([, pair]) => pair.rank !== rank)
      .map(([module, pair]) => [module.replace(/^model\./, ''), pair.rank]),
  );
}

/** Hash of the weights file: tells adapters apart in records. */
export function peftSha256(files: PeftFiles): string {
  return bytesToHex(sha256(files['adapter_model.safetensors']));
}
