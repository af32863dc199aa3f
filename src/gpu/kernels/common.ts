import { assert } from '../../core/assert.ts';
import type { EngineDevice } from '../device.ts';
import type { Rows, Weight, WeightType } from '../tensors.ts';

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

/** Bytes of a weight matrix that a kernel reads. */
export function weightTraffic(weight: Weight): number {
  return weight.parts.reduce((sum, part) => sum + part.data.size + (part.scales?.size ?? 0), 0);
}
