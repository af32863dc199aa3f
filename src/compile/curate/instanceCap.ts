import { Rng } from '../../core/rng.ts';

export interface CapItem {
  readonly id: string;
  /** Task that several runs share; null counts as a task of its own. */
  readonly instanceId: string | null;
}

/**
 * Ids that stay when each instance keeps at most `cap` runs, drawn by seed. An instance's draw depends on its own
 * runs alone, so it is the same whatever else is in the set.
 */
export function capPerInstance(items: readonly CapItem[], cap: number, seed: number): Set<string> {
  const byInstance = new Map<string, string[]>();
  const kept = new Set<string>();
  for (const { id, instanceId } of items) {
    if (instanceId === null) {
      kept.add(id);
      continue;
    }
    const runs = byInstance.get(instanceId);
    if (runs) runs.push(id);
    else byInstance.set(instanceId, [id]);
  }
  for (const [instanceId, runs] of byInstance) {
    const drawn = runs.length <= cap ? runs : new Rng(`cap/${seed}/${instanceId}`).shuffle(runs.sort());
    for (const id of drawn.slice(0, cap)) kept.add(id);
  }
  return kept;
}
