import type { ComparisonSpec, MetricSpec } from '../../../charts/common/comparison.ts';
import type { MechanismFrame, MetricFrame } from '../../../workers/mechanismApi.ts';

const labels: Readonly<Record<string, string>> = {
  meanDistance: 'attention distance',
  sinkExcludedDistance: 'sink-excluded distance',
  relativeDistance: 'relative distance',
  entropy: 'attention entropy',
  normalizedEntropy: 'normalised entropy',
  sinkMass: 'sink mass',
  goldMass: 'gold mass',
  distractorMass: 'distractor mass',
  goldShareOfEvidence: 'gold share of evidence attention',
  retrievalScore: 'retrieval score',
};

/** A metric's name in a sentence. */
export function metricLabel(key: string): string {
  const threshold = /^longRangeMass:(\d+)$/.exec(key)?.[1];
  if (threshold !== undefined) return `mass beyond ${Number(threshold).toLocaleString('en-US')} tokens`;
  return labels[key] ?? key;
}

/** The metric as charts need it: shares run from 0 to 1, uniform attention and token share are marked. */
export function metricSpec(metric: MetricFrame, goldShare: number | null): MetricSpec {
  const { key, formula, source } = metric;
  const isShare = /Mass|relative|normalized|retrieval|goldShare/i.test(key);
  const common = {
    key,
    label: metricLabel(key),
    formula,
    source,
    unit: isShare ? 'share, 0 to 1' : metric.unit,
  };
  if (key === 'relativeDistance') {
    return { ...common, domain: [0, 1], reference: { value: 0.5, label: 'uniform attention' } };
  }
  if (key === 'normalizedEntropy') return { ...common, domain: [0, 1], reference: { value: 1, label: 'uniform attention' } }; // prettier-ignore
  if (key === 'goldMass' && goldShare !== null) {
    return { ...common, reference: { value: goldShare, label: 'share of gold among the tokens' } };
  }
  if (key === 'goldShareOfEvidence') {
    const { chance } = metric;
    const reference = chance && { value: chance.value, label: 'share of gold among the evidence tokens' };
    return { ...common, domain: [0, 1], ...(reference ? { reference } : {}) };
  }
  if (key === 'retrievalScore')
    return { ...common, reference: { value: 0.1, label: 'retrieval heads above' } };
  return common;
}

/** Who is compared on what, for all charts of a frame. */
export function comparisonSpec(frame: MechanismFrame): ComparisonSpec {
  const { document, baseline, comparison, control } = frame;
  return {
    model: document.model.name,
    baseline,
    comparison,
    control,
    items: document.itemCount,
    queryTokens: document.queryTokens,
    queries: document.queries,
    sinkTokens: document.sinkTokens,
  };
}
