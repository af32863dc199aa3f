import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { assert } from '../core/assert.ts';
import type { ByteSource } from '../core/byteSource.ts';
import { InputError } from '../core/errors.ts';
import { canonicalJson } from '../core/json.ts';
import { rankOf, readAdapterConfig, scaleOf, type AdapterConfig } from './adapterConfig.ts';
import { fusedTargetOf, unfusePairs } from './adapterFused.ts';
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
  /** The checkpoint it was trained on, as its config names it. */
  readonly baseModel: string | null;
  /** By module path, e.g. `model.layers.0.self_attn.q_proj`. */
  readonly pairs: ReadonlyMap<string, LoraPair>;
}

const prefix = 'base_model.model.';

const routerOf = (experts: string): string => experts.replace(/experts$/, 'gate.weight');

/** [out, in] of a module of the checkpoint, also where its expert lies inside a fused tensor; null if there is none. */
function moduleShape(checkpoint: Checkpoint, module: string): readonly [number, number] | null {
  const { config, tensors } = checkpoint;
  // No weights of its own: what a file may hold under the name is not read.
  if (module === 'lm_head' && config.tieWordEmbeddings) return null;
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

type Halves = { a?: TensorLocation; b?: TensorLocation };

/** The A and B matrices by the module path they stand under. */
async function readHalves(source: ByteSource): Promise<Map<string, Halves>> {
  const halves = new Map<string, Halves>();
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
  return halves;
}

/** Refuses an adapter whose tensors are of other layers than its config says, or that lacks some of them. */
function checkLayers(config: AdapterConfig, modules: Iterable<string>, where: string): void {
  if (!config.layers) return;
  const found = new Set<number>();
  for (const module of modules) {
    const layer = /\.layers\.(\d+)\./.exec(module);
    if (layer) found.add(Number(layer[1]));
  }
  const list = (layers: Iterable<number>): string => [...layers].sort((a, b) => a - b).join(', ');
  if (list(found) !== list(new Set(config.layers))) {
    throw new InputError('wrong-adapter', 'The adapter has not the layers that its config names', {
      where,
      expected: `layers ${list(new Set(config.layers))} (layers_to_transform)`,
      actual: `layers ${list(found)}`,
    });
  }
}

/**
 * Opens a PEFT LoRA folder (`adapter_config.json`, `adapter_model.safetensors`) for a checkpoint. Experts may be
 * adapted one by one or as fused tensors. Throws `InputError` naming the first thing that does not fit: another
 * kind of adapter, a tensor of no layer, a shape.
 */
export async function openAdapter(files: CheckpointFiles, checkpoint: Checkpoint): Promise<Adapter> {
  const rawConfig = await readJsonFile(files, 'adapter_config.json');
  const config = readAdapterConfig(rawConfig, files.name);
  const source = await files.open('adapter_model.safetensors');
  if (!source) {
    throw new InputError('missing-weights', 'The adapter has no weights', {
      where: files.name,
      expected: 'adapter_model.safetensors',
      ...((await files.open('adapter_model.bin'))
        ? { advice: 'adapter_model.bin is not read: save the adapter again with safe serialisation' }
        : {}),
    });
  }
  const halves = await readHalves(source);
  checkLayers(config, halves.keys(), files.name);
  const pairs = new Map<string, LoraPair>();
  for (const [module, { a, b }] of halves) {
    const experts = /^(.*\.mlp\.experts)(\.base_layer)*$/.exec(module)?.[1];
    const fused = experts && a && b ? fusedTargetOf(a.shape, b.shape, checkpoint.config) : null;
    if (experts && a && b && fused && checkpoint.tensors.has(routerOf(experts))) {
      const parameter = `${experts}.${fused.parameter}`;
      if (fused.rank === rankOf(config, parameter)) {
        const [aValues, bValues] = [await readTensorFloats(a), await readTensorFloats(b)];
        const scale = scaleOf(config, parameter);
        const parts = unfusePairs(experts, fused, aValues, bValues, scale, checkpoint.config);
        for (const [path, pair] of parts) pairs.set(path, pair);
        continue;
      }
    }
    const shape = moduleShape(checkpoint, module);
    const rank = rankOf(config, module);
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
          : experts
            ? `A [experts × ${rank}, in] and B [out, ${rank} × experts] of this checkpoint's experts`
            : module === 'lm_head'
              ? 'no pair for lm_head: this checkpoint ties it to the embedding (tie_word_embeddings)'
              : 'a linear layer of the checkpoint',
        actual: `A [${a?.shape.join(', ') ?? 'missing'}], B [${b?.shape.join(', ') ?? 'missing'}]`,
        advice: 'choose the checkpoint that the adapter was trained on',
      });
    }
    pairs.set(module, {
      a: await readTensorFloats(a),
      b: await readTensorFloats(b),
      rank,
      inFeatures: shape[1],
      outFeatures: shape[0],
      scale: scaleOf(config, module),
    });
  }
  if (pairs.size === 0) {
    throw new InputError('wrong-adapter', 'The adapter changes nothing: its file holds no matrices', {
      where: source.name,
    });
  }
  const weights = await source.read(0, source.sizeBytes ?? Number.MAX_SAFE_INTEGER);
  const digest = sha256
    .create()
    .update(utf8ToBytes(canonicalJson(rawConfig ?? null)))
    .update(weights)
    .digest();
  return { name: files.name, sha256: bytesToHex(digest), baseModel: config.baseModel, pairs };
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
