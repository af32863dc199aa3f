import adamwSource from '../../../shaders/optim/adamw.wgsl?raw';
import normSource from '../../../shaders/optim/norm_parts.wgsl?raw';
import decisionSource from '../../../shaders/optim/step_decision.wgsl?raw';
import type { BufferRange } from '../buffers.ts';
import { defineKernel, type KernelSink } from '../kernel.ts';

/** f32 numbers of the statistics of a step: Σ loss, correct, Σ entropy, auxiliary loss, z, norm, clip factor, finite. */
export const statisticsWords = 8;

export const normPartsKernel = defineKernel({
  name: 'optim/norm_parts',
  source: normSource,
  bindings: { gradients: 'read', parts: 'read_write' },
  params: { vectors: 'u32', firstPart: 'u32' },
});

export const stepDecisionKernel = defineKernel({
  name: 'optim/step_decision',
  source: decisionSource,
  bindings: { parts: 'read', statistics: 'read_write' },
  params: { parts: 'u32', limit: 'f32' },
});

export const adamwKernel = defineKernel({
  name: 'optim/adamw',
  source: adamwSource,
  bindings: {
    gradients: 'read',
    statistics: 'read',
    values: 'read_write',
    first: 'read_write',
    second: 'read_write',
  },
  params: {
    vectors: 'u32',
    decay: 'f32',
    beta1: 'f32',
    beta2: 'f32',
    rest1: 'f32',
    rest2: 'f32',
    rate: 'f32',
    root: 'f32',
    epsilon: 'f32',
  },
});

const partNumbers = 1024;

/** Norm of all gradients, the clip factor and whether the step is finite, into `statistics`; stays on the GPU. */
export function decideStep(
  sink: KernelSink,
  gradients: readonly BufferRange[],
  maxGradNorm: number,
  statistics: BufferRange,
): void {
  const counts = gradients.map((range) => Math.ceil(range.size / 4 / partNumbers));
  const total = counts.reduce((sum, count) => sum + count, 0);
  const parts = sink.scratch('gradient norm', total * 4);
  let firstPart = 0;
  gradients.forEach((range, index) => {
    sink.dispatch({
      kernel: normPartsKernel,
      variant: {},
      buffers: { gradients: range, parts },
      params: { vectors: range.size / 16, firstPart },
      workgroups: counts[index]!,
      cost: { flops: range.size / 2, bytes: range.size },
    });
    firstPart += counts[index]!;
  });
  sink.dispatch({
    kernel: stepDecisionKernel,
    variant: {},
    buffers: { parts, statistics },
    params: { parts: total, limit: maxGradNorm },
    workgroups: 1,
    cost: { flops: total, bytes: 4 * total },
  });
}

/** Numbers, gradients and both moments of one bank of parameters, f32, of equal size. */
export interface ParameterBank {
  readonly values: BufferRange;
  readonly gradients: BufferRange;
  readonly first: BufferRange;
  readonly second: BufferRange;
}

export interface AdamwOptions {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** 1 for the first step. */
  readonly step: number;
}

/** One AdamW update of a bank as torch does it, see adamw.wgsl. */
export function adamw(
  sink: KernelSink,
  bank: ParameterBank,
  statistics: BufferRange,
  options: AdamwOptions,
): void {
  const { learningRate, beta1, beta2, epsilon, weightDecay, step } = options;
  const count = bank.values.size / 16;
  sink.dispatch({
    kernel: adamwKernel,
    variant: {},
    buffers: {
      gradients: bank.gradients,
      statistics,
      values: bank.values,
      first: bank.first,
      second: bank.second,
    },
    params: {
      vectors: count,
      decay: 1 - learningRate * weightDecay,
      beta1,
      beta2,
      rest1: 1 - beta1,
      rest2: 1 - beta2,
      rate: learningRate / (1 - beta1 ** step),
      root: 1 / Math.sqrt(1 - beta2 ** step),
      epsilon,
    },
    workgroups: Math.ceil(count / 64),
    cost: { flops: 60 * count, bytes: 112 * count },
  });
}
