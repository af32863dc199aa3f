import { assert } from '../../core/assert.ts';
import backRowsSource from '../../../shaders/backward/product_back_rows.wgsl?raw';
import backSharedSource from '../../../shaders/backward/product_back_shared.wgsl?raw';
import type { EngineDevice } from '../device.ts';
import { defineKernel, type Kernel, type KernelSink, type KernelVariant } from '../kernel.ts';
import { paddedCols, type Rows, type Weight } from '../tensors.ts';
import { checkShape, sureLanes, vectors, weightModule } from './common.ts';
import { matmulKernels, planTiles, threadsFor, type MatmulPlan } from './matmul.ts';
import { expertsPerPart, type ExpertSegments, type ExpertWeight } from './moe.ts';

/**
 * Inputs of `product`: out[T, N] (+)= scale · x[T, K] · weight[N, K]ᵀ, or with `transposed` scale · x[T, K] · weight[K, N]:
 * the same weight buffer, read along its rows. The products that training needs besides the model's own.
 */
export interface Product {
  readonly x: Rows;
  readonly weight: Weight;
  readonly out: Rows;
  readonly transposed?: boolean;
  /** Adds to what `out` holds instead of replacing it. */
  readonly accumulate?: boolean;
  readonly scale?: number;
}

/** Inputs of `groupedProduct`: `product` over expert segments, every sorted row with its own expert's matrix. */
export interface GroupedProduct extends Omit<Product, 'weight'> {
  readonly weight: ExpertWeight;
  /** One matrix for all experts: `weight` holds it once. */
  readonly shared?: boolean;
  readonly segments: ExpertSegments;
  readonly plan: MatmulPlan;
  readonly perToken: number;
  /** Rows of x are tokens, otherwise sorted rows. */
  readonly fromTokens: boolean;
  /** Rows of out are pairs (token, slot), otherwise sorted rows. */
  readonly toPairs?: boolean;
}

const denseBindings = { x: 'read', weight: 'read', scales: 'read', y: 'read_write' } as const;
const denseParams = {
  rows: 'u32',
  cols: 'u32',
  kVectors: 'u32',
  weightVectors: 'u32',
  depth: 'u32',
  rowTiles: 'u32',
  firstVector: 'u32',
  xStart: 'u32',
  xStride: 'u32',
  yStart: 'u32',
  yStride: 'u32',
  scale: 'f32',
  accumulates: 'u32',
} as const;
const groupedBindings = {
  x: 'read',
  weight: 'read',
  scales: 'read',
  order: 'read',
  tiles: 'read',
  y: 'read_write',
} as const;
const groupedParams = {
  cols: 'u32',
  kVectors: 'u32',
  weightVectors: 'u32',
  depth: 'u32',
  weightStride: 'u32',
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
  scale: 'f32',
  accumulates: 'u32',
} as const;

type DenseKernel = Kernel<keyof typeof denseBindings, keyof typeof denseParams>;
type GroupedKernel = Kernel<keyof typeof groupedBindings, keyof typeof groupedParams>;

/** Name and text of each algorithm; `rows` and `tiles` are the transposed ones. */
const algorithms = {
  register: matmulKernels.register,
  lanes: matmulKernels.lanes,
  shared: matmulKernels.shared,
  backRows: { name: 'backward/product_back_rows', source: backRowsSource },
  backShared: { name: 'backward/product_back_shared', source: backSharedSource },
} as const;
type Algorithm = keyof typeof algorithms;

const perAlgorithm = <K>(make: (algorithm: Algorithm) => K): Record<Algorithm, K> => ({
  register: make('register'),
  lanes: make('lanes'),
  shared: make('shared'),
  backRows: make('backRows'),
  backShared: make('backShared'),
});

export const productKernels: Record<Algorithm, DenseKernel> = perAlgorithm((algorithm) =>
  defineKernel({
    name: algorithms[algorithm].name,
    source: algorithms[algorithm].source,
    modules: { problem: 'product_dense.wgsl' },
    bindings: denseBindings,
    params: denseParams,
  }),
);

export const groupedProductKernels: Record<Algorithm, GroupedKernel> = perAlgorithm((algorithm) =>
  defineKernel({
    name: algorithms[algorithm].name,
    source: algorithms[algorithm].source,
    modules: { problem: 'product_grouped.wgsl' },
    bindings: groupedBindings,
    params: groupedParams,
  }),
);

interface ProductPlan {
  readonly algorithm: Algorithm;
  readonly variant: KernelVariant;
  readonly tileRows: number;
  readonly tileCols: number;
}

/** The algorithm for products with `cols` columns over tiles as `plan` has them. */
function productPlan(engine: EngineDevice, plan: MatmulPlan, transposed: boolean, cols: number): ProductPlan {
  const { algorithm } = plan;
  assert(algorithm !== 'vecThread' && algorithm !== 'vecLanes', 'products of training run in tiles');
  if (algorithm === 'shared') {
    return transposed
      ? { algorithm: 'backShared', variant: {}, tileRows: 64, tileCols: 64 }
      : { ...plan, algorithm };
  }
  if (algorithm === 'register' && !transposed) return { ...plan, algorithm };
  const threads = threadsFor(engine, algorithm === 'lanes' ? sureLanes(engine) : 4, cols);
  const rows = { tileRows: plan.tileRows, tileCols: threads * 4 };
  const modules = { rows: plan.variant.modules?.['rows'] ?? 'rows_plain.wgsl' };
  if (!transposed)
    return {
      algorithm,
      variant: {
        overrides: { WORKGROUP_SIZE: threads },
        ...(algorithm === 'lanes' ? { constants: { COLS: 4 } } : {}),
        modules,
      },
      ...rows,
    };
  return {
    algorithm: 'backRows',
    variant: {
      overrides: { WORKGROUP_SIZE: threads, TILE_ROWS: plan.tileRows },
      modules,
    },
    ...rows,
  };
}

/** A matrix product of training, see `Product`; one dispatch per part of the weight. */
export function product(sink: KernelSink, input: Product): void {
  const { x, weight, out, transposed = false, accumulate = false, scale = 1 } = input;
  checkShape('product x', x, x.rows, transposed ? weight.rows : weight.cols);
  checkShape('product out', out, x.rows, transposed ? weight.cols : weight.rows);
  if (x.rows === 0) return;
  const plan = productPlan(sink.engine, planTiles(sink.engine, x.rows, out.cols), transposed, out.cols);
  const rowTiles = Math.ceil(x.rows / plan.tileRows);
  weight.parts.forEach((part, index) => {
    assert(part.firstRow % 4 === 0, `${weight.label} is split at row ${part.firstRow}`);
    const first = part.firstRow / 4;
    const cols = transposed ? weight.cols : part.rows;
    const depth = transposed ? part.rows : weight.cols;
    sink.dispatch({
      kernel: productKernels[plan.algorithm],
      variant: {
        ...plan.variant,
        modules: { ...plan.variant.modules, weights: weightModule(weight.type) },
      },
      buffers: {
        x: x.range,
        weight: part.data,
        scales: part.scales ?? sink.engine.nullRange,
        y: out.range,
      },
      params: {
        rows: x.rows,
        cols,
        kVectors: Math.ceil(depth / 4),
        weightVectors: paddedCols(weight.type, weight.cols) / 4,
        depth,
        rowTiles,
        firstVector: transposed ? 0 : first,
        xStart: vectors(x).start + (transposed ? first : 0),
        xStride: vectors(x).stride,
        yStart: vectors(out).start,
        yStride: vectors(out).stride,
        scale,
        // Parts of the rows are parts of the sum when transposed.
        accumulates: accumulate || (transposed && index > 0) ? 1 : 0,
      },
      workgroups: rowTiles * Math.ceil(cols / plan.tileCols),
      cost: {
        flops: 2 * x.rows * part.rows * weight.cols,
        bytes: part.data.size + 4 * x.rows * (part.rows + weight.cols),
      },
    });
  });
}

/** A product over expert segments, see `GroupedProduct`. */
export function groupedProduct(sink: KernelSink, input: GroupedProduct): void {
  const { x, out, segments, transposed = false, accumulate = false, scale = 1, shared = false } = input;
  const { weight } = input.weight;
  const { experts } = segments;
  const perExpert = shared ? weight.rows : weight.rows / experts;
  const perPart = shared ? experts : expertsPerPart(input.weight);
  const cols = transposed ? weight.cols : perExpert;
  const depth = transposed ? perExpert : weight.cols;
  checkShape('groupedProduct x', x, x.rows, depth);
  checkShape('groupedProduct out', out, segments.pairs, cols);
  const plan = productPlan(sink.engine, input.plan, transposed, cols);
  const colTiles = Math.ceil(cols / plan.tileCols);
  weight.parts.forEach((part, index) => {
    sink.dispatch({
      kernel: groupedProductKernels[plan.algorithm],
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
        kVectors: Math.ceil(depth / 4),
        weightVectors: paddedCols(weight.type, weight.cols) / 4,
        depth,
        weightStride: shared ? 0 : perExpert,
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
        scale,
        accumulates: accumulate ? 1 : 0,
      },
      workgroups: segments.maxTiles * colTiles,
      cost: {
        flops: (2 * segments.pairs * cols * depth) / weight.parts.length,
        bytes: part.data.size,
      },
    });
  });
}
