import { describe, expect, it } from 'vitest';
import type { LoraPair } from '../../src/model/adapter.ts';
import { readModelConfig, type ModelConfig } from '../../src/model/config.ts';
import { modulePaths, pairPlaces, planLora } from '../../src/train/lora.ts';
import { peftFiles } from '../../src/train/peft.ts';
import { defaultLoraOptions, type LoraOptions } from '../../src/train/types.ts';

const layerCount = 24;
const experts = 8;
const config = readModelConfig({
  model_type: 'qwen3_moe',
  vocab_size: 64,
  hidden_size: 32,
  num_hidden_layers: layerCount,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 16,
  intermediate_size: 32,
  num_experts: experts,
  num_experts_per_tok: 2,
  moe_intermediate_size: 16,
  mlp_only_layers: [0],
});

/** Module paths of the pairs that options ask for. */
function trained(options: Partial<LoraOptions>, of: ModelConfig = config): string[] {
  const layout = planLora(of, { ...defaultLoraOptions, ...options }, 2 ** 27);
  return pairPlaces(layout).flatMap(({ path, site }) =>
    path.includes('*') ? modulePaths(path, site.experts) : [path],
  );
}

const all = trained({ trainRouter: true });

function exported(modules: readonly string[]): PeftTargets {
  const pair: LoraPair = {
    a: new Float32Array(4),
    b: new Float32Array(4),
    rank: 1,
    inFeatures: 4,
    outFeatures: 4,
    scale: 1,
  };
  const pairs = new Map(modules.map((module) => [module, pair]));
  const files = peftFiles(
    { name: 'adapter', sha256: '', baseModel: null, pairs },
    { baseModel: 'base', expertCount: experts, layerCount },
  );
  return JSON.parse(files['adapter_config.json']) as PeftTargets;
}

interface PeftTargets {
  readonly target_modules: string[];
  readonly layers_to_transform: number[] | null;
  readonly layers_pattern: string | null;
}

/** The shortest ends of the targets that no module beside them has: PEFT takes these where there are 20 or more. */
function shortened(targets: readonly string[]): readonly string[] {
  if (targets.length < 20) return targets;
  const ends = (name: string): string[] =>
    name.split('.').map((_, index, parts) => parts.slice(parts.length - 1 - index).join('.'));
  const names = (target: string, module: string): boolean =>
    module === target || module.endsWith(`.${target}`);
  const others = all.filter((module) => !targets.some((target) => names(target, module)));
  const taken = new Set(others.flatMap(ends));
  return targets.map((target) => ends(target).find((end) => !taken.has(end)) ?? target);
}

/** Modules that PEFT gives a pair: check_target_module_exists of its tuners_utils.py. */
function targeted(peft: PeftTargets): string[] {
  const targets = shortened(peft.target_modules);
  const pattern = new RegExp(`^.*\\.${peft.layers_pattern ?? '[^.]*'}\\.(\\d+)\\.`);
  return all.filter((module) => {
    if (targets.includes(module)) return true;
    if (!targets.some((target) => module.endsWith(`.${target}`))) return false;
    const layer = Number(pattern.exec(module)?.[1]);
    return peft.layers_to_transform?.includes(layer) ?? true;
  });
}

describe('an exported adapter', () => {
  it.each<[string, Partial<LoraOptions>, readonly number[] | null]>([
    ['all linear layers', {}, null],
    ['the first layers', { targets: ['layers.0.*.q_proj', 'layers.1.*.q_proj'] }, [0, 1]],
    ['experts of late layers', { targets: ['layers.20.mlp.experts.*', 'layers.21.mlp.experts.*'] }, [20, 21]],
    [
      'other projections in each layer',
      { targets: ['layers.3.*.v_proj', 'layers.20.mlp.experts.*'] },
      [3, 20],
    ],
  ])('makes PEFT look for exactly the pairs that the file holds: %s', (_name, options, layers) => {
    const modules = trained(options);
    const peft = exported(modules);
    expect(targeted(peft).sort()).toEqual([...modules].sort());
    expect(peft.layers_to_transform).toEqual(layers);
  });

  it('is planned in tensors that can be bound, or refused with what would make them smaller', () => {
    expect(() => planLora(config, { ...defaultLoraOptions, rank: 256 }, 2 ** 16)).toThrow(
      /larger than this GPU binds at once.*lower the rank/,
    );
  });
});
