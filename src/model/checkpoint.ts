import type { ByteSource } from '../core/byteSource.ts';
import { InputError, messageOf } from '../core/errors.ts';
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { readModelConfig, type ModelConfig } from './config.ts';
import { readSafetensorsHeader, type TensorLocation } from './safetensors.ts';

/** The files of a checkpoint: a dropped folder, a folder on disk, a URL, or OPFS. */
export interface CheckpointFiles {
  /** Name for messages and records. */
  readonly name: string;
  /** The file, or null when there is none of that name. */
  open(fileName: string): Promise<ByteSource | null>;
}

/** A checkpoint whose headers were read and checked; no weight has been read yet. */
export interface Checkpoint {
  readonly name: string;
  readonly config: ModelConfig;
  /** `config.json` as it is, for exports and records. */
  readonly rawConfig: JsonObject;
  readonly generationConfig: JsonObject | null;
  readonly tokenizerJson: string | null;
  /** `tokenizer_config.json`; its `chat_template` is that of `chat_template.jinja` where that file exists. */
  readonly tokenizerConfig: JsonObject | null;
  readonly tensors: ReadonlyMap<string, TensorLocation>;
  /** How the experts are stored: a tensor per expert and projection, or one per layer for all ([E, 2I, C], [E, C, I]). */
  readonly expertLayout: 'per-expert' | 'fused' | 'none';
  /** Tensors in the files that the architecture has no use for. */
  readonly unusedTensors: readonly string[];
}

async function readText(source: ByteSource): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of source.stream()) parts.push(part.slice());
  return new TextDecoder().decode(await new Blob(parts as BlobPart[]).arrayBuffer());
}

/** A JSON file of the folder, null when it is not there. Throws `InputError` when it is no JSON. */
export async function readJsonFile(files: CheckpointFiles, fileName: string): Promise<JsonValue | null> {
  const source = await files.open(fileName);
  if (!source) return null;
  try {
    return JSON.parse(await readText(source)) as JsonValue;
  } catch (error) {
    throw new InputError('bad-checkpoint-file', `${fileName} is not JSON`, {
      where: files.name,
      actual: messageOf(error),
    });
  }
}

/** The safetensors files in order: those the index names, else the single file. */
async function weightFileNames(files: CheckpointFiles): Promise<string[]> {
  const index = await readJsonFile(files, 'model.safetensors.index.json');
  if (index !== null) {
    const map = isObject(index) ? index['weight_map'] : undefined;
    if (!isObject(map)) {
      throw new InputError('bad-checkpoint-file', 'The weight index has no weight_map', {
        where: files.name,
      });
    }
    return [...new Set(Object.values(map).filter((file): file is string => typeof file === 'string'))].sort();
  }
  return ['model.safetensors'];
}

async function readTensorTable(files: CheckpointFiles): Promise<Map<string, TensorLocation>> {
  const tensors = new Map<string, TensorLocation>();
  for (const fileName of await weightFileNames(files)) {
    const source = await files.open(fileName);
    if (!source) {
      throw new InputError('missing-weights', `The weights ${fileName} are missing`, {
        where: files.name,
        expected: 'model.safetensors, or the files named in model.safetensors.index.json',
        advice: (await files.open('pytorch_model.bin'))
          ? 'pytorch_model.bin is not read: convert it to safetensors'
          : 'choose the whole checkpoint folder',
      });
    }
    for (const tensor of (await readSafetensorsHeader(source)).tensors) {
      if (tensors.has(tensor.name)) {
        throw new InputError('bad-safetensors', `Tensor "${tensor.name}" is in two files`, {
          where: source.name,
        });
      }
      tensors.set(tensor.name, tensor);
    }
  }
  return tensors;
}

/** Every tensor that the architecture needs, with its shape ([out, in] for weights). */
export function expectedTensors(
  config: ModelConfig,
  expertLayout: Checkpoint['expertLayout'],
): Map<string, readonly number[]> {
  const {
    hiddenSize: c,
    headDim: d,
    numAttentionHeads: h,
    numKeyValueHeads: k,
    intermediateSize,
    moe,
  } = config;
  const shapes = new Map<string, readonly number[]>();
  const mlp = (name: string, width: number): void => {
    shapes.set(`${name}.gate_proj.weight`, [width, c]);
    shapes.set(`${name}.up_proj.weight`, [width, c]);
    shapes.set(`${name}.down_proj.weight`, [c, width]);
  };
  shapes.set('model.embed_tokens.weight', [config.vocabSize, c]);
  config.layers.forEach((layer, index) => {
    const p = `model.layers.${index}`;
    shapes.set(`${p}.input_layernorm.weight`, [c]);
    for (const [name, out, input] of [
      ['q_proj', h * d, c],
      ['k_proj', k * d, c],
      ['v_proj', k * d, c],
      ['o_proj', c, h * d],
    ] as const) {
      shapes.set(`${p}.self_attn.${name}.weight`, [out, input]);
      if (config.attentionBias) shapes.set(`${p}.self_attn.${name}.bias`, [out]);
    }
    shapes.set(`${p}.self_attn.q_norm.weight`, [d]);
    shapes.set(`${p}.self_attn.k_norm.weight`, [d]);
    shapes.set(`${p}.post_attention_layernorm.weight`, [c]);
    if (layer.mlp === 'dense' || !moe) {
      mlp(`${p}.mlp`, intermediateSize);
      return;
    }
    shapes.set(`${p}.mlp.gate.weight`, [moe.numExperts, c]);
    if (expertLayout === 'fused') {
      shapes.set(`${p}.mlp.experts.gate_up_proj`, [moe.numExperts, 2 * moe.moeIntermediateSize, c]);
      shapes.set(`${p}.mlp.experts.down_proj`, [moe.numExperts, c, moe.moeIntermediateSize]);
    } else {
      for (let e = 0; e < moe.numExperts; e++) mlp(`${p}.mlp.experts.${e}`, moe.moeIntermediateSize);
    }
  });
  shapes.set('model.norm.weight', [c]);
  if (!config.tieWordEmbeddings) shapes.set('lm_head.weight', [config.vocabSize, c]);
  return shapes;
}

const weightDtypes = new Set(['F32', 'F16', 'BF16']);

function checkTensors(
  tensors: ReadonlyMap<string, TensorLocation>,
  expected: ReadonlyMap<string, readonly number[]>,
  where: string,
): void {
  for (const [name, shape] of expected) {
    const tensor = tensors.get(name);
    if (!tensor) {
      throw new InputError('missing-tensor', `The checkpoint lacks the tensor "${name}"`, {
        where,
        expected: `shape [${shape.join(', ')}]`,
        advice:
          name === 'lm_head.weight'
            ? 'if the head shares the embedding, config.json must say "tie_word_embeddings": true'
            : 'the files may be incomplete, or of another architecture than config.json says',
      });
    }
    if (tensor.shape.length !== shape.length || tensor.shape.some((n, axis) => n !== shape[axis])) {
      throw new InputError('wrong-shape', `Tensor "${name}" does not fit config.json`, {
        where: tensor.source.name,
        expected: `[${shape.join(', ')}]`,
        actual: `[${tensor.shape.join(', ')}]`,
      });
    }
    if (!weightDtypes.has(tensor.dtype)) {
      throw new InputError('wrong-dtype', `Tensor "${name}" has a type that cannot be loaded`, {
        where: tensor.source.name,
        expected: 'F32, F16 or BF16',
        actual: tensor.dtype,
      });
    }
  }
}

/** `tokenizer_config.json` with the template of `chat_template.jinja`, which newer exports write and which wins over it. */
async function readTokenizerConfig(files: CheckpointFiles): Promise<JsonObject | null> {
  const value = await readJsonFile(files, 'tokenizer_config.json');
  const config = isObject(value) ? value : null;
  const template = await files.open('chat_template.jinja');
  return template ? { ...config, chat_template: await readText(template) } : config;
}

/** Opens a checkpoint: reads configs and headers, checks every tensor's presence, shape and type. */
export async function openCheckpoint(files: CheckpointFiles): Promise<Checkpoint> {
  const rawConfig = await readJsonFile(files, 'config.json');
  if (!isObject(rawConfig)) {
    throw new InputError('missing-config', 'This folder holds no model', {
      where: files.name,
      expected: 'config.json, tokenizer.json and safetensors files in Hugging Face layout',
    });
  }
  const generationConfig = await readJsonFile(files, 'generation_config.json');
  const config = readModelConfig(rawConfig, generationConfig, `${files.name}/config.json`);
  const tensors = await readTensorTable(files);
  const fused = [...tensors.keys()].some((name) => name.endsWith('.mlp.experts.gate_up_proj'));
  const expertLayout = !config.moe ? 'none' : fused ? 'fused' : 'per-expert';
  const expected = expectedTensors(config, expertLayout);
  checkTensors(tensors, expected, files.name);
  const tokenizer = await files.open('tokenizer.json');
  return {
    name: files.name,
    config,
    rawConfig,
    generationConfig: isObject(generationConfig) ? generationConfig : null,
    tokenizerJson: tokenizer ? await readText(tokenizer) : null,
    tokenizerConfig: await readTokenizerConfig(files),
    tensors,
    expertLayout,
    unusedTensors: [...tensors.keys()].filter((name) => !expected.has(name)),
  };
}
