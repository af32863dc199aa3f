/** How evenly the experts are used: each number is the mean over the MoE layers. */
export interface LoadSummary {
  /** Load of the busiest expert over the mean load: 1 balanced, E collapsed to one expert. */
  readonly loadImbalance: number;
  /** exp of the entropy of the shares of load: E balanced, 1 collapsed. */
  readonly effectiveExperts: number;
}

/** Sums up pairs (token, expert) by layer and expert [E]; null where no layer has any. */
export function summariseLoad(layers: readonly Float32Array[]): LoadSummary | null {
  let loadImbalance = 0;
  let effectiveExperts = 0;
  let used = 0;
  for (const load of layers) {
    const total = load.reduce((sum, pairs) => sum + pairs, 0);
    if (!(total > 0)) continue;
    let entropy = 0;
    for (const pairs of load) if (pairs > 0) entropy -= (pairs / total) * Math.log(pairs / total);
    loadImbalance += (load.reduce((most, pairs) => Math.max(most, pairs), 0) * load.length) / total;
    effectiveExperts += Math.exp(entropy);
    used++;
  }
  if (used === 0) return null;
  return { loadImbalance: loadImbalance / used, effectiveExperts: effectiveExperts / used };
}
