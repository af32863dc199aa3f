import entropySource from '../../../shaders/mechanism/router_entropy.wgsl?raw';
import pairsSource from '../../../shaders/mechanism/routing_pairs.wgsl?raw';
import statisticsSource from '../../../shaders/mechanism/routing_statistics.wgsl?raw';
import sumSource from '../../../shaders/mechanism/routing_sum.wgsl?raw';
import type { BufferRange } from '../buffers.ts';
import { defineKernel, type KernelSink } from '../kernel.ts';
import type { Rows } from '../tensors.ts';

/** Classes of tokens that are counted apart: 0 … 6 from `classes`, 7 the query tokens. */
export const routingClasses = 8;
export const queryClass = 7;
/** Bit of a token's class that says it is a query token. */
export const queryBit = 8;

/** Inputs of `routingStatistics`: what the router of one layer chose in one pass. */
export interface RoutingStatistics {
  readonly tokens: number;
  readonly experts: number;
  readonly perToken: number;
  /** u32 and f32 [T, k], by falling gate. */
  readonly indices: BufferRange;
  readonly weights: BufferRange;
  /** [T, E] */
  readonly logits: Rows;
  /** u32 [T] */
  readonly classes: BufferRange;
  /** f32 [8, E, 2], added to: times chosen and Σ gate. */
  readonly sums: BufferRange;
  /** f32 [1], added to: Σ entropy over the query tokens. */
  readonly entropy: BufferRange;
  /** u32 [2, E, E], added to: experts chosen together, all pairs and neighbours; null for none. */
  readonly pairs: BufferRange | null;
  /** Whether any token of the pass is a query. */
  readonly hasQueries: boolean;
}

const shape = { tokens: 'u32', experts: 'u32', perToken: 'u32' } as const;

export const routingStatisticsKernel = defineKernel({
  name: 'mechanism/routing_statistics',
  source: statisticsSource,
  bindings: { indices: 'read', weights: 'read', classes: 'read', partial: 'read_write' },
  params: shape,
});

export const routingSumKernel = defineKernel({
  name: 'mechanism/routing_sum',
  source: sumSource,
  bindings: { partial: 'read', sums: 'read_write' },
  params: { cells: 'u32', blocks: 'u32' },
});

export const routerEntropyKernel = defineKernel({
  name: 'mechanism/router_entropy',
  source: entropySource,
  bindings: { logits: 'read', classes: 'read', sums: 'read_write' },
  params: { tokens: 'u32', experts: 'u32', logitStart: 'u32', logitStride: 'u32' },
});

export const routingPairsKernel = defineKernel({
  name: 'mechanism/routing_pairs',
  source: pairsSource,
  bindings: { indices: 'read', classes: 'read', pairs: 'read_write' },
  params: shape,
});

/** Counts one layer's choices of one pass, see `RoutingStatistics`. */
export function routingStatistics(sink: KernelSink, input: RoutingStatistics): void {
  const { tokens, experts, perToken, indices, weights, logits, classes, sums, entropy, pairs } = input;
  const blocks = Math.ceil(tokens / 64);
  const cells = routingClasses * experts;
  const partial = sink.scratch('routing counts', blocks * cells * 8);
  sink.dispatch({
    kernel: routingStatisticsKernel,
    variant: {},
    buffers: { indices, weights, classes, partial },
    params: { tokens, experts, perToken },
    workgroups: blocks * Math.ceil(experts / 32),
    cost: { flops: tokens * perToken * experts, bytes: 8 * tokens * perToken + 8 * blocks * cells },
  });
  sink.dispatch({
    kernel: routingSumKernel,
    variant: {},
    buffers: { partial, sums },
    params: { cells, blocks },
    workgroups: Math.ceil(cells / 32),
    cost: { flops: 2 * blocks * cells, bytes: 8 * (blocks + 2) * cells },
  });
  if (!input.hasQueries) return;
  sink.dispatch({
    kernel: routerEntropyKernel,
    variant: {},
    buffers: { logits: logits.range, classes, sums: entropy },
    params: { tokens, experts, logitStart: logits.start, logitStride: logits.stride },
    workgroups: 1,
    cost: { flops: 8 * tokens * experts, bytes: 4 * tokens * experts },
  });
  if (!pairs) return;
  sink.dispatch({
    kernel: routingPairsKernel,
    variant: {},
    buffers: { indices, classes, pairs },
    params: { tokens, experts, perToken },
    workgroups: Math.ceil(tokens / 32),
    cost: { flops: 4 * tokens * perToken ** 2, bytes: 4 * tokens * (perToken + 2 * perToken ** 2) },
  });
}
