import { assert } from '../core/assert.ts';
import type { BufferRange } from './buffers.ts';
import type { EngineDevice } from './device.ts';
import { assembleWgsl, type WgslChoices } from './wgsl.ts';

type ParamType = 'u32' | 'i32' | 'f32';
type BindingAccess = 'read' | 'read_write';

/**
 * One WGSL file and what it expects: storage buffers in group 0 in this order, one uniform `Params` struct of
 * 4-byte scalars in group 1. The struct starts with `workgroupBase` and `workgroupCount`, which the recorder
 * fills in: it may run the workgroups 0 … count-1 as several dispatches and folds them into two dimensions;
 * the kernel takes its linear index from shaders/common/dispatch.wgsl.
 */
export interface Kernel<B extends string = string, P extends string = string> {
  /** The file's name under shaders/ without extension, e.g. `forward/rms_norm`. */
  readonly name: string;
  readonly source: string;
  readonly bindings: Readonly<Record<B, BindingAccess>>;
  readonly params: Readonly<Record<P, ParamType>>;
  /** Files for `#include <name>` that belong to the kernel itself: one algorithm serving several problems. */
  readonly modules?: Readonly<Record<string, string>>;
}

/** Declares a kernel; checks the limits that hold on every device. */
export function defineKernel<B extends string, P extends string>(kernel: Kernel<B, P>): Kernel<B, P> {
  assert(Object.keys(kernel.bindings).length <= 8, `${kernel.name} binds more than 8 storage buffers`);
  assert(Object.keys(kernel.params).length <= 62, `${kernel.name} has more than 62 params`);
  return kernel;
}

/** What makes one pipeline out of a kernel. Only what changes the code belongs here: each variant is compiled. */
export interface KernelVariant extends WgslChoices {
  readonly overrides?: Readonly<Record<string, number>>;
}

/** Number of workgroups decided on the GPU: three u32 at byte `offset` of `buffer` (x, y, z; x·y·z used linearly). */
interface IndirectWorkgroups {
  readonly indirect: BufferRange;
  /** Byte offset in the range of the three counts. */
  readonly indirectOffset: number;
  /** Upper bound, for the time estimate. */
  readonly atMost: number;
}

/** Work of one call, by shape: used to keep submits short and to report FLOPs and bytes. */
export interface KernelCost {
  readonly flops: number;
  readonly bytes: number;
}

/** One kernel launch as data. */
export interface KernelCall<B extends string = string, P extends string = string> {
  readonly kernel: Kernel<B, P>;
  readonly variant: KernelVariant;
  readonly buffers: Readonly<Record<B, BufferRange>>;
  readonly params: Readonly<Record<P, number>>;
  /** Linear number of workgroups, or where the GPU wrote it. */
  readonly workgroups: number | IndirectWorkgroups;
  readonly cost: KernelCost;
}

/**
 * Takes kernel calls in order. The recorder executes them; a collector only notes the pipelines they need, so
 * that all can be compiled in parallel before the first step.
 */
export interface KernelSink {
  readonly engine: EngineDevice;
  dispatch<B extends string, P extends string>(call: KernelCall<B, P>): void;
  /** Scratch memory by name, see `Scratch.take`. */
  scratch(name: string, sizeBytes: number): BufferRange;
}

/** A kernel variant's identity: equal keys give the same pipeline. */
export function variantKey(kernel: Kernel, variant: KernelVariant): string {
  const part = (record: Readonly<Record<string, string | number>> | undefined): string =>
    record
      ? Object.keys(record)
          .sort()
          .map((name) => `${name}=${record[name] ?? ''}`)
          .join(',')
      : '';
  return [
    kernel.name,
    part(kernel.modules),
    part(variant.overrides),
    part(variant.aliases),
    part(variant.constants),
    part(variant.modules),
  ].join('|');
}

/** The shader text of a variant. */
export function kernelText(kernel: Kernel, variant: KernelVariant): string {
  return assembleWgsl(kernel.source, { ...variant, modules: { ...kernel.modules, ...variant.modules } });
}
