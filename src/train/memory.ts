import { roundUp, subRange, type BufferRange, type Buffers } from '../gpu/buffers.ts';
import { routerTotalsWidth } from '../gpu/kernels/moeBack.ts';
import { statisticsWords } from '../gpu/kernels/optimizer.ts';
import {
  asRows,
  createRows,
  kvPageSections,
  rowsBytes,
  rowStride,
  type KvLayout,
  type KvPage,
  type Rows,
} from '../gpu/tensors.ts';
import type { ModelConfig } from '../model/config.ts';

/** What the forward pass of one layer leaves for its backward pass, besides the layer's input. */
export interface LayerRecord {
  /** [T, (H + 2K)·D], before norm and rotation */
  readonly qkv: Rows;
  /** [T, H·D] */
  readonly q: Rows;
  readonly pages: readonly KvPage[];
  /** [T, H·D] */
  readonly attended: Rows;
  /** f32 [T, H] */
  readonly logSumExp: BufferRange;
  /** [T, C]: after attention */
  readonly middle: Rows;
  /** [T, E] and f32 [T, k]; null in dense layers. */
  readonly routing: { readonly logits: Rows; readonly weights: BufferRange } | null;
  /** [T, 2I] or [T·k, 2I]: before the activation; null when they are made again chunk by chunk. */
  readonly products: Rows | null;
}

/** Sections of one upload per row of tokens, each of T words. */
interface RowInputs {
  readonly range: BufferRange;
  /** Bytes of a section. */
  readonly sectionBytes: number;
  readonly tokens: BufferRange;
  readonly positions: BufferRange;
  /** u32 [T]: first row of the document, and the row behind its last. */
  readonly segmentStarts: BufferRange;
  readonly segmentEnds: BufferRange;
  /** u32 [S]: rows where something is learnt, their labels, and f32 [S] their weights. */
  readonly supervised: BufferRange;
  readonly labels: BufferRange;
  readonly weights: BufferRange;
}

const rowInputSections = 7;

/** Every buffer between kernels; made once. */
export interface TrainingMemory {
  /** Most tokens of a row (T below). */
  readonly maxLength: number;
  /** Tokens that pass through an MLP at a time, a multiple of 64. */
  readonly chunkTokens: number;
  /** Rows of logits at a time, a multiple of 64. */
  readonly lossRows: number;
  readonly inputs: RowInputs;
  /** [T, C] × (L + 1): each layer's input and the last one's output. */
  readonly hidden: readonly Rows[];
  /** u32 [T, k] per layer; null in dense layers. Kept always: the second pass must route as the first did. */
  readonly indices: readonly (BufferRange | null)[];
  /** By layer; all the same when layers are computed again. */
  readonly records: readonly LayerRecord[];
  readonly checkpointing: boolean;
  /** [T, C] */
  readonly normed: Rows;
  readonly gradHidden: Rows;
  readonly gradNormed: Rows;
  /** [T, H·D] */
  readonly gradAttended: Rows;
  /** [T, (H + 2K)·D] */
  readonly gradQkv: Rows;
  /** f32 [T, H] */
  readonly delta: BufferRange;
  /** f32 [T, k], [T, E] */
  readonly gradRouting: { readonly weights: BufferRange; readonly logits: Rows } | null;
  /** One chunk: the largest of dense and expert layers, viewed by `chunkRows`. */
  readonly chunk: {
    /** null when the products of all tokens are kept. */
    readonly products: BufferRange | null;
    readonly inner: BufferRange;
    readonly gradInner: BufferRange;
    readonly pairs: BufferRange | null;
  };
  /** One block of supervised rows: [B, C] twice, [B, V], vec4 [T]. */
  readonly loss: {
    readonly gathered: Rows;
    readonly normed: Rows;
    readonly logits: Rows;
    readonly rows: BufferRange;
  };
  readonly statistics: BufferRange;
  /** Per MoE layer: f32 [layers, 2E + 4] of a row, f32 [layers, E] of the step, f32 [E]. */
  readonly router: {
    readonly totals: BufferRange;
    readonly load: BufferRange;
    readonly balance: BufferRange;
  } | null;
}

/** Bytes that one block of logits may take. */
const lossBlockBytes = 64 * 2 ** 20;
const defaultChunkTokens = 1024;
/** Tokens of a page of keys and values. */
const pageTokens = 4096;

function makePages(
  buffers: Buffers,
  label: string,
  layout: KvLayout,
  tokens: number,
  maxBindingBytes: number,
): KvPage[] {
  let capacity = Math.min(pageTokens, roundUp(tokens, 64));
  while (capacity > 64 && kvPageSections(layout, capacity).sizeBytes > maxBindingBytes)
    capacity = roundUp(capacity / 2, 64);
  const pages: KvPage[] = [];
  for (let firstToken = 0; firstToken < tokens; firstToken += capacity) {
    const range = buffers.range(`${label} ${firstToken}`, kvPageSections(layout, capacity).sizeBytes);
    pages.push({ range, firstToken, capacity });
  }
  return pages;
}

/** Makes the buffers (owned by the caller). With counting buffers this is the memory plan. */
export function createTrainingMemory(
  buffers: Buffers,
  config: ModelConfig,
  options: {
    readonly maxLength: number;
    readonly checkpointing: boolean;
    readonly mlpChunkTokens: number;
    readonly maxBindingBytes: number;
  },
): TrainingMemory {
  const { maxLength, checkpointing, maxBindingBytes } = options;
  const {
    hiddenSize: c,
    numAttentionHeads: h,
    numKeyValueHeads: k,
    headDim: d,
    vocabSize,
    moe,
    layers,
  } = config;
  const kv: KvLayout = { type: 'f32', numKeyValueHeads: k, headDim: d };
  const perToken = moe?.numExpertsPerTok ?? 0;
  const isDense = layers.some((layer) => layer.mlp === 'dense');
  const rows = (label: string, cols: number, count = maxLength): Rows =>
    createRows(buffers, label, count, cols);
  const words = (label: string, count: number): BufferRange => buffers.range(label, count * 4);
  const width = (layer: number): number =>
    layers[layer]!.mlp === 'moe' ? moe!.moeIntermediateSize : config.intermediateSize;
  const pairRows = (layer: number, tokens: number): number =>
    layers[layer]!.mlp === 'moe' ? tokens * perToken : tokens;

  const record = (layer: number, label: string, keepsProducts: boolean): LayerRecord => ({
    qkv: rows(`${label}/qkv`, (h + 2 * k) * d),
    q: rows(`${label}/q`, h * d),
    pages: makePages(buffers, `${label}/keys and values`, kv, maxLength, maxBindingBytes),
    attended: rows(`${label}/attention`, h * d),
    logSumExp: words(`${label}/log-sum-exp`, maxLength * h),
    middle: rows(`${label}/middle`, c),
    routing: moe
      ? {
          logits: rows(`${label}/router logits`, moe.numExperts),
          weights: words(`${label}/routing weights`, maxLength * perToken),
        }
      : null,
    products: keepsProducts ? rows(`${label}/products`, 2 * width(layer), pairRows(layer, maxLength)) : null,
  });
  const shared = checkpointing ? record(0, 'layer', false) : null;

  const chunkTokens = Math.min(
    roundUp(options.mlpChunkTokens || defaultChunkTokens, 64),
    roundUp(maxLength, 64),
  );
  /** Bytes of a chunk whose rows are `widths` inner widths long, in dense or expert layers. */
  const chunkBytes = (widths: number): number =>
    Math.max(
      isDense ? rowsBytes(chunkTokens, widths * config.intermediateSize) : 0,
      moe ? rowsBytes(chunkTokens * perToken, widths * moe.moeIntermediateSize) : 0,
    );
  const rowBytes = rowStride(vocabSize) * 4;
  const lossRows = Math.min(
    Math.max(64, Math.floor(Math.min(lossBlockBytes, maxBindingBytes) / rowBytes / 64) * 64),
    512,
    roundUp(maxLength, 64),
  );
  const sectionBytes = roundUp(maxLength * 4, 256);
  const inputRange = buffers.range('layer/inputs', rowInputSections * sectionBytes);
  const section = (index: number): BufferRange => subRange(inputRange, index * sectionBytes, sectionBytes);
  const moeLayers = layers.filter((layer) => layer.mlp === 'moe').length;
  return {
    maxLength,
    chunkTokens,
    lossRows,
    checkpointing,
    inputs: {
      range: inputRange,
      sectionBytes,
      tokens: section(0),
      positions: section(1),
      segmentStarts: section(2),
      segmentEnds: section(3),
      supervised: section(4),
      labels: section(5),
      weights: section(6),
    },
    hidden: Array.from({ length: layers.length + 1 }, (_, l) => rows(`kept/hidden ${l}`, c)),
    indices: layers.map((layer, l) =>
      layer.mlp === 'moe' ? words(`kept/expert indices ${l}`, maxLength * perToken) : null,
    ),
    records: layers.map((_, l) => shared ?? record(l, `kept/layer ${l}`, true)),
    normed: rows('layer/normed', c),
    gradHidden: rows('layer/hidden gradient', c),
    gradNormed: rows('layer/normed gradient', c),
    gradAttended: rows('layer/attention gradient', h * d),
    gradQkv: rows('layer/qkv gradient', (h + 2 * k) * d),
    delta: words('layer/delta', maxLength * h),
    gradRouting: moe
      ? {
          weights: words('layer/routing weights gradient', maxLength * perToken),
          logits: rows('layer/router logits gradient', moe.numExperts),
        }
      : null,
    chunk: {
      products: checkpointing ? buffers.range('chunk/products', chunkBytes(2)) : null,
      inner: buffers.range('chunk/inner', chunkBytes(1)),
      gradInner: buffers.range('chunk/inner gradient', chunkBytes(1)),
      pairs: moe ? buffers.range('chunk/pairs', rowsBytes(chunkTokens * perToken, c)) : null,
    },
    loss: {
      gathered: rows('loss/gathered', c, lossRows),
      normed: rows('loss/normed', c, lossRows),
      logits: rows('loss/logits', vocabSize, lossRows),
      rows: buffers.range('loss/rows', maxLength * 16),
    },
    statistics: words('loss/statistics', statisticsWords),
    router: moe
      ? {
          totals: words('loss/router totals', moeLayers * routerTotalsWidth(moe.numExperts)),
          load: words('loss/expert load', moeLayers * moe.numExperts),
          balance: words('loss/balance', moe.numExperts),
        }
      : null,
  };
}

/** Views a chunk buffer as [rows, cols]. */
export function chunkRows(range: BufferRange, rows: number, cols: number): Rows {
  return asRows(range, rows, cols);
}

/** All ranges of the memory, each buffer once, for freeing. */
export function trainingRanges(memory: TrainingMemory): BufferRange[] {
  const found = new Map<number, BufferRange>();
  const add = (range: BufferRange | null | undefined): void => {
    if (range) found.set(range.buffer.id, range);
  };
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if ('buffer' in value && 'offset' in value) add(value as BufferRange);
    else for (const inner of Object.values(value)) visit(inner);
  };
  visit(memory);
  return [...found.values()];
}

/** MoE layers below a layer: its row in `load` and `totals`. */
export function moeLayerIndex(config: ModelConfig, layer: number): number {
  return config.layers.slice(0, layer).filter(({ mlp }) => mlp === 'moe').length;
}
