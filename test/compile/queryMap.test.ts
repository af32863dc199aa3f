import { describe, expect, it } from 'vitest';
import {
  labelPurity,
  nearestNeighbours,
  nearPairs,
  principalPlane,
  trustworthiness,
  umapPlane,
  unitVectors,
} from '../../src/compile/queryMap.ts';
import { Rng } from '../../src/core/rng.ts';

const dim = 9;

/** Three clouds in `dim` dimensions, with two equal points in the first. */
function clouds(count: number): { data: Float32Array; labels: string[] } {
  const rng = new Rng('clouds');
  const labels = Array.from({ length: count }, (_, i) => `cloud ${i % 3}`);
  const data = new Float32Array(count * dim);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < dim; j++) data[i * dim + j] = (j % 3 === i % 3 ? 2 : 0) + 0.3 * rng.normal();
  }
  data.set(data.subarray(0, dim), 3 * dim);
  return { data, labels };
}

describe('the map of queries', () => {
  const { data, labels } = clouds(90);
  const points = unitVectors(data, dim);

  it('finds the neighbours that sorting every row finds', async () => {
    const { indices, similarities } = await nearestNeighbours(points, 7);
    const dot = (a: number, b: number): number => {
      let sum = 0;
      for (let j = 0; j < dim; j++) sum += points.data[a * dim + j]! * points.data[b * dim + j]!;
      return sum;
    };
    for (let i = 0; i < points.count; i++) {
      const sorted = Array.from({ length: points.count }, (_, j) => (j === i ? -2 : dot(i, j)))
        .sort((a, b) => b - a)
        .slice(0, 7);
      const found = [...indices.subarray(i * 7, i * 7 + 7)];
      expect(new Set(found).size).toBe(7);
      found.forEach((j, n) => {
        expect(dot(i, j)).toBeCloseTo(sorted[n]!, 5);
        expect(similarities[i * 7 + n]).toBeCloseTo(sorted[n]!, 5);
      });
    }
  });

  it('lists near-duplicates once, and knows clouds from a mixture', async () => {
    const neighbours = await nearestNeighbours(points, 10);
    const [first] = nearPairs(neighbours, 0.9999);
    expect(first).toMatchObject({ a: 0, b: 3 });
    expect(first!.similarity).toBeCloseTo(1, 5);
    const pairs = nearPairs(neighbours, 0.9);
    expect(new Set(pairs.map(({ a, b }) => `${a}-${b}`)).size).toBe(pairs.length);
    expect(labelPurity(neighbours, labels)).toBeGreaterThan(0.99);
    const mixed = labels.map((_, i) => (i % 2 === 0 ? 'even' : 'odd'));
    expect(Math.abs(labelPurity(neighbours, mixed) - 0.5)).toBeLessThan(0.12);
  });

  it('lays out fewer points than the neighbours asked for', async () => {
    const few = unitVectors(data.subarray(0, 8 * dim), dim);
    const neighbours = await nearestNeighbours(few, 15);
    const plane = await umapPlane(neighbours, principalPlane(few), { minDist: 0.1, seed: 4 });
    expect(plane).toHaveLength(16);
    expect(plane.every(Number.isFinite)).toBe(true);
  });

  it('keeps neighbourhoods on the plane, the same for the same seed, another for another', async () => {
    const neighbours = await nearestNeighbours(points, 8);
    const start = principalPlane(points);
    const plane = await umapPlane(neighbours, start, { minDist: 0.1, seed: 4 });
    expect(await umapPlane(neighbours, start, { minDist: 0.1, seed: 4 })).toEqual(plane);
    expect(await umapPlane(neighbours, start, { minDist: 0.1, seed: 5 })).not.toEqual(plane);
    // Clouds stay apart: nearest on the plane is of the same cloud.
    let same = 0;
    for (let i = 0; i < points.count; i++) {
      let best = -1;
      let least = Infinity;
      for (let j = 0; j < points.count; j++) {
        const distance = Math.hypot(plane[2 * i]! - plane[2 * j]!, plane[2 * i + 1]! - plane[2 * j + 1]!);
        if (j === i || distance >= least) continue;
        least = distance;
        best = j;
      }
      if (labels[best] === labels[i]) same++;
    }
    expect(same / points.count).toBeGreaterThan(0.98);
    expect(await trustworthiness(points, plane, 10, 50)).toBeGreaterThan(0.85);
    const shuffled = Float32Array.from(new Rng(1).shuffle([...plane]));
    expect(await trustworthiness(points, shuffled, 10, 50)).toBeLessThan(0.6);
  });

  it('stops when it is told to', async () => {
    const controller = new AbortController();
    controller.abort();
    await expect(nearestNeighbours(points, 5, { signal: controller.signal })).rejects.toThrow(/cancelled/);
  });
});
