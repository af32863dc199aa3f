import { useCallback, useMemo } from 'react';
import type { MetricSpec } from '../../../charts/common/comparison.ts';
import type { ChartSize } from '../../../charts/common/geometry.ts';
import { headLabel } from '../../../charts/common/numbers.ts';
import { layoutDistanceSpectrum, type Spectrum } from '../../../charts/distanceSpectrum/layout.ts';
import { layoutFilmstrip } from '../../../charts/filmstrip/layout.ts';
import { layoutHeadScatter } from '../../../charts/headScatter/layout.ts';
import { layoutHeadTriptych, type HeadMaps } from '../../../charts/headTriptych/layout.ts';
import { layoutLayerLine, type LayerSeries } from '../../../charts/layerLine/layout.ts';
import { layoutMovers } from '../../../charts/movers/layout.ts';
import { layoutRidgeline, mostRidges } from '../../../charts/ridgeline/layout.ts';
import { useApp } from '../../../state/useApp.ts';
import type { MechanismFrame } from '../../../workers/mechanismApi.ts';
import { MechanismChart } from './MechanismChart.tsx';
import { comparisonSpec, metricSpec } from './metricNames.ts';

interface FrameProps {
  readonly frame: MechanismFrame;
}

function useMetric(frame: MechanismFrame): MetricSpec {
  return useMemo(() => metricSpec(frame.metric, frame.goldShare), [frame]);
}

function mapsOf(frame: MechanismFrame): HeadMaps {
  const { baseline, comparison, change } = frame.metric;
  return { layers: frame.layers, heads: frame.heads, baseline, comparison, change };
}

/** The maps of one layer alone: cells of the others have no value. Null: of all layers. */
function mapsOfLayer(frame: MechanismFrame, layer: number | null): HeadMaps {
  const maps = mapsOf(frame);
  if (layer === null) return maps;
  const only = (values: readonly (number | null)[]): (number | null)[] =>
    values.map((value, cell) => (Math.floor(cell / frame.heads) === layer ? value : null));
  const { baseline, comparison, change } = maps;
  return {
    ...maps,
    baseline: only(baseline),
    comparison: comparison && only(comparison),
    change: change && {
      ...change,
      values: only(change.values),
      clear: change.clear.map((isClear, cell) => isClear && Math.floor(cell / frame.heads) === layer),
    },
  };
}

/** In the order of drawing: the comparison lies on top. */
const conditions = ['baseline', 'control', 'comparison'] as const;

/** D1: the metric over layers, a dot a head. */
export function LayerLineChart({ frame }: FrameProps) {
  const metric = useMetric(frame);
  const draw = useCallback(
    (size: ChartSize) => {
      const { layers, chance } = frame.metric;
      const series = conditions.flatMap((condition): LayerSeries[] => {
        const [numbers, heads, name] = [layers[condition], frame.metric[condition], frame[condition]];
        if (!numbers || !heads || name === null) return [];
        const over = chance?.over[condition];
        return [{ name, condition, ...numbers, heads, ...(over ? { overReference: over } : {}) }];
      });
      const { change } = layers;
      return layoutLayerLine(
        {
          comparison: comparisonSpec(frame),
          metric,
          changes: change?.values ?? null,
          clearLayers: change?.hasIntervals ? change.clear : null,
        },
        series,
        size,
      );
    },
    [frame, metric],
  );
  return <MechanismChart draw={draw} footer={frame.footer} widest={1100} />;
}

/** D2: layer × head, before, after, difference. */
export function TriptychChart({ frame, level = 3 }: FrameProps & { readonly level?: 2 | 3 }) {
  const metric = useMetric(frame);
  const order = useApp((state) => state.mechanism.order);
  const draw = useCallback(
    (size: ChartSize) =>
      layoutHeadTriptych({ comparison: comparisonSpec(frame), metric, order }, mapsOf(frame), size),
    [frame, metric, order],
  );
  return <MechanismChart draw={draw} footer={frame.footer} level={level} />;
}

/** D3: each head before against after. */
export function ScatterChart({ frame }: FrameProps) {
  const metric = useMetric(frame);
  const layer = useApp((state) => state.mechanism.layerFilter);
  const draw = useCallback(
    (size: ChartSize) => layoutHeadScatter({ comparison: comparisonSpec(frame), metric, order: 'index' }, mapsOfLayer(frame, layer), size), // prettier-ignore
    [frame, metric, layer],
  );
  return <MechanismChart draw={draw} footer={frame.footer} widest={620} />;
}

/** D4: the heads that changed most. */
export function HeadMoversChart({ frame }: FrameProps) {
  const metric = useMetric(frame);
  const layer = useApp((state) => state.mechanism.layerFilter);
  const draw = useCallback(
    (size: ChartSize) => {
      const { baseline, comparison, change } = mapsOfLayer(frame, layer);
      if (!comparison || !change) return null;
      const { heads } = frame;
      return layoutMovers(
        {
          comparison: comparisonSpec(frame),
          metric,
          noun: 'head',
          most: 16,
          labelOf: (cell) => headLabel(Math.floor(cell / heads), cell % heads),
          targetOf: (cell) => ({ layer: Math.floor(cell / heads), head: cell % heads }),
        },
        baseline,
        comparison,
        change,
        size,
      );
    },
    [frame, metric, layer],
  );
  return <MechanismChart draw={draw} footer={frame.footer} widest={800} />;
}

/** D5, and D6 for few layers: where attention goes by distance. */
export function SpectrumCharts({ frame }: FrameProps) {
  const data = useMemo((): Spectrum | null => {
    const { spectrum, composition, layers } = frame;
    if (!spectrum) return null;
    const [base, after] = composition;
    return { layers, ...spectrum, sinkBaseline: base?.sink ?? [], sinkComparison: after?.sink ?? null };
  }, [frame]);
  const drawSpectrum = useCallback(
    (size: ChartSize) => (data ? layoutDistanceSpectrum(comparisonSpec(frame), data, size) : null),
    [frame, data],
  );
  const drawRidges = useCallback(
    (size: ChartSize) => (data ? layoutRidgeline(comparisonSpec(frame), data, size) : null),
    [frame, data],
  );
  if (!data) return null;
  return (
    <>
      <MechanismChart draw={drawSpectrum} footer={frame.footer} />
      {frame.layers <= mostRidges ? (
        <MechanismChart draw={drawRidges} footer={frame.footer} widest={800} />
      ) : null}
    </>
  );
}

/** E8 of heads: one layer over checkpoints. */
export function HeadFilmstrip({ frame }: FrameProps) {
  const metric = useMetric(frame);
  const filmstrip = useApp((state) => state.mechanism.filmstrip);
  const draw = useCallback(
    (size: ChartSize) => {
      if (filmstrip.status !== 'ready') return null;
      const { layer, frames } = filmstrip.value;
      return layoutFilmstrip(
        {
          comparison: comparisonSpec(frame),
          layer,
          what: 'heads',
          label: metric.label,
          unit: metric.unit,
          perToken: 1,
        },
        frames.map(({ name, step, heads }) => ({ name, step, values: heads })),
        size,
      );
    },
    [frame, metric, filmstrip],
  );
  return <MechanismChart draw={draw} footer={frame.footer} widest={900} />;
}
