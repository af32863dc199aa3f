import { attentionInput } from '../../src/gpu/kernels/attentionInput.ts';
import { kvPageSections, type KvLayout, type KvPage, type KvType } from '../../src/gpu/tensors.ts';
import type { Harness } from './harness.ts';
import { fromHalf, toHalf, type Matrix } from './reference/numbers.ts';

/** Empty pages of these capacities, one after the other. */
export function makePages(h: Harness, layout: KvLayout, capacities: readonly number[]): KvPage[] {
  let firstToken = 0;
  return capacities.map((capacity) => {
    const page = { range: h.empty('page', kvPageSections(layout, capacity).sizeBytes), firstToken, capacity };
    firstToken += capacity;
    return page;
  });
}

/** Fills a cache through the kernel that the model uses: no norm, no rotation, so K and V are the given ones. */
export function fill(
  h: Harness,
  layout: KvLayout,
  pages: KvPage[],
  heads: number,
  k: Matrix,
  v: Matrix,
): void {
  const { numKeyValueHeads: kvHeads, headDim } = layout;
  const width = (heads + 2 * kvHeads) * headDim;
  const data = new Float64Array(k.rows * width);
  for (let t = 0; t < k.rows; t++) {
    data.set(k.data.subarray(t * k.cols, (t + 1) * k.cols), t * width + heads * headDim);
    data.set(v.data.subarray(t * v.cols, (t + 1) * v.cols), t * width + (heads + kvHeads) * headDim);
  }
  attentionInput(h.recorder, {
    qkv: h.rows({ rows: k.rows, cols: width, data }),
    numHeads: heads,
    kv: layout,
    qNorm: null,
    kNorm: null,
    eps: 1e-6,
    rope: null,
    positions: h.uints(new Uint32Array(k.rows)),
    pages,
    firstToken: 0,
    q: h.emptyRows(k.rows, heads * headDim),
  });
}

/** The values that a cache type keeps of K or V: halves, or bytes with one scale per (token, kv head). */
export function kept(type: KvType, source: Matrix, headDim: number): Matrix {
  const data = source.data.slice();
  if (type === 'f16') data.forEach((value, i) => (data[i] = fromHalf(toHalf(value))));
  if (type === 'int8') {
    for (let at = 0; at < data.length; at += headDim) {
      const peak = data.subarray(at, at + headDim).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      const inverse = Math.fround(127 / peak);
      for (let d = at; d < at + headDim; d++) {
        data[d] = Math.round(Math.fround(data[d]! * inverse)) * Math.fround(peak / 127);
      }
    }
  }
  return { ...source, data };
}
