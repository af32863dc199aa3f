import { roundUp, type BufferRange } from '../gpu/buffers.ts';
import type { KernelSink } from '../gpu/kernel.ts';
import { dropout } from '../gpu/kernels/dropout.ts';
import type { MatmulPlan } from '../gpu/kernels/matmul.ts';
import type { ExpertSegments } from '../gpu/kernels/moe.ts';
import type { ParameterBank } from '../gpu/kernels/optimizer.ts';
import { outerSum } from '../gpu/kernels/outerSum.ts';
import { groupedProduct, product } from '../gpu/kernels/product.ts';
import { asRows, rowsBytes, sliceCols, type Rows } from '../gpu/tensors.ts';
import { slotGradient, slotWeight, type LoraSite, type SiteModule } from './lora.ts';

/** Dropout of one pass; null where nothing is dropped. */
export interface DropoutState {
  readonly rate: number;
  /** u32, different for every step and row. */
  readonly seed: number;
}

/** A site with what its products need. */
export interface Adapted {
  readonly site: LoraSite;
  readonly banks: readonly ParameterBank[];
  readonly dropout: DropoutState | null;
  readonly layer: number;
  /** Number of the first row of this chunk, for the mask. */
  readonly firstRow: number;
}

const siteNumbers = { qkv: 0, o: 1, gateUp: 2, down: 3, router: 4 } as const;

/** Mixes numbers into a u32 seed. */
export function mixSeed(...parts: readonly number[]): number {
  let h = 0x9e3779b9;
  for (const part of parts) {
    h = Math.imul(h ^ (part >>> 0), 0x85ebca6b);
    h ^= h >>> 13;
    h = Math.imul(h, 0xc2b2ae35);
    h ^= h >>> 16;
  }
  return h >>> 0;
}

function maskSeed({ site, layer, dropout: state }: Adapted): number {
  return mixSeed(state?.seed ?? 0, layer, siteNumbers[site.kind], site.number);
}

const temporary = (sink: KernelSink, name: string, rows: number, cols: number): Rows =>
  asRows(sink.scratch(name, rowsBytes(rows, cols)), rows, cols);

/** The input of A: x itself, or x (each row `copies` times) with elements dropped. */
function dropped(sink: KernelSink, adapted: Adapted, x: Rows, copies = 1): Rows {
  const { dropout: state, firstRow } = adapted;
  if (!state) return x;
  const out = temporary(sink, 'lora dropped', x.rows * copies, x.cols);
  dropout(sink, { x, out, copies, rate: state.rate, seed: maskSeed(adapted), firstRow });
  return out;
}

const aWeight = ({ site, banks }: Adapted) =>
  slotWeight(banks, site.a, site.stacked * site.modules.length * site.paddedRank, site.inFeatures);
const bWeight = ({ site, banks }: Adapted, module: SiteModule) =>
  slotWeight(banks, module.b, site.stacked * module.outFeatures, site.paddedRank);
const uCols = ({ site }: Adapted): number => site.modules.length * site.paddedRank;

/** out[T, …] += scale · B(A x) for every module of a dense site; x [T, in]. */
export function adaptForward(sink: KernelSink, adapted: Adapted, x: Rows, out: Rows): void {
  const { site } = adapted;
  const u = temporary(sink, 'lora u', x.rows, uCols(adapted));
  product(sink, { x: dropped(sink, adapted, x), weight: aWeight(adapted), out: u });
  for (const module of site.modules) {
    product(sink, {
      x: sliceCols(u, module.uStart, site.paddedRank),
      weight: bWeight(adapted, module),
      out: sliceCols(out, module.outStart, module.outFeatures),
      scale: site.scale,
      accumulate: true,
    });
  }
}

/**
 * Gradients of a dense site's A and B, given x [T, in] and that of its output, and dx += its share, where dx is
 * wanted. `gradOut` columns past a module's own are zero.
 */
export function adaptBackward(
  sink: KernelSink,
  adapted: Adapted,
  x: Rows,
  gradOut: Rows,
  dx: Rows | null,
): void {
  const { site, banks } = adapted;
  const input = dropped(sink, adapted, x);
  const u = temporary(sink, 'lora u', x.rows, uCols(adapted));
  const du = temporary(sink, 'lora du', x.rows, uCols(adapted));
  product(sink, { x: input, weight: aWeight(adapted), out: u });
  for (const module of site.modules) {
    const own = sliceCols(gradOut, module.outStart, module.outFeatures);
    product(sink, {
      x: own,
      weight: bWeight(adapted, module),
      out: sliceCols(du, module.uStart, site.paddedRank),
      transposed: true,
      scale: site.scale,
    });
    outerSum(sink, {
      p: { ...own, cols: roundUp(own.cols, 4) },
      q: sliceCols(u, module.uStart, site.paddedRank),
      grad: slotGradient(banks, module.b),
      scale: site.scale,
    });
  }
  outerSum(sink, { p: du, q: input, grad: slotGradient(banks, site.a) });
  if (!dx) return;
  const { dropout: state, firstRow } = adapted;
  if (!state) {
    product(sink, { x: du, weight: aWeight(adapted), out: dx, transposed: true, accumulate: true });
    return;
  }
  // The mask's input is no longer needed: its memory takes the gradient behind the mask.
  product(sink, { x: du, weight: aWeight(adapted), out: input, transposed: true });
  dropout(sink, {
    x: input,
    out: dx,
    rate: state.rate,
    seed: maskSeed(adapted),
    firstRow,
    accumulate: true,
  });
}

/** Rows of tokens for the experts: with dropout a row for each pair, since each expert drops for itself. */
function expertInput(
  sink: KernelSink,
  adapted: Adapted,
  chunk: ExpertChunk,
  x: Rows,
  fromTokens: boolean,
): { readonly x: Rows; readonly perToken: number } {
  const { perToken } = chunk;
  if (!adapted.dropout || !fromTokens) return { x: dropped(sink, adapted, x), perToken };
  return { x: dropped(sink, adapted, x, perToken), perToken: 1 };
}

/** The segments that a chunk's pairs are sorted into, and how its products run. */
export interface ExpertChunk {
  readonly segments: ExpertSegments;
  readonly plan: MatmulPlan;
  readonly perToken: number;
}

const grouped = ({ site }: Adapted, chunk: ExpertChunk) => ({
  segments: chunk.segments,
  plan: chunk.plan,
  perToken: chunk.perToken,
  shared: site.stacked === 1,
});

/**
 * out[pair] += scale · B_e(A_e x) for every module of an expert site. `fromTokens`: x is [T, in], else in sorted
 * order; `toPairs`: out is by pair, else in sorted order.
 */
export function adaptExpertsForward(
  sink: KernelSink,
  adapted: Adapted,
  chunk: ExpertChunk,
  x: Rows,
  out: Rows,
  { fromTokens, toPairs }: { readonly fromTokens: boolean; readonly toPairs: boolean },
): void {
  const { site } = adapted;
  const experts = site.stacked;
  const common = grouped(adapted, chunk);
  const u = temporary(sink, 'lora u', chunk.segments.pairs, uCols(adapted));
  groupedProduct(sink, {
    ...common,
    ...expertInput(sink, adapted, chunk, x, fromTokens),
    weight: { weight: aWeight(adapted), experts },
    out: u,
    fromTokens,
  });
  for (const module of site.modules) {
    groupedProduct(sink, {
      ...common,
      x: sliceCols(u, module.uStart, site.paddedRank),
      weight: { weight: bWeight(adapted, module), experts },
      out: sliceCols(out, module.outStart, module.outFeatures),
      fromTokens: false,
      toPairs,
      scale: site.scale,
      accumulate: true,
    });
  }
}

/**
 * Gradients of an expert site's A and B. x and the gradient of the output are rows of tokens or sorted rows as said;
 * `weights` multiplies each pair's share (the routing weight, where gradOut has not been multiplied by it). Also
 * dx += A_eᵀ du for every pair, in sorted order or (`toPairs`) by pair.
 */
export function adaptExpertsBackward(
  sink: KernelSink,
  adapted: Adapted,
  chunk: ExpertChunk,
  x: Rows,
  gradOut: Rows,
  dx: Rows,
  options: {
    readonly xTokens: boolean;
    readonly gradTokens: boolean;
    readonly toPairs: boolean;
    readonly weights: BufferRange | null;
  },
): void {
  const { site, banks } = adapted;
  const { xTokens, gradTokens, toPairs, weights } = options;
  const experts = site.stacked;
  const common = grouped(adapted, chunk);
  const { pairs } = chunk.segments;
  const input = expertInput(sink, adapted, chunk, x, xTokens);
  const u = temporary(sink, 'lora u', pairs, uCols(adapted));
  const du = temporary(sink, 'lora du', pairs, uCols(adapted));
  const sums = { segments: chunk.segments, perToken: chunk.perToken, shared: common.shared, weights };
  groupedProduct(sink, {
    ...common,
    ...input,
    weight: { weight: aWeight(adapted), experts },
    out: u,
    fromTokens: xTokens,
  });
  for (const module of site.modules) {
    const own = sliceCols(gradOut, module.outStart, module.outFeatures);
    groupedProduct(sink, {
      ...common,
      x: own,
      weight: { weight: bWeight(adapted, module), experts },
      out: sliceCols(du, module.uStart, site.paddedRank),
      transposed: true,
      fromTokens: gradTokens,
      scale: site.scale,
    });
    outerSum(sink, {
      p: own,
      q: sliceCols(u, module.uStart, site.paddedRank),
      grad: slotGradient(banks, module.b),
      scale: site.scale,
      experts: { ...sums, pTokens: gradTokens, qTokens: false },
    });
  }
  outerSum(sink, {
    p: du,
    q: input.x,
    grad: slotGradient(banks, site.a),
    experts: { ...sums, perToken: input.perToken, pTokens: false, qTokens: xTokens },
  });
  const back = {
    ...common,
    x: du,
    weight: { weight: aWeight(adapted), experts },
    transposed: true,
    fromTokens: false,
    toPairs,
  };
  const { dropout: state, firstRow } = adapted;
  if (!state) {
    groupedProduct(sink, { ...back, out: dx, accumulate: true });
    return;
  }
  const unmasked = temporary(sink, 'lora unmasked', pairs, x.cols);
  groupedProduct(sink, { ...back, out: unmasked });
  dropout(sink, {
    x: unmasked,
    out: dx,
    rate: state.rate,
    seed: maskSeed(adapted),
    firstRow,
    accumulate: true,
  });
}
