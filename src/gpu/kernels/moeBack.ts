import { assert } from '../../core/assert.ts';
import balanceSource from '../../../shaders/backward/balance_loss.wgsl?raw';
import pairSumSource from '../../../shaders/backward/pair_sum.wgsl?raw';
import routeBackSource from '../../../shaders/backward/route_back.wgsl?raw';
import statisticsSource from '../../../shaders/backward/router_statistics.wgsl?raw';
import totalsSource from '../../../shaders/backward/router_totals.wgsl?raw';
import swigluBackSource from '../../../shaders/backward/swiglu_back.wgsl?raw';
import type { BufferRange } from '../buffers.ts';
import { defineKernel, type KernelSink } from '../kernel.ts';
import type { Rows } from '../tensors.ts';
import { checkShape, groupReduction, vectors } from './common.ts';

/** Inputs of `swigluBack`: `gateUp` becomes its own gradient, given `z`, that of the activation without routing weight. */
export interface SwigluBack {
  /** [rows, 2·I] */
  readonly gateUp: Rows;
  /** [rows, I] */
  readonly z: Rows;
  /** Over expert segments: sorted rows' pairs u32, their weights f32 [T, k], and where the weights' gradients go. */
  readonly routing?: {
    readonly order: BufferRange;
    readonly weights: BufferRange;
    readonly gradWeights: BufferRange;
  };
}

export const swigluBackKernel = defineKernel({
  name: 'backward/swiglu_back',
  source: swigluBackSource,
  bindings: { z: 'read', order: 'read', weights: 'read', gateUp: 'read_write', gradWeights: 'read_write' },
  params: {
    vectors: 'u32',
    inputStart: 'u32',
    inputStride: 'u32',
    zStart: 'u32',
    zStride: 'u32',
    routed: 'u32',
  },
});

export const pairSumKernel = defineKernel({
  name: 'backward/pair_sum',
  source: pairSumSource,
  bindings: { y: 'read', out: 'read_write' },
  params: {
    rows: 'u32',
    vectors: 'u32',
    perToken: 'u32',
    yStart: 'u32',
    yStride: 'u32',
    outStart: 'u32',
    outStride: 'u32',
  },
});

export const routeBackKernel = defineKernel({
  name: 'backward/route_back',
  source: routeBackSource,
  bindings: {
    logits: 'read',
    indices: 'read',
    weights: 'read',
    gradWeights: 'read',
    balance: 'read',
    grad: 'read_write',
  },
  params: {
    experts: 'u32',
    perToken: 'u32',
    logitStart: 'u32',
    logitStride: 'u32',
    gradStart: 'u32',
    gradStride: 'u32',
    renormalized: 'u32',
    balances: 'u32',
  },
});

export const routerStatisticsKernel = defineKernel({
  name: 'backward/router_statistics',
  source: statisticsSource,
  bindings: { logits: 'read', indices: 'read', parts: 'read_write' },
  params: {
    tokens: 'u32',
    experts: 'u32',
    perToken: 'u32',
    logitStart: 'u32',
    logitStride: 'u32',
  },
});

export const routerTotalsKernel = defineKernel({
  name: 'backward/router_totals',
  source: totalsSource,
  bindings: { parts: 'read', totals: 'read_write', load: 'read_write' },
  params: { blocks: 'u32', experts: 'u32', layer: 'u32' },
});

export const balanceLossKernel = defineKernel({
  name: 'backward/balance_loss',
  source: balanceSource,
  bindings: { totals: 'read', balance: 'read_write', statistics: 'read_write' },
  params: { layers: 'u32', experts: 'u32', tokens: 'u32', factor: 'f32' },
});

/** Back through the gated activation, see `SwigluBack`. */
export function swigluBack(sink: KernelSink, { gateUp, z, routing }: SwigluBack): void {
  const { engine } = sink;
  checkShape('swigluBack input', gateUp, z.rows, 2 * z.cols);
  assert(z.cols % 4 === 0, `swiglu width ${z.cols} is not a multiple of 4`);
  sink.dispatch({
    kernel: swigluBackKernel,
    variant: groupReduction(engine),
    buffers: {
      z: z.range,
      order: routing?.order ?? engine.nullRange,
      weights: routing?.weights ?? engine.nullRange,
      gateUp: gateUp.range,
      gradWeights: routing?.gradWeights ?? engine.nullOutput,
    },
    params: {
      vectors: z.cols / 4,
      inputStart: vectors(gateUp).start,
      inputStride: vectors(gateUp).stride,
      zStart: vectors(z).start,
      zStride: vectors(z).stride,
      routed: routing ? 1 : 0,
    },
    workgroups: z.rows,
    cost: { flops: 24 * z.rows * z.cols, bytes: 20 * z.rows * z.cols },
  });
}

/** out[t] = Σ_j y[t·k + j]; y is [T·k, C], out [T, C]. */
export function pairSum(sink: KernelSink, y: Rows, perToken: number, out: Rows): void {
  checkShape('pairSum y', y, out.rows * perToken, out.cols);
  const rowVectors = Math.ceil(out.cols / 4);
  sink.dispatch({
    kernel: pairSumKernel,
    variant: {},
    buffers: { y: y.range, out: out.range },
    params: {
      rows: out.rows,
      vectors: rowVectors,
      perToken,
      yStart: vectors(y).start,
      yStride: vectors(y).stride,
      outStart: vectors(out).start,
      outStride: vectors(out).stride,
    },
    workgroups: Math.ceil((out.rows * rowVectors) / 64),
    cost: { flops: y.rows * out.cols, bytes: 4 * (y.rows + out.rows) * out.cols },
  });
}

/** Inputs of `routeBack`: gradient of the router's logits [T, E] from that of the routing weights. */
export interface RouteBack {
  readonly logits: Rows;
  readonly perToken: number;
  readonly normalize: boolean;
  /** [T, k] each */
  readonly indices: BufferRange;
  readonly weights: BufferRange;
  readonly gradWeights: BufferRange;
  /** f32 [E]: derivative of the load-balancing loss by a probability; null leaves it out. */
  readonly balance: BufferRange | null;
  readonly grad: Rows;
}

/** Back through the router's softmax and choice, see `RouteBack`. */
export function routeBack(sink: KernelSink, input: RouteBack): void {
  const { engine } = sink;
  const { logits, grad, perToken } = input;
  const experts = logits.cols;
  checkShape('routeBack grad', grad, logits.rows, experts);
  sink.dispatch({
    kernel: routeBackKernel,
    variant: groupReduction(engine),
    buffers: {
      logits: logits.range,
      indices: input.indices,
      weights: input.weights,
      gradWeights: input.gradWeights,
      balance: input.balance ?? engine.nullRange,
      grad: grad.range,
    },
    params: {
      experts,
      perToken,
      logitStart: logits.start,
      logitStride: logits.stride,
      gradStart: grad.start,
      gradStride: grad.stride,
      renormalized: input.normalize ? 1 : 0,
      balances: input.balance ? 1 : 0,
    },
    workgroups: logits.rows,
    cost: { flops: logits.rows * experts * (8 + perToken), bytes: 8 * logits.rows * experts },
  });
}

/** f32 numbers that `routerStatistics` keeps of one layer. */
export function routerTotalsWidth(experts: number): number {
  return 2 * experts + 4;
}

/** Sums one layer's routing over the tokens of a pass into `totals` and `load`. */
export function routerStatistics(
  sink: KernelSink,
  input: {
    readonly logits: Rows;
    readonly indices: BufferRange;
    readonly perToken: number;
    readonly layer: number;
    /** f32 [layers, 2·E + 4], replaced for this layer. */
    readonly totals: BufferRange;
    /** f32 [layers, E], grows. */
    readonly load: BufferRange;
  },
): void {
  const { logits, indices, perToken } = input;
  const experts = logits.cols;
  const blocks = Math.ceil(logits.rows / 64);
  const parts = sink.scratch('router statistics', blocks * routerTotalsWidth(experts) * 4);
  sink.dispatch({
    kernel: routerStatisticsKernel,
    variant: {},
    buffers: { logits: logits.range, indices, parts },
    params: {
      tokens: logits.rows,
      experts,
      perToken,
      logitStart: logits.start,
      logitStride: logits.stride,
    },
    workgroups: blocks,
    cost: { flops: logits.rows * experts * (8 + perToken), bytes: 12 * logits.rows * experts },
  });
  sink.dispatch({
    kernel: routerTotalsKernel,
    variant: {},
    buffers: { parts, totals: input.totals, load: input.load },
    params: { blocks, experts, layer: input.layer },
    workgroups: 1,
    cost: { flops: 2 * blocks * experts, bytes: 8 * blocks * experts },
  });
}

/** The load-balancing loss of a pass from all layers' totals, see balance_loss.wgsl. */
export function balanceLoss(
  sink: KernelSink,
  input: {
    readonly totals: BufferRange;
    readonly layers: number;
    readonly experts: number;
    readonly tokens: number;
    /** Coefficient of the loss, divided by the rows of the step. */
    readonly factor: number;
    /** f32 [E] */
    readonly balance: BufferRange;
    readonly statistics: BufferRange;
  },
): void {
  const { layers, experts, tokens, factor } = input;
  sink.dispatch({
    kernel: balanceLossKernel,
    variant: {},
    buffers: { totals: input.totals, balance: input.balance, statistics: input.statistics },
    params: { layers, experts, tokens, factor },
    workgroups: 1,
    cost: { flops: layers * experts * 4, bytes: layers * experts * 8 },
  });
}
