import { UMAP } from 'umap-js';
import { throwIfCancelled } from '../core/errors.ts';
import { Rng } from '../core/rng.ts';

/** How long work goes on before it lets others run. */
const sliceMs = 40;

/** Called now and then by long work: reports how far it is, and lets a cancellation in. */
export interface LongWork {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Lets the worker hear messages once enough time has passed. */
function breather(work: LongWork, what: string): (done: number, total: number) => Promise<void> {
  let last = performance.now();
  return async (done, total) => {
    if (performance.now() - last < sliceMs && done < total) return;
    work.onProgress?.(done, total);
    await new Promise((resolve) => setTimeout(resolve));
    throwIfCancelled(work.signal, what);
    last = performance.now();
  };
}

/** Points as rows of unit length. */
export interface Vectors {
  /** [n, dim] */
  readonly data: Float32Array;
  readonly count: number;
  readonly dim: number;
}

/** Rows less their mean, then each of length 1, so that a dot product is a cosine; rows without direction stay 0. */
export function unitVectors(data: Float32Array, dim: number): Vectors {
  const count = data.length / dim;
  const mean = new Float64Array(dim);
  for (let i = 0; i < data.length; i++) mean[i % dim]! += data[i]! / count;
  const out = new Float32Array(data.length);
  for (let row = 0; row < count; row++) {
    let square = 0;
    for (let j = 0; j < dim; j++) square += (data[row * dim + j]! - mean[j]!) ** 2;
    const scale = square > 1e-24 ? 1 / Math.sqrt(square) : 0;
    for (let j = 0; j < dim; j++) out[row * dim + j] = (data[row * dim + j]! - mean[j]!) * scale;
  }
  return { data: out, count, dim };
}

/** The k nearest rows of each row by cosine, nearest first, without itself. */
export interface Neighbours {
  readonly k: number;
  /** [n, k] */
  readonly indices: Uint32Array;
  /** [n, k]: cosine similarity. */
  readonly similarities: Float32Array;
}

/** Exact nearest neighbours, all pairs: n²·dim/2 multiplications. Cancellable. */
export async function nearestNeighbours(
  vectors: Vectors,
  wantedK: number,
  work: LongWork = {},
): Promise<Neighbours> {
  const { data, count, dim } = vectors;
  const k = Math.min(wantedK, count - 1);
  const indices = new Uint32Array(count * k);
  const similarities = new Float32Array(count * k).fill(-2);
  const breathe = breather(work, 'looking for neighbours');
  const insert = (row: number, other: number, similarity: number): void => {
    const start = row * k;
    let at = start + k - 1;
    if (similarity <= similarities[at]!) return;
    while (at > start && similarities[at - 1]! < similarity) {
      similarities[at] = similarities[at - 1]!;
      indices[at] = indices[at - 1]!;
      at--;
    }
    similarities[at] = similarity;
    indices[at] = other;
  };
  // Blocks that stay in the cache, each pair once.
  const block = 64;
  const blocks = Math.ceil(count / block);
  let done = 0;
  for (let a = 0; a < blocks && k > 0; a++) {
    for (let b = a; b < blocks; b++) {
      const endA = Math.min(count, (a + 1) * block);
      const endB = Math.min(count, (b + 1) * block);
      for (let i = a * block; i < endA; i++) {
        const atI = i * dim;
        for (let j = a === b ? i + 1 : b * block; j < endB; j++) {
          const atJ = j * dim;
          let s0 = 0;
          let s1 = 0;
          let s2 = 0;
          let s3 = 0;
          let d = 0;
          for (; d + 3 < dim; d += 4) {
            s0 += data[atI + d]! * data[atJ + d]!;
            s1 += data[atI + d + 1]! * data[atJ + d + 1]!;
            s2 += data[atI + d + 2]! * data[atJ + d + 2]!;
            s3 += data[atI + d + 3]! * data[atJ + d + 3]!;
          }
          for (; d < dim; d++) s0 += data[atI + d]! * data[atJ + d]!;
          const similarity = s0 + s1 + s2 + s3;
          insert(i, j, similarity);
          insert(j, i, similarity);
        }
      }
      await breathe(++done, (blocks * (blocks + 1)) / 2);
    }
  }
  return { k, indices, similarities };
}

/** Where the points lie: [n, 2]. */
export type Plane = Float32Array;

/** The two directions of most variance, by power iteration from a fixed start; signs fixed by the largest point. */
export function principalPlane({ data, count, dim }: Vectors): Plane {
  const plane = new Float32Array(count * 2);
  const axes: Float64Array[] = [];
  const rng = new Rng('principal plane');
  for (let axis = 0; axis < 2; axis++) {
    let direction = Float64Array.from({ length: dim }, () => rng.normal());
    for (let round = 0; round < 24; round++) {
      const next = new Float64Array(dim);
      for (let row = 0; row < count; row++) {
        let along = 0;
        for (let j = 0; j < dim; j++) along += data[row * dim + j]! * direction[j]!;
        for (let j = 0; j < dim; j++) next[j]! += along * data[row * dim + j]!;
      }
      for (const other of axes) {
        const shared = next.reduce((sum, value, j) => sum + value * other[j]!, 0);
        for (let j = 0; j < dim; j++) next[j]! -= shared * other[j]!;
      }
      const length = Math.sqrt(next.reduce((sum, value) => sum + value * value, 0)) || 1;
      direction = next.map((value) => value / length);
    }
    axes.push(direction);
    let largest = 0;
    for (let row = 0; row < count; row++) {
      let along = 0;
      for (let j = 0; j < dim; j++) along += data[row * dim + j]! * direction[j]!;
      plane[row * 2 + axis] = along;
      if (Math.abs(along) > Math.abs(largest)) largest = along;
    }
    if (largest < 0) for (let row = 0; row < count; row++) plane[row * 2 + axis]! *= -1;
  }
  return plane;
}

export interface UmapOptions {
  readonly minDist: number;
  readonly seed: number;
}

/**
 * UMAP (umap-js) of the neighbour graph, from the principal plane: equal input and seed give equal points. McInnes et al.
 * 2018 (arXiv 1802.03426). Cancellable between epochs.
 */
export async function umapPlane(
  neighbours: Neighbours,
  start: Plane,
  options: UmapOptions,
  work: LongWork = {},
): Promise<Plane> {
  const { indices, similarities } = neighbours;
  const count = start.length / 2;
  // Below this there is no neighbourhood to keep.
  if (count < 4) return start;
  // umap-js wants more points than neighbours, among which it counts the point itself.
  const k = Math.min(neighbours.k, count - 2);
  const rng = new Rng(`umap/${options.seed}`);
  const umap = new UMAP({ nNeighbors: k + 1, minDist: options.minDist, random: () => rng.next() });
  const rows = Array.from({ length: count }, (_, i) => i);
  umap.setPrecomputedKNN(
    rows.map((i) => [i, ...indices.subarray(i * neighbours.k, i * neighbours.k + k)]),
    rows.map((i) => [0, ...similarities.subarray(i * neighbours.k, i * neighbours.k + k).map((s) => Math.max(0, 1 - s))]), // prettier-ignore
  );
  // The vectors themselves are asked for only by transforms of new points, which are not made here.
  const epochs = umap.initializeFit(rows.map((i) => [start[2 * i]!, start[2 * i + 1]!]));
  const embedding = umap.getEmbedding();
  let widest = 0;
  for (const value of start) widest = Math.max(widest, Math.abs(value));
  embedding.forEach((point, i) => {
    for (const axis of [0, 1])
      point[axis] = (10 * start[2 * i + axis]!) / (widest || 1) + 1e-4 * rng.normal();
  });
  const breathe = breather(work, 'laying out the map');
  for (let epoch = 0; epoch < epochs; epoch++) {
    umap.step();
    await breathe(epoch + 1, epochs);
  }
  return Float32Array.from(umap.getEmbedding().flat());
}

/** A pair of queries that say nearly the same. */
export interface NearPair {
  readonly a: number;
  readonly b: number;
  readonly similarity: number;
}

/** Pairs of neighbours at least as similar as `threshold`, most similar first. */
export function nearPairs({ k, indices, similarities }: Neighbours, threshold: number): NearPair[] {
  const pairs: NearPair[] = [];
  for (let at = 0; at < indices.length; at++) {
    const a = Math.floor(at / k);
    const b = indices[at]!;
    if (similarities[at]! < threshold) continue;
    // A pair is listed by its lower end; by the upper one only where the lower has it not among its nearest.
    const isListed = a > b && indices.subarray(b * k, (b + 1) * k).includes(a);
    if (!isListed) pairs.push({ a: Math.min(a, b), b: Math.max(a, b), similarity: similarities[at]! });
  }
  return pairs.sort((x, y) => y.similarity - x.similarity || x.a - y.a || x.b - y.b);
}

/** Mean share of a point's nearest neighbours, among the embeddings, that have its own label. */
export function labelPurity({ k, indices }: Neighbours, labels: readonly string[]): number {
  let same = 0;
  indices.forEach((other, at) => {
    if (labels[other] === labels[Math.floor(at / k)]) same++;
  });
  return indices.length > 0 ? same / indices.length : 1;
}

/**
 * Trustworthiness of the plane (Venna & Kaski 2001), over `sample` points evenly spread: 1 where every neighbour on the
 * plane is one among the embeddings, less by how far down the others' ranks lie.
 */
export async function trustworthiness(
  vectors: Vectors,
  plane: Plane,
  k: number,
  sample: number,
  work: LongWork = {},
): Promise<number> {
  const { data, count, dim } = vectors;
  const used = Math.min(k, Math.floor((count - 1) / 2));
  if (used < 1) return 1;
  const taken = Math.min(sample, count);
  const breathe = breather(work, 'judging the map');
  let penalty = 0;
  for (let n = 0; n < taken; n++) {
    const i = Math.floor((n * count) / taken);
    const similarity = new Float32Array(count);
    const distance = new Float32Array(count);
    for (let j = 0; j < count; j++) {
      let sum = 0;
      for (let d = 0; d < dim; d++) sum += data[i * dim + d]! * data[j * dim + d]!;
      similarity[j] = sum;
      distance[j] = (plane[2 * i]! - plane[2 * j]!) ** 2 + (plane[2 * i + 1]! - plane[2 * j + 1]!) ** 2;
    }
    const others = Array.from({ length: count }, (_, j) => j).filter((j) => j !== i);
    const near = others.toSorted((a, b) => distance[a]! - distance[b]! || a - b).slice(0, used);
    for (const j of near) {
      let rank = 1;
      for (const other of others) if (similarity[other]! > similarity[j]!) rank++;
      penalty += Math.max(0, rank - used);
    }
    await breathe(n + 1, taken);
  }
  return 1 - (2 * penalty) / (taken * used * (2 * count - 3 * used - 1));
}
