import { assert } from '../../core/assert.ts';
import type { EngineDevice } from '../device.ts';
import type { KernelVariant } from '../kernel.ts';
import type { Rows, WeightType } from '../tensors.ts';

/** The file of shaders/common that reads a weight type. */
export function weightModule(type: WeightType): string {
  return `weights_${type}.wgsl`;
}

/** The reduction that this device runs. */
export function reduceModule(engine: EngineDevice): string {
  return engine.features.subgroups && engine.choices.subgroups
    ? 'reduce_subgroup.wgsl'
    : 'reduce_shared.wgsl';
}

/** Threads of a workgroup whose threads have a row each. */
const aloneThreads = 16;

/** A workgroup reduces a row: of kernels that know no other way. */
export function groupReduction(engine: EngineDevice): KernelVariant {
  const { rowThreads } = engine.choices;
  return {
    overrides: { WORKGROUP_SIZE: rowThreads === 1 ? aloneThreads : rowThreads },
    modules: { reduce: reduceModule(engine) },
  };
}

/** How kernels that reduce `rows` rows share them out: a workgroup a row, or a thread where `rowThreads` is 1. */
export function rowReduction(
  engine: EngineDevice,
  rows: number,
): { readonly variant: KernelVariant; readonly workgroups: number } {
  return engine.choices.rowThreads === 1
    ? {
        variant: { overrides: { WORKGROUP_SIZE: aloneThreads }, modules: { reduce: 'reduce_alone.wgsl' } },
        workgroups: Math.ceil(rows / aloneThreads),
      }
    : { variant: groupReduction(engine), workgroups: rows };
}

/**
 * Threads that share a head of `headDim`, at least 8 elements each: a power of two, so that no head lies across
 * workgroups.
 */
export function headLanes(engine: EngineDevice, headDim: number): number {
  return 2 ** Math.floor(Math.log2(Math.min(headDim / 8, engine.choices.headThreads)));
}

/**
 * Lanes that every subgroup is sure to have and that kernels built on broadcasts come in: 16, 8 or 4; 0 when
 * subgroups are off, unknown or smaller.
 */
export function sureLanes(engine: EngineDevice): 0 | 4 | 8 | 16 {
  if (!engine.features.subgroups || !engine.choices.subgroups) return 0;
  const lanes = engine.facts.subgroupMinSize;
  return lanes >= 16 ? 16 : lanes >= 8 ? 8 : lanes >= 4 ? 4 : 0;
}

/** Start and stride of a matrix in vec4, as kernels count. */
export function vectors(x: Rows): { start: number; stride: number } {
  return { start: x.start / 4, stride: x.stride / 4 };
}

/** Checks the shape of a matrix that a caller passed. */
export function checkShape(what: string, x: Rows, rows: number, cols: number): void {
  assert(
    x.rows === rows && x.cols === cols,
    `${what} is [${x.rows}, ${x.cols}], expected [${rows}, ${cols}]`,
  );
  assert(x.start % 4 === 0 && x.stride % 4 === 0, `${what} is not aligned to 4 elements`);
}
