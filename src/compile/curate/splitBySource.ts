import { Rng } from '../../core/rng.ts';
import { UnionFind } from './clusters.ts';

/** One example and the keys (hashes or document keys) of everything it shares with others if they have it too. */
export interface SplitItem {
  readonly id: string;
  readonly sourceKeys: readonly string[];
}

export interface SourceSplit {
  readonly train: readonly string[];
  readonly eval: readonly string[];
  /** Groups of examples that share documents, directly or through others. */
  readonly componentCount: number;
  /** Examples in the largest group: when it exceeds what training should hold, no good split exists. */
  readonly largestComponent: number;
}

/**
 * Splits examples so that no document stands on both sides. Groups connected by shared keys stay together; in
 * seeded order each goes to eval while that brings eval closer to its share of the examples. Ids come back
 * sorted; the result depends on the set of items, not on their order.
 * @param evalShare 0 … 1.
 */
export function splitBySource(items: readonly SplitItem[], evalShare: number, seed: number): SourceSplit {
  const sorted = [...items].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  const sets = new UnionFind(sorted.length);
  const firstWith = new Map<string, number>();
  sorted.forEach(({ sourceKeys }, index) => {
    for (const key of sourceKeys) {
      const first = firstWith.get(key);
      if (first === undefined) firstWith.set(key, index);
      else sets.union(first, index);
    }
  });
  const components = sets.sets();
  const wanted = evalShare * sorted.length;
  const train: number[] = [];
  const evaluation: number[] = [];
  for (const component of new Rng(`split/${seed}`).shuffle(components)) {
    const gain =
      Math.abs(wanted - evaluation.length) - Math.abs(wanted - evaluation.length - component.length);
    (gain > 0 ? evaluation : train).push(...component);
  }
  const ids = (indices: number[]): string[] =>
    indices.sort((a, b) => a - b).flatMap((index) => sorted[index]?.id ?? []);
  return {
    train: ids(train),
    eval: ids(evaluation),
    componentCount: components.length,
    largestComponent: components.reduce((largest, component) => Math.max(largest, component.length), 0),
  };
}
