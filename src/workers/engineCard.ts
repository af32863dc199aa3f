import type { SamplingOptions } from '../gpu/kernels/sampling.ts';
import type { Adapter } from '../model/adapter.ts';
import type { Checkpoint, CheckpointFiles } from '../model/checkpoint.ts';
import type { Tokenizer } from '../tokenizer/types.ts';
import type { AdapterCard, ModelCard } from './engineApi.ts';

/** Read of a README for its licence. */
const readmeBytes = 64 * 1024;
const configFiles = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'chat_template.jinja',
  'model.safetensors.index.json',
  'README.md',
  'LICENSE',
];

/** A file of a checkpoint that exists. */
export interface ModelFile {
  readonly name: string;
  readonly sizeBytes: number | null;
}

/** The files of a checkpoint, small ones first. */
export async function modelFiles(files: CheckpointFiles, checkpoint: Checkpoint): Promise<ModelFile[]> {
  const found = await Promise.all(
    configFiles.map(async (name) => {
      const source = await files.open(name);
      return source ? [{ name, sizeBytes: source.sizeBytes }] : [];
    }),
  );
  const weights = new Map<string, number | null>();
  for (const { source } of checkpoint.tensors.values()) weights.set(source.name, source.sizeBytes);
  return [...found.flat(), ...[...weights].map(([name, sizeBytes]) => ({ name, sizeBytes }))];
}

/** The licence named in the front matter of a README, or null. */
export function licenceOf(readme: string): string | null {
  const end = readme.startsWith('---') ? readme.indexOf('\n---', 3) : -1;
  if (end < 0) return null;
  let licence: string | null = null;
  for (const line of readme.slice(3, end).split('\n')) {
    const match = /^licen[sc]e(_name)?:[ \t]*(\S.*)$/.exec(line);
    // `license: other` comes with the real name beside it.
    if (match?.[2] && (match[1] || licence === null)) licence = match[2].trim().replace(/^["']|["']$/g, '');
  }
  return licence;
}

function recommendedSampling(checkpoint: Checkpoint): Partial<SamplingOptions> {
  const values = checkpoint.generationConfig;
  if (!values) return {};
  const recommended: Record<string, number> = {};
  const names: readonly (readonly [string, keyof SamplingOptions])[] = [
    ['temperature', 'temperature'],
    ['top_k', 'topK'],
    ['top_p', 'topP'],
    ['min_p', 'minP'],
    ['repetition_penalty', 'repetitionPenalty'],
  ];
  for (const [key, name] of names) {
    const value = values[key];
    if (typeof value === 'number' && Number.isFinite(value)) recommended[name] = value;
  }
  if (values['do_sample'] === false) recommended['temperature'] = 0;
  return recommended;
}

function parameterCounts(checkpoint: Checkpoint): { all: number; active: number } {
  let all = 0;
  let active = 0;
  const { moe } = checkpoint.config;
  const unused = new Set(checkpoint.unusedTensors);
  for (const { name, shape } of checkpoint.tensors.values()) {
    if (unused.has(name)) continue;
    const count = shape.reduce((product, size) => product * size, 1);
    all += count;
    active += moe && name.includes('.mlp.experts.') ? (count * moe.numExpertsPerTok) / moe.numExperts : count;
  }
  return { all, active: Math.round(active) };
}

/** Tells what a checkpoint is, for the reader. */
export async function modelCard(
  files: CheckpointFiles,
  checkpoint: Checkpoint,
  tokenizer: Tokenizer | null,
  origin: string,
  kept: boolean,
): Promise<ModelCard> {
  const { config } = checkpoint;
  const listed = await modelFiles(files, checkpoint);
  const readme = await files.open('README.md');
  const text = readme ? new TextDecoder().decode(await readme.read(0, readmeBytes)) : '';
  const { all, active } = parameterCounts(checkpoint);
  const template = checkpoint.tokenizerConfig?.['chat_template'];
  return {
    name: checkpoint.name,
    origin,
    architecture: config.modelType,
    parameterCount: all,
    activeParameterCount: active,
    fileBytes: listed.reduce((sum, file) => sum + (file.sizeBytes ?? 0), 0),
    files: listed,
    dtypes: [...new Set([...checkpoint.tensors.values()].map(({ dtype }) => dtype))].sort(),
    layerCount: config.numHiddenLayers,
    hiddenSize: config.hiddenSize,
    headCount: config.numAttentionHeads,
    kvHeadCount: config.numKeyValueHeads,
    headDim: config.headDim,
    vocabSize: config.vocabSize,
    contextLength: config.maxPositionEmbeddings,
    ropeScaling: config.ropeScaling && `${config.ropeScaling.type} × ${config.ropeScaling.factor}`,
    tiedEmbeddings: config.tieWordEmbeddings,
    layers: config.layers,
    experts: config.moe && {
      count: config.moe.numExperts,
      perToken: config.moe.numExpertsPerTok,
      layout: checkpoint.expertLayout,
    },
    tokenizer: tokenizer && {
      vocabSize: tokenizer.vocabSize,
      hasChatTemplate: typeof template === 'string' || Array.isArray(template),
      slowBecause: tokenizer.slowBecause ?? null,
    },
    eosTokenIds: config.eosTokenIds,
    licence: licenceOf(text),
    recommended: recommendedSampling(checkpoint),
    unusedTensorCount: checkpoint.unusedTensors.length,
    kept,
  };
}

/** Tells what an adapter changes, for the reader. */
export function adapterCard(adapter: Adapter, origin: string, step: number | null = null): AdapterCard {
  const { name, sha256, baseModel, pairs } = adapter;
  const layers = new Set<number>();
  const targets = new Set<string>();
  let parameterCount = 0;
  let adaptsExperts = false;
  const ranks: [number, number] = [Infinity, 0];
  const scales: [number, number] = [Infinity, -Infinity];
  for (const [path, { a, b, rank, scale }] of pairs) {
    const layer = /\.layers\.(\d+)\./.exec(path);
    if (layer) layers.add(Number(layer[1]));
    targets.add(path.slice(path.lastIndexOf('.') + 1));
    adaptsExperts ||= path.includes('.mlp.experts.');
    parameterCount += a.length + b.length;
    ranks[0] = Math.min(ranks[0], rank);
    ranks[1] = Math.max(ranks[1], rank);
    scales[0] = Math.min(scales[0], scale);
    scales[1] = Math.max(scales[1], scale);
  }
  return {
    name,
    origin,
    step,
    sha256,
    baseModel,
    parameterCount,
    ranks,
    scales,
    targets: [...targets],
    layers: [...layers].sort((a, b) => a - b),
    adaptsExperts,
  };
}
