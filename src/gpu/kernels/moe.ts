import { assert } from '../../core/assert.ts';
import combineSource from '../../../shaders/forward/moe_combine.wgsl?raw';
import countSource from '../../../shaders/forward/moe_count.wgsl?raw';
import scanSource from '../../../shaders/forward/moe_scan.wgsl?raw';
import scatterSource from '../../../shaders/forward/moe_scatter.wgsl?raw';
import routeSource from '../../../shaders/forward/route_top_k.wgsl?raw';
import type { BufferRange } from '../buffers.ts';
import { defineKernel, type KernelSink } from '../kernel.ts';
import { asRows, paddedCols, rowsBytes, type Rows, type Weight } from '../tensors.ts';
import { checkShape, rowReduction, vectors, weightModule } from './common.ts';
import {
  matmul,
  matmulKernels,
  planMatvec,
  planTiles,
  type MatmulAlgorithm,
  type MatmulPlan,
} from './matmul.ts';
import { swiglu } from './swiglu.ts';

/**
 * Inputs of `routeTokens`: logits = x · routerᵀ in f32; softmax over all experts, then the k most probable, ties to
 * the lowest index. Indices come in order of falling probability.
 */
export interface RouteTokens {
  /** [T, C] */
  readonly x: Rows;
  /** [E, C], E ≤ 512. Keep it f32. */
  readonly router: Weight;
  /** k ≤ 32 */
  readonly perToken: number;
  /** Divide the k weights by their sum (`norm_topk_prob`). */
  readonly normalize: boolean;
  /** u32 [T, k] */
  readonly indices: BufferRange;
  /** f32 [T, k] */
  readonly weights: BufferRange;
  /** f32 [T, E], kept by the caller when given (statistics, backward). */
  readonly logits?: Rows;
  /** true: `indices` is an input (recomputation, comparisons) and only the weights are computed. */
  readonly forced?: boolean;
}

/** Expert matrices stacked by rows, expert e at rows [e·rowsPerExpert, …); parts never cut an expert. */
export interface ExpertWeight {
  readonly weight: Weight;
  readonly experts: number;
}

/** Inputs of `moeExperts`: out[t] = residual[t] + Σ_j weights[t, j] · down_e(silu(gate_e x) · up_e x), e = indices[t, j]. */
export interface MoeExperts {
  /** [T, C] */
  readonly x: Rows;
  /** u32 [T, k] and f32 [T, k] of `routeTokens`. */
  readonly indices: BufferRange;
  readonly weights: BufferRange;
  readonly perToken: number;
  /** [E·2I, C]: per expert gate rows, then up rows. */
  readonly gateUp: ExpertWeight;
  /** [E·C, I] */
  readonly down: ExpertWeight;
  /** [T, C] */
  readonly out: Rows;
  readonly residual?: Rows | null;
  /** As in `Matmul`; the second product, whose input may be large, stays in f32. */
  readonly allowHalf?: boolean;
}

/**
 * T·k pairs (token, slot) sorted by expert, as data on the GPU. `order[r]` is the pair t·k + j at sorted row r; `tiles`
 * holds the first tile of each expert [E + 1], its first sorted row [E + 1], then (expert, first row) per tile.
 */
export interface ExpertSegments {
  readonly pairs: number;
  readonly experts: number;
  readonly tileRows: number;
  readonly maxTiles: number;
  /** u32 [T·k] */
  readonly order: BufferRange;
  readonly tiles: BufferRange;
  /** Workgroup counts, three u32 per part of the first product's weight, then of the second's. */
  readonly arguments: BufferRange;
}

const maxExperts = 512;
const maxPerToken = 32;

export const routeKernel = defineKernel({
  name: 'forward/route_top_k',
  source: routeSource,
  bindings: { logits: 'read', indices: 'read_write', weights: 'read_write' },
  params: {
    experts: 'u32',
    perToken: 'u32',
    logitStart: 'u32',
    logitStride: 'u32',
    renormalize: 'u32',
    forced: 'u32',
    rows: 'u32',
  },
});

export const moeCountKernel = defineKernel({
  name: 'forward/moe_count',
  source: countSource,
  bindings: { indices: 'read', counts: 'read_write' },
  params: { pairs: 'u32', experts: 'u32' },
});

export const moeScanKernel = defineKernel({
  name: 'forward/moe_scan',
  source: scanSource,
  bindings: { counts: 'read_write', tiles: 'read_write', arguments: 'read_write' },
  params: {
    experts: 'u32',
    blocks: 'u32',
    tileRows: 'u32',
    partsA: 'u32',
    expertsPerPartA: 'u32',
    colTilesA: 'u32',
    partsB: 'u32',
    expertsPerPartB: 'u32',
    colTilesB: 'u32',
  },
});

export const moeScatterKernel = defineKernel({
  name: 'forward/moe_scatter',
  source: scatterSource,
  bindings: { indices: 'read', counts: 'read', tiles: 'read', order: 'read_write' },
  params: { pairs: 'u32', experts: 'u32' },
});

export const moeCombineKernel = defineKernel({
  name: 'forward/moe_combine',
  source: combineSource,
  bindings: { y: 'read', weights: 'read', residual: 'read', out: 'read_write' },
  params: {
    rows: 'u32',
    vectors: 'u32',
    perToken: 'u32',
    yStart: 'u32',
    yStride: 'u32',
    residualStart: 'u32',
    residualStride: 'u32',
    outStart: 'u32',
    outStride: 'u32',
    hasResidual: 'u32',
  },
});

const groupedKernel = (algorithm: MatmulAlgorithm) =>
  defineKernel({
    name: matmulKernels[algorithm].name,
    source: matmulKernels[algorithm].source,
    modules: { problem: 'matmul_grouped.wgsl' },
    bindings: { x: 'read', weight: 'read', scales: 'read', order: 'read', tiles: 'read', y: 'read_write' },
    params: {
      cols: 'u32',
      kVectors: 'u32',
      weightVectors: 'u32',
      experts: 'u32',
      firstExpert: 'u32',
      endExpert: 'u32',
      colTiles: 'u32',
      perToken: 'u32',
      xStart: 'u32',
      xStride: 'u32',
      yStart: 'u32',
      yStride: 'u32',
      fromTokens: 'u32',
      toPairs: 'u32',
    },
  });

const pairsKernel = (algorithm: MatmulAlgorithm) =>
  defineKernel({
    name: matmulKernels[algorithm].name,
    source: matmulKernels[algorithm].source,
    modules: { problem: 'matmul_pairs.wgsl' },
    bindings: { x: 'read', weight: 'read', scales: 'read', indices: 'read', y: 'read_write' },
    params: {
      cols: 'u32',
      kVectors: 'u32',
      weightVectors: 'u32',
      rowTiles: 'u32',
      firstExpert: 'u32',
      endExpert: 'u32',
      perToken: 'u32',
      xStart: 'u32',
      xStride: 'u32',
      yStart: 'u32',
      yStride: 'u32',
      fromTokens: 'u32',
    },
  });

/** The tiled algorithms over expert segments. */
export const groupedKernels = {
  register: groupedKernel('register'),
  lanes: groupedKernel('lanes'),
  shared: groupedKernel('shared'),
} as const;

/** The matrix-vector algorithms with an expert per row. */
export const pairsKernels = {
  vecThread: pairsKernel('vecThread'),
  vecLanes: pairsKernel('vecLanes'),
} as const;

/** Scores the experts and picks each token's, see `RouteTokens`. */
export function routeTokens(sink: KernelSink, input: RouteTokens): void {
  const { x, router } = input;
  const experts = router.rows;
  const logits =
    input.logits ?? asRows(sink.scratch('router logits', rowsBytes(x.rows, experts)), x.rows, experts);
  matmul(sink, { x, weight: router, out: logits });
  chooseExperts(sink, { ...input, logits });
}

/** The second half of `routeTokens`: from logits [T, E] to each token's experts and their weights. */
export function chooseExperts(
  sink: KernelSink,
  input: Omit<RouteTokens, 'x' | 'router' | 'logits'> & { readonly logits: Rows },
): void {
  const { engine } = sink;
  const { logits, perToken, indices, weights } = input;
  const experts = logits.cols;
  assert(experts <= maxExperts, `${experts} experts; at most ${maxExperts} are supported`);
  assert(
    perToken >= 1 && perToken <= Math.min(maxPerToken, experts),
    `${perToken} experts per token of ${experts}`,
  );
  const { variant, workgroups } = rowReduction(engine, logits.rows);
  sink.dispatch({
    kernel: routeKernel,
    variant,
    buffers: { logits: logits.range, indices, weights },
    params: {
      experts,
      perToken,
      logitStart: logits.start,
      logitStride: logits.stride,
      renormalize: input.normalize ? 1 : 0,
      forced: input.forced ? 1 : 0,
      rows: logits.rows,
    },
    workgroups,
    cost: { flops: logits.rows * experts * experts, bytes: 4 * logits.rows * experts },
  });
}

/** Experts per part of a stacked weight. */
export function expertsPerPart({ weight, experts }: ExpertWeight): number {
  const rowsPerExpert = weight.rows / experts;
  const first = weight.parts[0];
  assert(first !== undefined && Number.isInteger(rowsPerExpert), `${weight.label}: ${weight.rows} rows`);
  for (const part of weight.parts) {
    assert(
      part.firstRow % rowsPerExpert === 0 && part.rows % rowsPerExpert === 0,
      `${weight.label} cuts an expert at row ${part.firstRow}`,
    );
  }
  return first.rows / rowsPerExpert;
}

/** Sorts pairs by expert and writes the tile table and workgroup counts for two products over it. */
export function segmentExperts(
  sink: KernelSink,
  input: {
    readonly indices: BufferRange;
    readonly pairs: number;
    readonly gateUp: ExpertWeight;
    readonly down: ExpertWeight;
    readonly plan: MatmulPlan;
  },
): ExpertSegments {
  const { indices, pairs, gateUp, down, plan } = input;
  const { experts } = gateUp;
  const blocks = Math.ceil(pairs / 64);
  const maxTiles = Math.ceil(pairs / plan.tileRows) + Math.min(experts, pairs);
  const parts = gateUp.weight.parts.length + down.weight.parts.length;
  // Shared memory is set to zero before a kernel starts: no more of it than the experts need.
  const variant = { constants: { MAX_EXPERTS: Math.max(16, 2 ** Math.ceil(Math.log2(experts))) } };
  const counts = sink.scratch('moe counts', blocks * experts * 4);
  const segments: ExpertSegments = {
    pairs,
    experts,
    tileRows: plan.tileRows,
    maxTiles,
    order: sink.scratch('moe order', pairs * 4),
    tiles: sink.scratch('moe tiles', (2 * (experts + 1) + 2 * maxTiles) * 4),
    arguments: sink.scratch('moe arguments', parts * 12),
  };
  sink.dispatch({
    kernel: moeCountKernel,
    variant,
    buffers: { indices, counts },
    params: { pairs, experts },
    workgroups: blocks,
    cost: { flops: pairs, bytes: 4 * (pairs + blocks * experts) },
  });
  sink.dispatch({
    kernel: moeScanKernel,
    variant,
    buffers: { counts, tiles: segments.tiles, arguments: segments.arguments },
    params: {
      experts,
      blocks,
      tileRows: plan.tileRows,
      partsA: gateUp.weight.parts.length,
      expertsPerPartA: expertsPerPart(gateUp),
      colTilesA: Math.ceil(gateUp.weight.rows / experts / plan.tileCols),
      partsB: down.weight.parts.length,
      expertsPerPartB: expertsPerPart(down),
      colTilesB: Math.ceil(down.weight.rows / experts / plan.tileCols),
    },
    workgroups: 1,
    cost: { flops: blocks * experts + experts * experts, bytes: 8 * blocks * experts },
  });
  sink.dispatch({
    kernel: moeScatterKernel,
    variant: {},
    buffers: { indices, counts, tiles: segments.tiles, order: segments.order },
    params: { pairs, experts },
    workgroups: blocks,
    cost: { flops: 32 * pairs, bytes: 12 * pairs },
  });
  return segments;
}

/**
 * A product over expert segments: `fromTokens` gathers rows of x by token, otherwise x is in sorted order; `toPairs`
 * scatters rows of out to their pair, otherwise out is in sorted order. `product` says whose workgroup counts to take.
 */
export function groupedMatmul(
  sink: KernelSink,
  input: {
    readonly x: Rows;
    readonly weight: ExpertWeight;
    readonly out: Rows;
    readonly segments: ExpertSegments;
    readonly plan: MatmulPlan;
    readonly perToken: number;
    readonly fromTokens: boolean;
    readonly toPairs: boolean;
    readonly firstArgument: number;
  },
): void {
  const { x, weight: stacked, out, segments, plan } = input;
  const { weight, experts } = stacked;
  const { algorithm } = plan;
  assert(algorithm !== 'vecThread' && algorithm !== 'vecLanes', 'segments need a tiled algorithm');
  const cols = weight.rows / experts;
  const perPart = expertsPerPart(stacked);
  const colTiles = Math.ceil(cols / plan.tileCols);
  checkShape('groupedMatmul out', out, segments.pairs, cols);
  weight.parts.forEach((part, index) => {
    sink.dispatch({
      kernel: groupedKernels[algorithm],
      variant: {
        ...plan.variant,
        modules: { ...plan.variant.modules, weights: weightModule(weight.type) },
      },
      buffers: {
        x: x.range,
        weight: part.data,
        scales: part.scales ?? sink.engine.nullRange,
        order: segments.order,
        tiles: segments.tiles,
        y: out.range,
      },
      params: {
        cols,
        kVectors: Math.ceil(weight.cols / 4),
        weightVectors: paddedCols(weight.type, weight.cols) / 4,
        experts,
        firstExpert: index * perPart,
        endExpert: Math.min((index + 1) * perPart, experts),
        colTiles,
        perToken: input.perToken,
        xStart: vectors(x).start,
        xStride: vectors(x).stride,
        yStart: vectors(out).start,
        yStride: vectors(out).stride,
        fromTokens: input.fromTokens ? 1 : 0,
        toPairs: input.toPairs ? 1 : 0,
      },
      workgroups: {
        indirect: segments.arguments,
        indirectOffset: (input.firstArgument + index) * 12,
        atMost: segments.maxTiles * colTiles,
      },
      cost: {
        flops: (2 * segments.pairs * cols * weight.cols) / weight.parts.length,
        bytes: part.data.size,
      },
    });
  });
}

/** A matrix-vector product per pair with the pair's own expert, for few tokens. */
function pairMatvec(
  sink: KernelSink,
  x: Rows,
  { weight, experts }: ExpertWeight,
  out: Rows,
  indices: BufferRange,
  perToken: number,
  fromTokens: boolean,
): void {
  const plan = planMatvec(sink.engine, 1);
  assert(
    plan.algorithm === 'vecThread' || plan.algorithm === 'vecLanes',
    'pairs need a matrix-vector kernel',
  );
  const kernel = pairsKernels[plan.algorithm];
  const cols = weight.rows / experts;
  const perPart = expertsPerPart({ weight, experts });
  weight.parts.forEach((part, index) => {
    sink.dispatch({
      kernel,
      variant: {
        ...plan.variant,
        modules: { ...plan.variant.modules, weights: weightModule(weight.type) },
      },
      buffers: {
        x: x.range,
        weight: part.data,
        scales: part.scales ?? sink.engine.nullRange,
        indices,
        y: out.range,
      },
      params: {
        cols,
        kVectors: Math.ceil(weight.cols / 4),
        weightVectors: paddedCols(weight.type, weight.cols) / 4,
        rowTiles: out.rows,
        firstExpert: index * perPart,
        endExpert: Math.min((index + 1) * perPart, experts),
        perToken,
        xStart: vectors(x).start,
        xStride: vectors(x).stride,
        yStart: vectors(out).start,
        yStride: vectors(out).stride,
        fromTokens: fromTokens ? 1 : 0,
      },
      workgroups: out.rows * Math.ceil(cols / plan.tileCols),
      cost: {
        flops: (2 * out.rows * cols * weight.cols) / weight.parts.length,
        bytes: (part.data.size / perPart) * Math.min(out.rows, perPart),
      },
    });
  });
}

/** Tokens up to this many go to their experts one by one, without sorting. */
const fewTokens = 2;

/** The experts' half of a sparse layer, see `MoeExperts`. */
export function moeExperts(sink: KernelSink, input: MoeExperts): void {
  const { engine } = sink;
  const { x, indices, weights, perToken, gateUp, down, out, residual } = input;
  const { experts } = gateUp;
  const width = gateUp.weight.rows / experts / 2;
  const pairs = x.rows * perToken;
  assert(down.experts === experts && down.weight.cols === width, 'gate/up and down weights differ');
  assert(width % 4 === 0, `expert width ${width} is not a multiple of 4`);
  checkShape('moeExperts out', out, x.rows, x.cols);
  if (pairs === 0) return;
  const matrix = (name: string, cols: number): Rows =>
    asRows(sink.scratch(name, rowsBytes(pairs, cols)), pairs, cols);
  const products = matrix('moe products', 2 * width);
  const hidden = matrix('moe hidden', width);
  const y = matrix('moe outputs', x.cols);
  if (x.rows <= fewTokens) {
    pairMatvec(sink, x, gateUp, products, indices, perToken, true);
    swiglu(sink, { gateUp: products, out: hidden });
    pairMatvec(sink, hidden, down, y, indices, perToken, false);
  } else {
    const cols = Math.min(2 * width, x.cols);
    const plan = planTiles(engine, pairs / experts, cols);
    const half = (input.allowHalf ?? false) && gateUp.weight.type !== 'f32';
    const segments = segmentExperts(sink, { indices, pairs, gateUp, down, plan });
    groupedMatmul(sink, {
      x,
      weight: gateUp,
      out: products,
      segments,
      plan: planTiles(engine, pairs / experts, cols, half),
      perToken,
      fromTokens: true,
      toPairs: false,
      firstArgument: 0,
    });
    swiglu(sink, { gateUp: products, out: hidden });
    groupedMatmul(sink, {
      x: hidden,
      weight: down,
      out: y,
      segments,
      plan,
      perToken,
      fromTokens: false,
      toPairs: true,
      firstArgument: gateUp.weight.parts.length,
    });
  }
  combineExperts(sink, { y, weights, perToken, out, residual: residual ?? null });
}

/** out[t] = residual[t] + Σ_j weights[t, j] · y[t·k + j]; y is [T·k, C] by pair, out and residual [T, C]. */
export function combineExperts(
  sink: KernelSink,
  input: {
    readonly y: Rows;
    readonly weights: BufferRange;
    readonly perToken: number;
    readonly out: Rows;
    readonly residual: Rows | null;
  },
): void {
  const { y, weights, perToken, out, residual } = input;
  checkShape('combineExperts y', y, out.rows * perToken, out.cols);
  const rowVectors = Math.ceil(out.cols / 4);
  sink.dispatch({
    kernel: moeCombineKernel,
    variant: {},
    buffers: { y: y.range, weights, residual: residual?.range ?? sink.engine.nullRange, out: out.range },
    params: {
      rows: out.rows,
      vectors: rowVectors,
      perToken,
      yStart: vectors(y).start,
      yStride: vectors(y).stride,
      residualStart: residual ? vectors(residual).start : 0,
      residualStride: residual ? vectors(residual).stride : 0,
      outStart: vectors(out).start,
      outStride: vectors(out).stride,
      hasResidual: residual ? 1 : 0,
    },
    workgroups: Math.ceil((out.rows * rowVectors) / 64),
    cost: { flops: 2 * y.rows * out.cols, bytes: 4 * (y.rows + 2 * out.rows) * out.cols },
  });
}
