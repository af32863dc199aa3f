import { useCallback, useEffect, useState } from 'react';
import { layoutCoActivation } from '../../../charts/coActivation/layout.ts';
import type { MetricSpec } from '../../../charts/common/comparison.ts';
import type { ChartSize } from '../../../charts/common/geometry.ts';
import { expertLabel } from '../../../charts/common/numbers.ts';
import { layoutExpertMap } from '../../../charts/expertMap/layout.ts';
import { layoutFilmstrip } from '../../../charts/filmstrip/layout.ts';
import { layoutLayerPanels, type LayerPanel } from '../../../charts/layerPanels/layout.ts';
import { layoutLoadCurve, type LoadSeries } from '../../../charts/loadCurve/layout.ts';
import { layoutMovers } from '../../../charts/movers/layout.ts';
import { layoutTaskStrips } from '../../../charts/taskStrips/layout.ts';
import { useApp } from '../../../state/useApp.ts';
import type {
  LoadChanges,
  MechanismFrame,
  RouterNumbers,
  RoutingFrame,
} from '../../../workers/mechanismApi.ts';
import { Field } from '../../widgets/Field.tsx';
import { Segmented } from '../../widgets/Segmented.tsx';
import { MechanismChart } from './MechanismChart.tsx';
import { comparisonSpec } from './metricNames.ts';

interface RoutingProps {
  readonly frame: MechanismFrame;
  readonly routing: RoutingFrame;
}

const frequencyMetric: MetricSpec = {
  key: 'frequency',
  label: 'routing frequency',
  unit: 'share of tokens',
  formula: 'share of query tokens whose top-k holds the expert',
  source: 'OLMoE (arXiv 2409.02060)',
};

/** E1 and E2: load by layer and expert and its change. */
export function ExpertMapChart({ frame, routing, level = 3 }: RoutingProps & { readonly level?: 2 | 3 }) {
  const order = useApp((state) => state.mechanism.order);
  const draw = useCallback(
    (size: ChartSize) => layoutExpertMap({ comparison: comparisonSpec(frame), order }, routing, size),
    [frame, routing, order],
  );
  return <MechanismChart draw={draw} footer={frame.footer} level={level} />;
}

/** The experts that changed most. */
export function ExpertMoversChart({ frame, routing }: RoutingProps) {
  const draw = useCallback(
    (size: ChartSize) => {
      const { baseline, comparison, change, experts, layers } = routing;
      if (!comparison || !change) return null;
      const layerOf = (cell: number): number => layers[Math.floor(cell / experts)] ?? 0;
      return layoutMovers(
        {
          comparison: comparisonSpec(frame),
          metric: frequencyMetric,
          noun: 'expert',
          most: 16,
          labelOf: (cell) => expertLabel(layerOf(cell), cell % experts),
          targetOf: (cell) => ({ layer: layerOf(cell), expert: cell % experts }),
        },
        baseline,
        comparison,
        change,
        size,
      );
    },
    [frame, routing],
  );
  return <MechanismChart draw={draw} footer={frame.footer} widest={800} />;
}

const conditions = ['baseline', 'control', 'comparison'] as const;

/** E5: how even and how decided the routers are, by layer. */
export function RouterSummaryChart({ frame, routing }: RoutingProps) {
  const draw = useCallback(
    (size: ChartSize) => {
      const panel = (
        key: keyof RouterNumbers,
        title: string,
        unit: string,
        extra: Partial<LayerPanel> = {},
      ): LayerPanel => ({
        key,
        title,
        unit,
        series: conditions.flatMap((condition) => {
          const numbers = routing.summary[condition];
          const name = frame[condition];
          return numbers && name !== null ? [{ name, condition, values: numbers[key] }] : [];
        }),
        ...extra,
      });
      const { change, overControl } = routing.summary;
      const tests = (key: keyof LoadChanges): Partial<LayerPanel> => ({ change: change?.[key] ?? null, overControl: overControl?.[key] ?? null }); // prettier-ignore
      return layoutLayerPanels(
        { comparison: comparisonSpec(frame), layers: routing.layers, name: 'router-summary' },
        [
          panel('effectiveExperts', 'Effective experts', `of ${routing.experts}`, { ...tests('effectiveExperts'), domain: [1, routing.experts], reference: { value: routing.experts, label: 'even load' } }), // prettier-ignore
          panel('normalizedEntropy', 'Router entropy', 'share of ln E', { domain: [0, 1], reference: { value: 1, label: 'undecided' } }), // prettier-ignore
          panel('gini', 'Gini of the load', '0 is even', { ...tests('gini'), domain: [0, 1] }),
          panel('maxOverMean', 'Busiest over mean', 'times', { reference: { value: 1, label: 'even load' } }),
          panel('kindDivergence', 'JS divergence between kinds', 'nats', {
            ...tests('kindDivergence'),
            domain: [0, Math.LN2],
          }),
          panel('saturation', 'Choices kept from the base', 'share', { domain: [0, 1], reference: { value: 1, label: 'all kept' } }), // prettier-ignore
        ],
        size,
      );
    },
    [frame, routing],
  );
  return <MechanismChart draw={draw} footer={frame.footer} widest={1200} />;
}

/** E3: one layer by task. */
export function TaskStripsChart({ frame, routing, layer }: RoutingProps & { readonly layer: number }) {
  const [by, setBy] = useState('agent kind');
  const group = routing.groups.find((each) => each.by === by) ?? routing.groups[0];
  const draw = useCallback(
    (size: ChartSize) => {
      const row = routing.layers.indexOf(layer);
      if (!group || row < 0) return null;
      const { experts, perToken } = routing;
      // Of token and evidence roles, frequencies of each item are not kept.
      const tested = group.by === 'agent kind' ? routing.summary.change?.kindDivergence : undefined;
      const width = group.names.length * experts;
      const strip = (values: readonly (number | null)[]) => values.slice(row * width, (row + 1) * width);
      return layoutTaskStrips(
        { comparison: comparisonSpec(frame), by: group.by },
        {
          layer,
          experts,
          perToken,
          tasks: group.names,
          baseline: strip(group.baseline),
          comparison: group.comparison ? strip(group.comparison) : null,
          divergenceBaseline: group.divergenceBaseline[row] ?? null,
          divergenceComparison: group.divergenceComparison?.[row] ?? null,
          divergenceTest: tested ? { low: tested.low[row] ?? null, high: tested.high[row] ?? null, isClear: tested.clear[row] ?? false } : null, // prettier-ignore
        },
        size,
      );
    },
    [frame, routing, layer, group],
  );
  if (!group) return null;
  return (
    <div>
      <Field label="Rows" inline>
        <Segmented
          label="Rows of the task strips"
          value={group.by}
          segments={routing.groups.map((each) => ({ value: each.by, label: each.by }))}
          onChange={setBy}
        />
      </Field>
      <MechanismChart draw={draw} footer={frame.footer} widest={1100} />
    </div>
  );
}

/** E4: load by rank. */
export function LoadCurveChart({ frame, routing, layer }: RoutingProps & { readonly layer: number }) {
  const draw = useCallback(
    (size: ChartSize) => {
      const row = routing.layers.indexOf(layer);
      if (row < 0) return null;
      const { experts, perToken } = routing;
      const series = conditions.flatMap((condition): LoadSeries[] => {
        const [values, numbers, name] = [routing[condition], routing.summary[condition], frame[condition]];
        if (!values || !numbers || name === null) return [];
        return [
          {
            name,
            condition,
            frequency: values.slice(row * experts, (row + 1) * experts),
            gini: numbers.gini[row] ?? null,
            maxOverMean: numbers.maxOverMean[row] ?? null,
            effectiveExperts: numbers.effectiveExperts[row] ?? null,
          },
        ];
      });
      return layoutLoadCurve({ comparison: comparisonSpec(frame), layer, perToken }, series, size);
    },
    [frame, routing, layer],
  );
  return <MechanismChart draw={draw} footer={frame.footer} widest={700} />;
}

/** E6: which experts work together. */
export function CoActivationChart({
  frame,
  layer,
}: Pick<RoutingProps, 'frame'> & { readonly layer: number }) {
  const pairs = useApp((state) => state.mechanism.pairs);
  const load = useApp((state) => state.mechanism.loadPairs);
  const [variant, setVariant] = useState<'all pairs' | 'rank-adjacent'>('all pairs');
  const [side, setSide] = useState<'baseline' | 'comparison'>('comparison');
  const subject = (side === 'comparison' ? frame.comparison : null) ?? frame.baseline;
  useEffect(() => void load(subject, layer), [load, subject, layer, frame]);
  const draw = useCallback(
    (size: ChartSize) => {
      if (pairs.status !== 'ready' || !pairs.value) return null;
      const { experts, allPairs, rankAdjacent } = pairs.value;
      const together = variant === 'all pairs' ? allPairs : rankAdjacent;
      if (together.length === 0) return null;
      return layoutCoActivation(comparisonSpec(frame), { layer: pairs.value.layer, experts, together, variant, subject: pairs.value.subject }, size); // prettier-ignore
    },
    [frame, pairs, variant],
  );
  return (
    <div>
      <div className="mech-controls">
        <Segmented
          label="Pairs counted"
          value={variant}
          segments={[
            { value: 'all pairs', label: 'All pairs' },
            { value: 'rank-adjacent', label: 'Rank-adjacent (OLMoE)' },
          ]}
          onChange={setVariant}
        />
        {frame.comparison === null ? null : (
          <Segmented
            label="Subject of the pairs"
            value={side}
            segments={[
              { value: 'baseline', label: frame.baseline },
              { value: 'comparison', label: frame.comparison },
            ]}
            onChange={setSide}
          />
        )}
      </div>
      {pairs.status === 'ready' && !pairs.value ? (
        <p className="muted">Pairs of experts were not measured for this subject.</p>
      ) : (
        <MechanismChart draw={draw} footer={frame.footer} widest={760} />
      )}
    </div>
  );
}

/** E8: one layer's load over checkpoints. */
export function ExpertFilmstrip({ frame, routing }: RoutingProps) {
  const filmstrip = useApp((state) => state.mechanism.filmstrip);
  const draw = useCallback(
    (size: ChartSize) => {
      if (filmstrip.status !== 'ready') return null;
      const { layer, frames } = filmstrip.value;
      return layoutFilmstrip(
        { comparison: comparisonSpec(frame), layer, what: 'experts', label: 'routing load', unit: '', perToken: routing.perToken }, // prettier-ignore
        frames.map(({ name, step, experts }) => ({ name, step, values: experts })),
        size,
      );
    },
    [frame, routing, filmstrip],
  );
  return <MechanismChart draw={draw} footer={frame.footer} widest={1100} />;
}
