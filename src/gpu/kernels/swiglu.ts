import { assert } from '../../core/assert.ts';
import source from '../../../shaders/forward/swiglu.wgsl?raw';
import { defineKernel, type KernelSink } from '../kernel.ts';
import type { Rows } from '../tensors.ts';
import { checkShape, vectors } from './common.ts';

/** Inputs of `swiglu`: out[T, I] = silu(gateUp[:, 0…I-1]) · gateUp[:, I…2·I-1]. I is a multiple of 4. */
export interface Swiglu {
  /** [T, 2·I] */
  readonly gateUp: Rows;
  /** [T, I] */
  readonly out: Rows;
}

export const swigluKernel = defineKernel({
  name: 'forward/swiglu',
  source,
  bindings: { gateUp: 'read', out: 'read_write' },
  params: {
    rows: 'u32',
    vectors: 'u32',
    inputStart: 'u32',
    inputStride: 'u32',
    outStart: 'u32',
    outStride: 'u32',
  },
});

/** The gated activation, see `Swiglu`. */
export function swiglu(sink: KernelSink, { gateUp, out }: Swiglu): void {
  const { rows, cols } = out;
  assert(cols % 4 === 0, `swiglu width ${cols} is not a multiple of 4`);
  checkShape('swiglu input', gateUp, rows, 2 * cols);
  sink.dispatch({
    kernel: swigluKernel,
    variant: {},
    buffers: { gateUp: gateUp.range, out: out.range },
    params: {
      rows,
      vectors: cols / 4,
      inputStart: vectors(gateUp).start,
      inputStride: vectors(gateUp).stride,
      outStart: vectors(out).start,
      outStride: vectors(out).stride,
    },
    workgroups: Math.ceil((rows * cols) / 4 / 64),
    cost: { flops: 12 * rows * cols, bytes: 12 * rows * cols },
  });
}
