/** What one statistic of a mechanism document is. */
export interface StatisticDefinition {
  /** The formula, in plain text. */
  readonly formula: string;
  readonly unit: string;
  /** Paper, or `ours`. */
  readonly source: string;
}

/** Keys left out by the sink-excluded distance, and counted by the sink mass, unless told otherwise. */
export const defaultSinkTokens = 4;

/** Distances τ of the long-range mass, unless told otherwise. */
export const defaultThresholds: readonly number[] = [256, 1024, 4096];

/**
 * Every statistic of the document, exactly. α_ij is the attention of query position i to key position j ≤ i (after
 * softmax over the visible keys), v_i the number of visible keys (i + 1 without a sliding window), Q the query
 * tokens. Everything is averaged over Q of all items (pooled: every query token counts once); the per-item values are
 * averages over the item's own query tokens. docs/mechanism-json.md says the same in full.
 */
export const definitions: Readonly<Record<string, StatisticDefinition>> = {
  meanDistance: {
    formula: 'mean over i in Q of sum_j a_ij (i - j)',
    unit: 'tokens',
    source: 'Vig & Belinkov 2019 (arXiv 1906.04284)',
  },
  sinkExcludedDistance: {
    formula:
      'mean over i in Q, i >= s, of (sum_{j>=s} a_ij (i - j)) / (sum_{j>=s} a_ij); s = settings.sinkTokens',
    unit: 'tokens',
    source: 'ours',
  },
  relativeDistance: {
    formula: 'mean over i in Q of (sum_j a_ij (i - j)) / i',
    unit: 'share of the distance to the first token, 0 to 1; uniform attention gives 0.5',
    source: 'ours',
  },
  entropy: {
    formula: 'mean over i in Q of -sum_j a_ij ln a_ij',
    unit: 'nats',
    source: 'Vig & Belinkov 2019 (arXiv 1906.04284)',
  },
  normalizedEntropy: {
    formula: 'mean over i in Q of (-sum_j a_ij ln a_ij) / ln v_i; 0 where v_i = 1',
    unit: '0 to 1',
    source: 'ours',
  },
  sinkMass: {
    formula: 'mean over i in Q of sum_{j<s} a_ij; s = settings.sinkTokens',
    unit: 'share of attention',
    source: 'ours',
  },
  goldMass: {
    formula: 'mean over i in Q of sum_{j in gold pieces} a_ij, over items that have gold pieces',
    unit: 'share of attention',
    source: 'ours',
  },
  distractorMass: {
    formula: 'mean over i in Q of sum_{j in distractor pieces} a_ij, over items that have distractors',
    unit: 'share of attention',
    source: 'ours',
  },
  goldTokenShare: {
    formula:
      'per item: mean over i in Q of G_i / (G_i + D_i), the gold and distractor tokens among positions 0 to i; 0 where there are none',
    unit: 'share of evidence tokens; what goldMass / (goldMass + distractorMass) is when attention ignores roles',
    source: 'ours',
  },
  goldShareOfEvidence: {
    formula:
      'per item that has gold and distractors: goldMass / (goldMass + distractorMass) of the item; over items their mean weighted by query tokens',
    unit: 'share of the attention on evidence, 0 to 1; goldTokenShare when attention ignores roles',
    source: 'ours, from goldMass and distractorMass of each item',
  },
  goldContextShare: {
    formula: 'per item: mean over i in Q of G_i / (i + 1)',
    unit: 'share of visible tokens; the gold mass of uniform attention',
    source: 'ours',
  },
  longRangeMass: {
    formula: 'mean over i in Q of sum_{i-j > t} a_ij, for each t in settings.thresholds',
    unit: 'share of attention',
    source: 'ours',
  },
  distanceHistogram: {
    formula:
      'mean over i in Q of the attention in each bin of i - j: bin 0 holds distance 0, bin b >= 1 the distances 2^(b-1) to 2^b - 1',
    unit: 'share of attention; sums to 1',
    source: 'ours',
  },
  retrievalScore: {
    formula:
      'hits / copy steps. Copy step: a position t whose next token x_{t+1} is an answer token (role answer) and occurs in a gold piece. Hit: the key j with the largest a_tj (first of equals) lies in a gold piece and x_j = x_{t+1}',
    unit: 'share of copy steps, 0 to 1; Wu et al. call heads above 0.1 retrieval heads',
    source: 'after Wu et al. 2024 (arXiv 2404.15574), teacher-forced',
  },
  evidenceMass: {
    formula: 'per item, layer, head and piece: mean over i in Q of sum_{j in piece} a_ij',
    unit: 'share of attention',
    source: 'ours',
  },
  density: {
    formula:
      'per item, layer (and head): mean over i in Q of the attention to each of `bins` position bins; bin b holds keys from floor(b T / bins) to floor((b + 1) T / bins) - 1 of an item of T tokens',
    unit: 'share of attention; sums to 1',
    source: 'ours',
  },
  frequency: {
    formula: '(1 / |Q|) sum over t in Q of 1[e in TopK(t)]; sums to k over the experts of a layer',
    unit: 'share of tokens',
    source: 'OLMoE (arXiv 2409.02060)',
  },
  weight: {
    formula:
      '(1 / |Q|) sum over t in Q of the gate weight of e (0 when not chosen); gate: softmax over all experts, divided by the sum of the chosen k where the model does so (norm_topk_prob)',
    unit: 'gate weight',
    source: 'ours',
  },
  gini: {
    formula: 'Gini coefficient of frequency over the experts of a layer',
    unit: '0 (equal load) to 1 - 1/E',
    source: 'ours',
  },
  maxOverMean: {
    formula: 'largest frequency / (k / E)',
    unit: 'ratio, 1 to E / k',
    source: 'ours',
  },
  effectiveExperts: {
    formula: 'exp(-sum_e p_e ln p_e), p_e = frequency_e / k',
    unit: 'experts, 1 to E',
    source: 'ours',
  },
  routerEntropy: {
    formula: 'mean over t in Q of -sum_e g_e ln g_e, g = softmax over all experts',
    unit: 'nats, 0 to ln E',
    source: 'ours',
  },
  saturationAgainstBase: {
    formula: 'mean over t in Q of |TopK_base(t) intersected with TopK(t)| / k',
    unit: 'share of choices kept, 0 to 1',
    source: 'OLMoE (arXiv 2409.02060), against the base instead of the last checkpoint',
  },
  coActivation: {
    formula: '(1 / |Q|) sum over t in Q of 1[i in TopK(t) and j in TopK(t)]; the diagonal is frequency',
    unit: 'share of tokens',
    source: 'OLMoE (arXiv 2409.02060), all pairs, not divided by frequency_i',
  },
  coActivationRankAdjacent: {
    formula:
      '(1 / |Q|) sum over t in Q of 1[i and j are neighbours in the top-k list ordered by falling gate]; symmetric; the diagonal is frequency',
    unit: 'share of tokens',
    source: 'OLMoE code (scripts/run_moe_analysis.py at 357454f), which counts neighbours only',
  },
  kindDivergence: {
    formula:
      'Jensen-Shannon divergence of p_e = frequency_e / k between the query tokens of two kinds: H((p + q) / 2) - H(p) / 2 - H(q) / 2, H in nats',
    unit: 'nats, 0 to ln 2',
    source: 'Lin 1991',
  },
};
