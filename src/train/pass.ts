import { subRange, type BufferRange } from '../gpu/buffers.ts';
import type { KernelSink } from '../gpu/kernel.ts';
import { attention } from '../gpu/kernels/attention.ts';
import { attentionBack, attentionInputBack } from '../gpu/kernels/attentionBack.ts';
import { attentionInput } from '../gpu/kernels/attentionInput.ts';
import { crossEntropy, crossEntropySum, gatherRows } from '../gpu/kernels/crossEntropy.ts';
import { embedTokens } from '../gpu/kernels/embedding.ts';
import { matmul, planTiles } from '../gpu/kernels/matmul.ts';
import {
  chooseExperts,
  combineExperts,
  groupedMatmul,
  segmentExperts,
  type ExpertWeight,
} from '../gpu/kernels/moe.ts';
import { balanceLoss, pairSum, routeBack, routerStatistics, swigluBack } from '../gpu/kernels/moeBack.ts';
import type { ParameterBank } from '../gpu/kernels/optimizer.ts';
import { groupedProduct, product } from '../gpu/kernels/product.ts';
import { rmsNorm } from '../gpu/kernels/rmsNorm.ts';
import { rmsNormBack } from '../gpu/kernels/rmsNormBack.ts';
import { swiglu } from '../gpu/kernels/swiglu.ts';
import { sliceRows, type KvLayout, type Rows } from '../gpu/tensors.ts';
import type { ModelConfig } from '../model/config.ts';
import { asExperts, type LayerWeights, type ModelWeights } from '../model/weightPlan.ts';
import {
  adaptBackward,
  adaptExpertsBackward,
  adaptExpertsForward,
  adaptForward,
  type Adapted,
  type DropoutState,
  type ExpertChunk,
} from './adapt.ts';
import type { LoraLayout, SiteKind } from './lora.ts';
import { chunkRows, moeLayerIndex, type LayerRecord, type TrainingMemory } from './memory.ts';

/** A sink that can also set memory to zero: the recorder, or a plan. */
export interface TrainingSink extends KernelSink {
  clear(range: BufferRange): void;
}

/** The parts of a model in training that a pass needs. */
export interface TrainingModel {
  readonly config: ModelConfig;
  readonly weights: ModelWeights;
  readonly layout: LoraLayout;
  readonly banks: readonly ParameterBank[];
  readonly memory: TrainingMemory;
  /** f32 [maxLength, D]: cos of D/2 angles, then sin. */
  readonly rope: BufferRange;
}

/** One row of tokens as the pass sees it; its numbers are in `memory.inputs`. */
export interface PassInput {
  readonly tokens: number;
  /** Several documents: `segmentStarts` and `segmentEnds` count. */
  readonly packed: boolean;
  /** Rows where something is learnt. */
  readonly supervised: number;
  readonly dropout: DropoutState | null;
  /** Coefficient of the load-balancing loss, divided by the rows of the step. */
  readonly balanceFactor: number;
}

/** A pass being recorded, stage by stage: between two stages the GPU can be waited for, or the rest be dropped. */
export type Recording = Generator<undefined, void, undefined>;

/** What the passes over one layer share. */
interface LayerPass {
  readonly sink: TrainingSink;
  readonly model: TrainingModel;
  readonly input: PassInput;
  readonly layer: number;
  readonly weights: LayerWeights;
  readonly record: LayerRecord;
  readonly take: (rows: Rows) => Rows;
}

function layerPass(sink: TrainingSink, model: TrainingModel, input: PassInput, layer: number): LayerPass {
  return {
    sink,
    model,
    input,
    layer,
    weights: model.weights.layers[layer]!,
    record: model.memory.records[layer]!,
    take: (rows) => sliceRows(rows, 0, input.tokens),
  };
}

function adapted(pass: LayerPass, kind: SiteKind, firstRow = 0): Adapted[] {
  const { model, input, layer } = pass;
  const sites = model.layout.layers[layer]![kind] ?? [];
  return sites.map((site) => ({ site, banks: model.banks, dropout: input.dropout, layer, firstRow }));
}

const kvLayout = ({ numKeyValueHeads, headDim }: ModelConfig): KvLayout => ({
  type: 'f32',
  numKeyValueHeads,
  headDim,
});

/** From the layer's input to `middle`: everything that the backward pass of attention needs is left in the record. */
function* attentionForward(pass: LayerPass): Recording {
  const { sink, model, input, layer, weights, record, take } = pass;
  const { config, memory } = model;
  const { rmsNormEps: eps, numAttentionHeads: numHeads, headDim } = config;
  const hidden = take(memory.hidden[layer]!);
  const normed = take(memory.normed);
  const [qkv, q, attended, middle] = [record.qkv, record.q, record.attended, record.middle].map(take) as [
    Rows,
    Rows,
    Rows,
    Rows,
  ];
  rmsNorm(sink, { x: hidden, weight: weights.inputNorm, eps, out: normed });
  matmul(sink, { x: normed, weight: weights.qkv, out: qkv, bias: weights.qkvBias });
  for (const adapter of adapted(pass, 'qkv')) adaptForward(sink, adapter, normed, qkv);
  yield;
  const kv = kvLayout(config);
  attentionInput(sink, {
    qkv,
    numHeads,
    kv,
    qNorm: weights.qNorm,
    kNorm: weights.kNorm,
    eps,
    rope: model.rope,
    positions: memory.inputs.positions,
    pages: record.pages,
    firstToken: 0,
    q,
  });
  attention(sink, {
    q,
    numHeads,
    kv,
    pages: record.pages,
    firstToken: 0,
    scale: headDim ** -0.5,
    segmentStarts: input.packed ? memory.inputs.segmentStarts : null,
    window: config.layers[layer]!.slidingWindow ?? 0,
    out: attended,
    logSumExp: record.logSumExp,
  });
  yield;
  matmul(sink, { x: attended, weight: weights.o, out: middle, bias: weights.oBias, residual: hidden });
  for (const adapter of adapted(pass, 'o')) adaptForward(sink, adapter, attended, middle);
}

/** Chunks of the row: [first, first + count). */
function chunks(tokens: number, size: number): { readonly first: number; readonly count: number }[] {
  const list: { first: number; count: number }[] = [];
  for (let first = 0; first < tokens; first += size)
    list.push({ first, count: Math.min(size, tokens - first) });
  return list;
}

/** A chunk of an expert layer: its pairs sorted, and its views of indices and weights. */
interface ExpertPass {
  readonly chunk: ExpertChunk;
  readonly weights: BufferRange;
  readonly gateUp: ExpertWeight;
  readonly down: ExpertWeight;
  readonly pairs: number;
  readonly width: number;
}

function expertPass(pass: LayerPass, first: number, count: number): ExpertPass {
  const { sink, model, layer, weights, record } = pass;
  const { numExperts, numExpertsPerTok: perToken, moeIntermediateSize: width } = model.config.moe!;
  if (weights.mlp.kind !== 'moe') throw new Error('a dense layer has no experts');
  const pairs = count * perToken;
  const gateUp = asExperts(weights.mlp.gateUp, numExperts);
  const down = asExperts(weights.mlp.down, numExperts);
  const plan = planTiles(sink.engine, pairs / numExperts, Math.min(2 * width, model.config.hiddenSize));
  const part = (range: BufferRange): BufferRange => subRange(range, first * perToken * 4, pairs * 4);
  const indices = part(model.memory.indices[layer]!);
  const segments = segmentExperts(sink, { indices, pairs, gateUp, down, plan });
  return {
    chunk: { segments, plan, perToken },
    weights: part(record.routing!.weights),
    gateUp,
    down,
    pairs,
    width,
  };
}

/** The products before the activation of a chunk: kept ones, or where a chunk's go. */
function productsOf(pass: LayerPass, first: number, rows: number, rowsPerToken: number, width: number): Rows {
  const { record, model } = pass;
  if (record.products) return sliceRows(record.products, first * rowsPerToken, rows);
  return chunkRows(model.memory.chunk.products!, rows, 2 * width);
}

/** products = x · [gate; up]ᵀ of a dense chunk, adapter included. */
function denseProducts(pass: LayerPass, x: Rows, first: number): Rows {
  const { sink, weights } = pass;
  const products = productsOf(pass, first, x.rows, 1, weights.mlp.gateUp.rows / 2);
  matmul(sink, { x, weight: weights.mlp.gateUp, out: products });
  for (const adapter of adapted(pass, 'gateUp', first)) adaptForward(sink, adapter, x, products);
  return products;
}

/** The same of an expert chunk, in sorted order. */
function expertProducts(pass: LayerPass, experts: ExpertPass, x: Rows, first: number): Rows {
  const { sink } = pass;
  const { chunk, gateUp, pairs, width } = experts;
  const products = productsOf(pass, first, pairs, chunk.perToken, width);
  groupedMatmul(sink, {
    x,
    weight: gateUp,
    out: products,
    segments: chunk.segments,
    plan: chunk.plan,
    perToken: chunk.perToken,
    fromTokens: true,
    toPairs: false,
    firstArgument: 0,
  });
  for (const adapter of adapted(pass, 'gateUp', first * chunk.perToken)) {
    adaptExpertsForward(sink, adapter, chunk, x, products, { fromTokens: true, toPairs: false });
  }
  return products;
}

/** Router logits and each token's experts; `forced`: the experts are those of the first pass. */
function route(pass: LayerPass, normed: Rows, forced: boolean): void {
  const { sink, model, layer, weights, record, take } = pass;
  if (weights.mlp.kind !== 'moe') return;
  const { numExpertsPerTok: perToken, normTopkProb: normalize } = model.config.moe!;
  const logits = take(record.routing!.logits);
  matmul(sink, { x: normed, weight: weights.mlp.router, out: logits });
  for (const adapter of adapted(pass, 'router')) adaptForward(sink, adapter, normed, logits);
  const indices = model.memory.indices[layer]!;
  chooseExperts(sink, { logits, perToken, normalize, indices, weights: record.routing!.weights, forced });
}

/** From `middle` to the next layer's input, in chunks of tokens. */
function* mlpForward(pass: LayerPass): Recording {
  const { sink, model, layer, weights, record, take } = pass;
  const { config, memory } = model;
  const { chunk: buffers, chunkTokens } = memory;
  const middle = take(record.middle);
  const normed = take(memory.normed);
  const next = take(memory.hidden[layer + 1]!);
  rmsNorm(sink, { x: middle, weight: weights.postNorm, eps: config.rmsNormEps, out: normed });
  if (weights.mlp.kind === 'moe') {
    route(pass, normed, false);
    routerStatistics(sink, {
      logits: take(record.routing!.logits),
      indices: memory.indices[layer]!,
      perToken: config.moe!.numExpertsPerTok,
      layer: moeLayerIndex(config, layer),
      totals: memory.router!.totals,
      load: memory.router!.load,
    });
  }
  for (const { first, count } of chunks(normed.rows, chunkTokens)) {
    yield;
    const x = sliceRows(normed, first, count);
    const out = sliceRows(next, first, count);
    const residual = sliceRows(middle, first, count);
    if (weights.mlp.kind === 'dense') {
      const products = denseProducts(pass, x, first);
      const inner = chunkRows(buffers.inner, count, products.cols / 2);
      swiglu(sink, { gateUp: products, out: inner });
      matmul(sink, { x: inner, weight: weights.mlp.down, out, residual });
      for (const adapter of adapted(pass, 'down', first)) adaptForward(sink, adapter, inner, out);
      continue;
    }
    const experts = expertPass(pass, first, count);
    const { chunk, down, pairs, width } = experts;
    const products = expertProducts(pass, experts, x, first);
    const inner = chunkRows(buffers.inner, pairs, width);
    const y = chunkRows(buffers.pairs!, pairs, config.hiddenSize);
    swiglu(sink, { gateUp: products, out: inner });
    groupedMatmul(sink, {
      x: inner,
      weight: down,
      out: y,
      segments: chunk.segments,
      plan: chunk.plan,
      perToken: chunk.perToken,
      fromTokens: false,
      toPairs: true,
      firstArgument: experts.gateUp.weight.parts.length,
    });
    for (const adapter of adapted(pass, 'down', first * chunk.perToken)) {
      adaptExpertsForward(sink, adapter, chunk, inner, y, { fromTokens: false, toPairs: true });
    }
    combineExperts(sink, { y, weights: experts.weights, perToken: chunk.perToken, out, residual });
  }
}

/** The forward pass of a row through all layers; hidden states are left in the memory. */
function* recordForward(sink: TrainingSink, model: TrainingModel, input: PassInput): Recording {
  const { config, weights, memory } = model;
  const first = sliceRows(memory.hidden[0]!, 0, input.tokens);
  embedTokens(sink, { tokens: memory.inputs.tokens, table: weights.embed, out: first });
  for (let layer = 0; layer < config.layers.length; layer++) {
    const pass = layerPass(sink, model, input, layer);
    yield* attentionForward(pass);
    yield* mlpForward(pass);
    yield;
  }
  if (memory.router) {
    balanceLoss(sink, {
      totals: memory.router.totals,
      layers: moeLayerIndex(config, config.layers.length),
      experts: config.moe!.numExperts,
      tokens: input.tokens,
      factor: input.balanceFactor,
      balance: memory.router.balance,
      statistics: memory.statistics,
    });
  }
}

/**
 * The loss of the supervised rows, block by block: logits of a block are made, turned into their gradients,
 * multiplied back through the head and dropped. `scale` null: only the loss. Leaves the last hidden state's gradient in
 * `memory.gradHidden`.
 */
function* recordLoss(
  sink: TrainingSink,
  model: TrainingModel,
  input: PassInput,
  scale: number | null,
): Recording {
  const { config, weights, memory } = model;
  const { loss, inputs } = memory;
  const eps = config.rmsNormEps;
  const hidden = sliceRows(memory.hidden[config.layers.length]!, 0, input.tokens);
  const gradHidden = sliceRows(memory.gradHidden, 0, input.tokens);
  const head = weights.head ?? weights.embed;
  if (scale !== null) sink.clear(memory.gradHidden.range);
  for (const { first, count } of chunks(input.supervised, memory.lossRows)) {
    yield;
    const gathered = sliceRows(loss.gathered, 0, count);
    const normed = sliceRows(loss.normed, 0, count);
    const logits = sliceRows(loss.logits, 0, count);
    gatherRows(sink, hidden, inputs.supervised, first, gathered);
    rmsNorm(sink, { x: gathered, weight: weights.finalNorm, eps, out: normed });
    matmul(sink, { x: normed, weight: head, out: logits });
    crossEntropy(sink, {
      logits,
      first,
      labels: inputs.labels,
      weights: inputs.weights,
      rows: loss.rows,
      scale,
    });
    if (scale === null) continue;
    product(sink, { x: logits, weight: head, out: normed, transposed: true });
    rmsNormBack(sink, {
      x: hidden,
      weight: weights.finalNorm,
      eps,
      dy: normed,
      dx: gradHidden,
      rowIndex: subRange(inputs.supervised, first * 4, count * 4),
    });
  }
  if (input.supervised > 0) crossEntropySum(sink, loss.rows, input.supervised, memory.statistics);
}

/** Gradient through one dense chunk: dx [count, C] from that of the layer's output. */
function denseBackward(pass: LayerPass, x: Rows, gradOut: Rows, dx: Rows, first: number): void {
  const { sink, model, weights, record } = pass;
  const { chunk: buffers } = model.memory;
  if (weights.mlp.kind !== 'dense') return;
  const width = weights.mlp.down.cols;
  const products = record.products
    ? sliceRows(record.products, first, x.rows)
    : denseProducts(pass, x, first);
  const inner = chunkRows(buffers.inner, x.rows, width);
  const z = chunkRows(buffers.gradInner, x.rows, width);
  swiglu(sink, { gateUp: products, out: inner });
  product(sink, { x: gradOut, weight: weights.mlp.down, out: z, transposed: true });
  for (const adapter of adapted(pass, 'down', first)) adaptBackward(sink, adapter, inner, gradOut, z);
  swigluBack(sink, { gateUp: products, z });
  product(sink, { x: products, weight: weights.mlp.gateUp, out: dx, transposed: true });
  for (const adapter of adapted(pass, 'gateUp', first)) adaptBackward(sink, adapter, x, products, dx);
}

/** Gradient through one expert chunk: dx [count, C], and those of the routing weights. */
function expertsBackward(pass: LayerPass, x: Rows, gradOut: Rows, dx: Rows, first: number): void {
  const { sink, model, record } = pass;
  const { memory, config } = model;
  const experts = expertPass(pass, first, x.rows);
  const { chunk, pairs, width, gateUp, down } = experts;
  const { perToken, segments, plan } = chunk;
  const products = record.products
    ? sliceRows(record.products, first * perToken, pairs)
    : expertProducts(pass, experts, x, first);
  const inner = chunkRows(memory.chunk.inner, pairs, width);
  const z = chunkRows(memory.chunk.gradInner, pairs, width);
  const y = chunkRows(memory.chunk.pairs!, pairs, config.hiddenSize);
  swiglu(sink, { gateUp: products, out: inner });
  groupedProduct(sink, {
    x: gradOut,
    weight: down,
    out: z,
    transposed: true,
    segments,
    plan,
    perToken,
    fromTokens: true,
  });
  for (const adapter of adapted(pass, 'down', first * perToken)) {
    adaptExpertsBackward(sink, adapter, chunk, inner, gradOut, z, {
      xTokens: false,
      gradTokens: true,
      toPairs: false,
      weights: experts.weights,
    });
  }
  swigluBack(sink, {
    gateUp: products,
    z,
    routing: {
      order: segments.order,
      weights: experts.weights,
      gradWeights: subRange(memory.gradRouting!.weights, first * perToken * 4, pairs * 4),
    },
  });
  groupedProduct(sink, {
    x: products,
    weight: gateUp,
    out: y,
    transposed: true,
    segments,
    plan,
    perToken,
    fromTokens: false,
    toPairs: true,
  });
  for (const adapter of adapted(pass, 'gateUp', first * perToken)) {
    adaptExpertsBackward(sink, adapter, chunk, x, products, y, {
      xTokens: true,
      gradTokens: false,
      toPairs: true,
      weights: null,
    });
  }
  pairSum(sink, y, perToken, dx);
}

/** From the gradient of the layer's output to that of `middle`, in place in `gradHidden`. */
function* mlpBackward(pass: LayerPass): Recording {
  const { sink, model, layer, weights, record, take, input } = pass;
  const { config, memory } = model;
  const eps = config.rmsNormEps;
  const middle = take(record.middle);
  const normed = take(memory.normed);
  const gradHidden = take(memory.gradHidden);
  const gradNormed = take(memory.gradNormed);
  rmsNorm(sink, { x: middle, weight: weights.postNorm, eps, out: normed });
  if (memory.checkpointing && weights.mlp.kind === 'moe') route(pass, normed, true);
  for (const { first, count } of chunks(normed.rows, memory.chunkTokens)) {
    yield;
    const x = sliceRows(normed, first, count);
    const gradOut = sliceRows(gradHidden, first, count);
    const dx = sliceRows(gradNormed, first, count);
    if (weights.mlp.kind === 'dense') denseBackward(pass, x, gradOut, dx, first);
    else expertsBackward(pass, x, gradOut, dx, first);
  }
  if (weights.mlp.kind === 'moe') {
    // Gradients flow through the routing weights whether the router is trained or not.
    const { numExpertsPerTok: perToken, normTopkProb: normalize } = config.moe!;
    const gradLogits = take(memory.gradRouting!.logits);
    routeBack(sink, {
      logits: take(record.routing!.logits),
      perToken,
      normalize,
      indices: memory.indices[layer]!,
      weights: record.routing!.weights,
      gradWeights: memory.gradRouting!.weights,
      balance: input.balanceFactor === 0 ? null : memory.router!.balance,
      grad: gradLogits,
    });
    product(sink, {
      x: gradLogits,
      weight: weights.mlp.router,
      out: gradNormed,
      transposed: true,
      accumulate: true,
    });
    for (const adapter of adapted(pass, 'router')) {
      adaptBackward(sink, adapter, normed, gradLogits, gradNormed);
    }
  }
  rmsNormBack(sink, {
    x: middle,
    weight: weights.postNorm,
    eps,
    dy: gradNormed,
    dx: gradHidden,
    accumulate: true,
  });
}

/** From the gradient of `middle` to that of the layer's input, in place; only as far as something is trained. */
function* attentionBackward(pass: LayerPass): Recording {
  const { sink, model, input, layer, weights, record, take } = pass;
  const { config, memory, layout } = model;
  const { rmsNormEps: eps, numAttentionHeads: numHeads, headDim } = config;
  const isLowest = layer === layout.lowestLayer;
  const qkvAdapters = adapted(pass, 'qkv');
  const oAdapters = adapted(pass, 'o');
  if (isLowest && qkvAdapters.length === 0 && oAdapters.length === 0) return;
  const gradHidden = take(memory.gradHidden);
  const gradAttended = take(memory.gradAttended);
  const gradQkv = take(memory.gradQkv);
  const attended = take(record.attended);
  product(sink, { x: gradHidden, weight: weights.o, out: gradAttended, transposed: true });
  for (const adapter of oAdapters) adaptBackward(sink, adapter, attended, gradHidden, gradAttended);
  if (isLowest && qkvAdapters.length === 0) return;
  yield;
  const kv = kvLayout(config);
  attentionBack(sink, {
    q: take(record.q),
    numHeads,
    kv,
    pages: record.pages,
    scale: headDim ** -0.5,
    segments: input.packed ? { starts: memory.inputs.segmentStarts, ends: memory.inputs.segmentEnds } : null,
    window: config.layers[layer]!.slidingWindow ?? 0,
    out: attended,
    gradOut: gradAttended,
    logSumExp: record.logSumExp,
    delta: memory.delta,
    grad: gradQkv,
  });
  yield;
  attentionInputBack(sink, {
    qkv: take(record.qkv),
    numHeads,
    kv,
    qNorm: weights.qNorm,
    kNorm: weights.kNorm,
    eps,
    rope: model.rope,
    positions: memory.inputs.positions,
    grad: gradQkv,
  });
  const hidden = take(memory.hidden[layer]!);
  const normed = take(memory.normed);
  const gradNormed = isLowest ? null : take(memory.gradNormed);
  if (gradNormed) product(sink, { x: gradQkv, weight: weights.qkv, out: gradNormed, transposed: true });
  if (qkvAdapters.length > 0) {
    rmsNorm(sink, { x: hidden, weight: weights.inputNorm, eps, out: normed });
    for (const adapter of qkvAdapters) adaptBackward(sink, adapter, normed, gradQkv, gradNormed);
  }
  if (!gradNormed) return;
  rmsNormBack(sink, {
    x: hidden,
    weight: weights.inputNorm,
    eps,
    dy: gradNormed,
    dx: gradHidden,
    accumulate: true,
  });
}

/** The backward pass after `recordLoss`: gradients of all adapters grow by this row's share. */
function* recordBackward(sink: TrainingSink, model: TrainingModel, input: PassInput): Recording {
  const { config, memory, layout } = model;
  const last = config.layers.length - 1;
  for (let layer = last; layer >= layout.lowestLayer; layer--) {
    yield;
    const pass = layerPass(sink, model, input, layer);
    // The last layer's record is still there.
    if (memory.checkpointing && layer < last) yield* attentionForward(pass);
    yield* mlpBackward(pass);
    yield;
    yield* attentionBackward(pass);
  }
}

/**
 * Records a row stage by stage: forward pass, loss and the backward pass, whose gradients are multiplied by `scale`;
 * null: only forward pass and loss.
 */
export function* recordRow(
  sink: TrainingSink,
  model: TrainingModel,
  input: PassInput,
  scale: number | null,
): Recording {
  yield* recordForward(sink, model, input);
  yield* recordLoss(sink, model, input, scale);
  if (scale !== null) yield* recordBackward(sink, model, input);
}

/** Records all stages at once, where nothing runs: for plans. */
export function recordWhole(recording: Recording): void {
  Array.from(recording);
}
