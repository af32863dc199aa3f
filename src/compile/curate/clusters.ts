import { bandKeys, defaultMinHash, type MinHashOptions, similarity } from './minHash.ts';

/** Disjoint sets of the integers 0 … size − 1; the least member stands for its set. */
export class UnionFind {
  private readonly parents: Int32Array;

  constructor(size: number) {
    this.parents = Int32Array.from({ length: size }, (_, i) => i);
  }

  find(item: number): number {
    const { parents } = this;
    let root = item;
    while (parents[root] !== root) root = parents[root]!;
    while (parents[item] !== root) {
      const next = parents[item]!;
      parents[item] = root;
      item = next;
    }
    return root;
  }

  union(a: number, b: number): void {
    const rootA = this.find(a);
    const rootB = this.find(b);
    if (rootA !== rootB) this.parents[Math.max(rootA, rootB)] = Math.min(rootA, rootB);
  }

  /** All sets in the order of their least members, members ascending. */
  sets(): number[][] {
    const byRoot = new Map<number, number[]>();
    for (let i = 0; i < this.parents.length; i++) {
      const root = this.find(i);
      const set = byRoot.get(root);
      if (set) set.push(i);
      else byRoot.set(root, [i]);
    }
    return [...byRoot.values()];
  }
}

/** What is known of one text for de-duplication; made anywhere, merged in one place. */
export interface TextFingerprint {
  /** Unique. The least id of a cluster (by code units) stands for it. */
  readonly id: string;
  readonly normalizedHash: string;
  readonly signature: Uint32Array | null;
}

export interface DuplicateCluster {
  readonly representative: string;
  /** All members with their similarity to the representative (1 for equal normal forms), by id. */
  readonly members: readonly { readonly id: string; readonly similarity: number }[];
}

/** Within one band bucket at most this many earlier texts are compared with each. */
const MOST_COMPARED = 64;

/**
 * Groups of texts that are equal in normal form or near-duplicates, without singletons. The result does not
 * depend on the order of the fingerprints. Clusters are transitive: two members may be less alike than the
 * threshold when a third stands between them.
 */
export function clusterDuplicates(
  fingerprints: readonly TextFingerprint[],
  options: MinHashOptions = defaultMinHash,
): DuplicateCluster[] {
  const sorted = [...fingerprints].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  const sets = new UnionFind(sorted.length);
  const byHash = new Map<string, number>();
  const buckets = new Map<string, number[]>();
  sorted.forEach(({ normalizedHash, signature }, i) => {
    const same = byHash.get(normalizedHash);
    if (same !== undefined) {
      sets.union(same, i);
      return;
    }
    byHash.set(normalizedHash, i);
    if (signature === null) return;
    for (const key of bandKeys(signature, options.bands)) {
      const bucket = buckets.get(key);
      if (!bucket) {
        buckets.set(key, [i]);
        continue;
      }
      for (const other of bucket) {
        const otherSignature = sorted[other]?.signature;
        if (!otherSignature || sets.find(other) === sets.find(i)) continue;
        if (similarity(signature, otherSignature) >= options.threshold) sets.union(other, i);
      }
      if (bucket.length < MOST_COMPARED) bucket.push(i);
    }
  });
  return sets
    .sets()
    .filter((set) => set.length > 1)
    .flatMap((set) => {
      const [first] = set;
      const head = first === undefined ? undefined : sorted[first];
      if (!head) return [];
      const members = set.flatMap((index) => {
        const item = sorted[index];
        return item ? [{ id: item.id, similarity: alike(head, item) }] : [];
      });
      return [{ representative: head.id, members }];
    });
}

function alike(a: TextFingerprint, b: TextFingerprint): number {
  if (a.normalizedHash === b.normalizedHash) return 1;
  return a.signature && b.signature ? similarity(a.signature, b.signature) : 0;
}
