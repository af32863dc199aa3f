import { assert } from '../../core/assert.ts';
import lanesSource from '../../../shaders/forward/matmul_lanes.wgsl?raw';
import registerSource from '../../../shaders/forward/matmul_register.wgsl?raw';
import sharedSource from '../../../shaders/forward/matmul_shared.wgsl?raw';
import vecLanesSource from '../../../shaders/forward/matvec_lanes.wgsl?raw';
import vecThreadSource from '../../../shaders/forward/matvec_thread.wgsl?raw';
import type { BufferRange } from '../buffers.ts';
import type { EngineDevice } from '../device.ts';
import { defineKernel, type Kernel, type KernelSink, type KernelVariant } from '../kernel.ts';
import { asRows, paddedCols, rowsBytes, type Rows, type Weight } from '../tensors.ts';
import { checkShape, reduceModule, sureLanes, vectors, weightModule } from './common.ts';
import { swiglu } from './swiglu.ts';

/**
 * Inputs of `matmul`: out[T, N] = x[T, K] · weight[N, K]ᵀ (+ bias[N]) (+ residual[T, N]). Any weight type; up to 8
 * rows run as matrix-vector products. `residual` may not be `out` itself.
 */
export interface Matmul {
  readonly x: Rows;
  readonly weight: Weight;
  readonly out: Rows;
  /** f32 [N] */
  readonly bias?: BufferRange | null;
  readonly residual?: Rows | null;
  /** Products may be taken in f16 where that was measured to be faster: weights are no f32, x is of moderate size. */
  readonly allowHalf?: boolean;
}

/** Inputs of `gatedMatmul`: out[T, I] = silu(x · gateᵀ) · (x · upᵀ), the gate rows first in `weight` [2·I, C]. */
export interface GatedMatmul {
  readonly x: Rows;
  readonly weight: Weight;
  readonly out: Rows;
  readonly allowHalf?: boolean;
}

const bindings = {
  x: 'read',
  weight: 'read',
  scales: 'read',
  bias: 'read',
  residual: 'read',
  y: 'read_write',
} as const;
const params = {
  rows: 'u32',
  cols: 'u32',
  kVectors: 'u32',
  weightVectors: 'u32',
  rowTiles: 'u32',
  firstVector: 'u32',
  xStart: 'u32',
  xStride: 'u32',
  yStart: 'u32',
  yStride: 'u32',
  residualStart: 'u32',
  residualStride: 'u32',
  hasBias: 'u32',
  hasResidual: 'u32',
} as const;

type MatmulKernel = Kernel<keyof typeof bindings, keyof typeof params>;

const define = (name: string, source: string): MatmulKernel =>
  defineKernel({
    name: `forward/${name}`,
    source,
    bindings,
    params,
    modules: { problem: 'matmul_dense.wgsl' },
  });

/** All kernels of the matrix product; they share bindings and params. */
export const matmulKernels = {
  register: define('matmul_register', registerSource),
  lanes: define('matmul_lanes', lanesSource),
  shared: define('matmul_shared', sharedSource),
  vecThread: define('matvec_thread', vecThreadSource),
  vecLanes: define('matvec_lanes', vecLanesSource),
} as const;

/** Names of the algorithms in `matmulKernels`, which other problems (experts) run too. */
export type MatmulAlgorithm = keyof typeof matmulKernels;

/** An algorithm with its variant and the part of the output that a workgroup covers. */
export interface MatmulPlan {
  readonly algorithm: MatmulAlgorithm;
  readonly variant: KernelVariant;
  readonly tileRows: number;
  readonly tileCols: number;
}

/** How to multiply `rows` rows at once on this device by a matrix-vector kernel. */
export function planMatvec(engine: EngineDevice, rows: number): MatmulPlan {
  if (engine.choices.matvec === 'thread') {
    const threads = engine.choices.flatThreads;
    return {
      algorithm: 'vecThread',
      variant: { overrides: { WORKGROUP_SIZE: threads } },
      tileRows: 1,
      tileCols: threads * 4,
    };
  }
  const blockRows = rows === 1 ? 1 : rows === 2 ? 2 : rows <= 4 ? 4 : 8;
  return {
    algorithm: 'vecLanes',
    variant: {
      overrides: { WORKGROUP_SIZE: 64 },
      constants: { ROWS: blockRows },
      modules: { reduce: reduceModule(engine) },
    },
    tileRows: blockRows,
    tileCols: 4,
  };
}

/**
 * Threads of a workgroup for so many columns, four to a thread: idle threads cost as much as busy ones. `fewest`: lanes
 * that must be running, since others broadcast from them.
 */
export function threadsFor(engine: EngineDevice, fewest: number, cols: number): number {
  const usual = Math.max(engine.choices.flatThreads, 16);
  return Math.max(fewest, Math.min(usual, 2 ** Math.ceil(Math.log2(Math.ceil(cols / 4)))));
}

/** Columns that a thread of `matmul_lanes` has by itself where many are wanted: fewer loads for more registers. */
const wideCols = 8;

/**
 * How to multiply blocks of about `rows` rows by as many weight rows as `cols` at least on this device; `half`: products
 * may be taken in f16.
 */
export function planTiles(engine: EngineDevice, rows: number, cols: number, half = false): MatmulPlan {
  const { choices } = engine;
  const lanes = sureLanes(engine);
  // Half-empty tiles of 64 rows lose to smaller ones.
  if (choices.matmul === 'shared' && (rows >= 40 || lanes === 0)) {
    const tile = half && choices.sharedTiles === 'f16' ? 'tile_f16.wgsl' : 'tile_f32.wgsl';
    return { algorithm: 'shared', variant: { modules: { tile } }, tileRows: 64, tileCols: 64 };
  }
  if (choices.matmul !== 'register' && lanes > 0) {
    const threads = threadsFor(engine, lanes, cols);
    // A load costs SwiftShader as much as ten products, and registers nothing. Other adapters have no registers to spare.
    const threadCols = engine.facts.software && lanes === 4 && cols >= threads * wideCols ? wideCols : 4;
    return {
      algorithm: 'lanes',
      variant: {
        overrides: { WORKGROUP_SIZE: threads },
        constants: { COLS: threadCols },
        modules: { rows: `rows_lanes${lanes}.wgsl` },
      },
      tileRows: 16,
      tileCols: threads * threadCols,
    };
  }
  return { algorithm: 'register', variant: {}, tileRows: 32, tileCols: 32 };
}

function planMatmul(engine: EngineDevice, rows: number, cols: number, half: boolean): MatmulPlan {
  const few = engine.choices.matvec === 'thread' ? 2 : 8;
  return rows <= few ? planMatvec(engine, rows) : planTiles(engine, rows, cols, half);
}

/** The matrix product, see `Matmul`; one dispatch per part of the weight. */
export function matmul(
  sink: KernelSink,
  { x, weight, out, bias, residual, allowHalf = false }: Matmul,
): void {
  const { engine } = sink;
  checkShape('matmul x', x, x.rows, weight.cols);
  checkShape('matmul out', out, x.rows, weight.rows);
  if (residual) checkShape('matmul residual', residual, x.rows, weight.rows);
  if (x.rows === 0) return;
  const plan = planMatmul(engine, x.rows, weight.rows, allowHalf && weight.type !== 'f32');
  const rowTiles = Math.ceil(x.rows / plan.tileRows);
  for (const part of weight.parts) {
    assert(part.firstRow % 4 === 0, `${weight.label} is split at row ${part.firstRow}`);
    sink.dispatch({
      kernel: matmulKernels[plan.algorithm],
      variant: {
        ...plan.variant,
        modules: { ...plan.variant.modules, weights: weightModule(weight.type) },
      },
      buffers: {
        x: x.range,
        weight: part.data,
        scales: part.scales ?? engine.nullRange,
        bias: bias ?? engine.nullRange,
        residual: residual?.range ?? engine.nullRange,
        y: out.range,
      },
      params: {
        rows: x.rows,
        cols: part.rows,
        kVectors: Math.ceil(x.cols / 4),
        weightVectors: paddedCols(weight.type, weight.cols) / 4,
        rowTiles,
        firstVector: part.firstRow / 4,
        xStart: vectors(x).start,
        xStride: vectors(x).stride,
        yStart: vectors(out).start,
        yStride: vectors(out).stride,
        residualStart: residual ? vectors(residual).start : 0,
        residualStride: residual ? vectors(residual).stride : 0,
        hasBias: bias ? 1 : 0,
        hasResidual: residual ? 1 : 0,
      },
      workgroups: rowTiles * Math.ceil(part.rows / plan.tileCols),
      cost: {
        flops: 2 * x.rows * part.rows * x.cols,
        bytes: part.data.size + 4 * x.rows * (x.cols + part.rows),
      },
    });
  }
}

/** The gated half of an MLP, see `GatedMatmul`; the products before the activation stay in scratch memory. */
export function gatedMatmul(sink: KernelSink, { x, weight, out, allowHalf = false }: GatedMatmul): void {
  const products = asRows(sink.scratch('gatedMatmul', rowsBytes(x.rows, weight.rows)), x.rows, weight.rows);
  matmul(sink, { x, weight, out: products, allowHalf });
  swiglu(sink, { gateUp: products, out });
}
