import { InputError } from '../core/errors.ts';
import { isObject, type JsonValue } from '../core/json.ts';
import { runawayPart } from '../core/patternSafety.ts';

/** What of `adapter_config.json` decides how the matrices are read. */
export interface AdapterConfig {
  readonly rank: number;
  readonly alpha: number;
  readonly useRslora: boolean;
  readonly rankPattern: Readonly<Record<string, JsonValue>>;
  readonly alphaPattern: Readonly<Record<string, JsonValue>>;
  /** The only layers that were adapted; null where the file does not say. */
  readonly layers: readonly number[] | null;
  readonly baseModel: string | null;
}

/** Starting values that PEFT makes by changing the base weights: the adapter alone would be wrong beside them. */
const changesBase = /^(pissa|olora|corda|loftq)/;

function readLayers(value: JsonValue | undefined): readonly number[] | null {
  const listed = typeof value === 'number' ? [value] : value;
  if (!Array.isArray(listed)) return null;
  const layers = listed.filter((layer): layer is number => typeof layer === 'number');
  return layers.length > 0 ? layers : null;
}

/** Reads `adapter_config.json`; throws `InputError` for kinds of adapter that cannot be merged as W + scale · B · A. */
export function readAdapterConfig(value: JsonValue | null, where: string): AdapterConfig {
  const refuse = (message: string, expected: string, actual?: JsonValue): never => {
    throw new InputError('unsupported-adapter', message, {
      where,
      expected,
      ...(actual === undefined ? {} : { actual: JSON.stringify(actual) }),
    });
  };
  if (!isObject(value)) return refuse('This folder holds no adapter', 'adapter_config.json');
  if (value['peft_type'] !== 'LORA')
    refuse('The adapter is of another kind', 'peft_type "LORA"', value['peft_type'] ?? null);
  if (value['use_dora'] === true) refuse('DoRA adapters are not supported', 'use_dora false');
  if (Array.isArray(value['modules_to_save']) && value['modules_to_save'].length > 0) {
    refuse('The adapter replaces whole modules', 'modules_to_save null', value['modules_to_save']);
  }
  const bias = value['bias'];
  if ((typeof bias === 'string' && bias !== 'none') || value['lora_bias'] === true) {
    refuse('The adapter changes biases', 'bias "none" and lora_bias false', bias ?? null);
  }
  const start = value['init_lora_weights'];
  if (typeof start === 'string' && changesBase.test(start)) {
    refuse(
      'The adapter was trained beside changed base weights',
      'an adapter converted to plain LoRA (PEFT: path_initial_model_for_weight_conversion)',
      start,
    );
  }
  const { r, lora_alpha: alpha, rank_pattern: ranks, alpha_pattern: alphas } = value;
  if (typeof r !== 'number' || typeof alpha !== 'number')
    return refuse('Rank or alpha is missing', 'r and lora_alpha');
  for (const [name, patterns] of [
    ['rank_pattern', ranks],
    ['alpha_pattern', alphas],
  ] as const) {
    const runaway = isObject(patterns)
      ? Object.keys(patterns).find((key) => runawayPart(key) !== null)
      : null;
    if (runaway) {
      refuse(
        `An expression of ${name} could run for ever`,
        'no repetition of what itself matches texts of different lengths',
        runaway,
      );
    }
  }
  const base = value['base_model_name_or_path'];
  return {
    rank: r,
    alpha,
    useRslora: value['use_rslora'] === true,
    rankPattern: isObject(ranks) ? ranks : {},
    alphaPattern: isObject(alphas) ? alphas : {},
    layers: readLayers(value['layers_to_transform']),
    baseModel: typeof base === 'string' && base !== '' ? base : null,
  };
}

/** PEFT's patterns are regular expressions that match the end of a module path, from a dot on; the first counts. */
function patternValue(
  pattern: Readonly<Record<string, JsonValue>>,
  module: string,
  fallback: number,
): number {
  for (const [key, value] of Object.entries(pattern)) {
    if (typeof value !== 'number') continue;
    let matches = module === key || module.endsWith(`.${key}`);
    try {
      matches ||= new RegExp(`^(.*\\.)?(${key})$`).test(module);
    } catch {
      // No expression in this language: taken as the plain name it was compared with above.
    }
    if (matches) return value;
  }
  return fallback;
}

/** Rank of a module's matrices. */
export function rankOf(config: AdapterConfig, module: string): number {
  return patternValue(config.rankPattern, module, config.rank);
}

/** The factor on B · A: alpha / r, or alpha / √r for rank-stabilised LoRA. */
export function scaleOf(config: AdapterConfig, module: string): number {
  const rank = rankOf(config, module);
  return (
    patternValue(config.alphaPattern, module, config.alpha) / (config.useRslora ? Math.sqrt(rank) : rank)
  );
}
