/** One step that every trajectory must pass, and what it lost there. */
export interface FunnelStage {
  readonly id: string;
  readonly label: string;
  /** Items left after this step. */
  readonly left: number;
  readonly lost: readonly { readonly code: string; readonly count: number }[];
}

/** Steps of compiling in order, as the rejections name them. */
const steps: readonly (readonly [stage: string, label: string])[] = [
  ['verify', 'Answer verified'],
  ['evidence', 'Evidence found'],
  ['answer', 'Answer usable'],
  ['budget', 'Fits the budget'],
  ['cap', 'Within cap per task'],
  ['duplicate', 'Not a duplicate'],
  ['contaminated', 'Not in a benchmark'],
  ['other', 'Other checks'],
];

/** Counts what is left after each step. Steps that lost nothing and are optional (cap and later) are left out. */
export function funnelStages(
  total: number,
  groups: readonly { readonly stage: string; readonly code: string; readonly count: number }[],
): FunnelStage[] {
  const stages: FunnelStage[] = [{ id: 'loaded', label: 'Loaded', left: total, lost: [] }];
  let left = total;
  for (const [stage, label] of steps) {
    const lost = groups
      .filter((group) => group.stage === stage)
      .map(({ code, count }) => ({ code, count }))
      .sort((a, b) => b.count - a.count);
    left -= lost.reduce((sum, { count }) => sum + count, 0);
    const optional = steps.findIndex(([name]) => name === stage) > 3;
    if (lost.length > 0 || !optional) stages.push({ id: stage, label, left, lost });
  }
  return stages;
}

/** `wrong-answer` → `wrong answer`. */
export function codeWords(code: string): string {
  return code.replaceAll(/[-_]+/g, ' ');
}
