import { useCallback } from 'react';
import type { ComparisonSpec } from '../../../charts/common/comparison.ts';
import type { ChartSize } from '../../../charts/common/geometry.ts';
import { layoutExpertMap } from '../../../charts/expertMap/layout.ts';
import { layoutHeadTriptych } from '../../../charts/headTriptych/layout.ts';
import { useApp } from '../../../state/useApp.ts';
import type { MechanismFrame } from '../../../workers/mechanismApi.ts';
import { MechanismChart } from './MechanismChart.tsx';
import { comparisonSpec, metricSpec } from './metricNames.ts';

function againstControl(frame: MechanismFrame): ComparisonSpec {
  return { ...comparisonSpec(frame), baseline: frame.control ?? '', control: null, isAgainstControl: true };
}

/** The comparison against the control: what matched training alone does not explain. */
export function ControlCharts({ frame }: { readonly frame: MechanismFrame }) {
  const order = useApp((state) => state.mechanism.order);
  const drawHeads = useCallback(
    (size: ChartSize) => {
      const { control, comparison, overControl } = frame.metric;
      if (!control || !comparison || !overControl) return null;
      const maps = {
        layers: frame.layers,
        heads: frame.heads,
        baseline: control,
        comparison,
        change: overControl,
      };
      const metric = metricSpec(frame.metric, frame.goldShare);
      return layoutHeadTriptych({ comparison: againstControl(frame), metric, order }, maps, size);
    },
    [frame, order],
  );
  const drawExperts = useCallback(
    (size: ChartSize) => {
      const { routing } = frame;
      if (!routing?.control || !routing.comparison || !routing.overControl) return null;
      const maps = { ...routing, baseline: routing.control, change: routing.overControl, divergence: null };
      return layoutExpertMap({ comparison: againstControl(frame), order }, maps, size);
    },
    [frame, order],
  );
  return (
    <>
      <MechanismChart draw={drawHeads} footer={frame.footer} />
      <MechanismChart draw={drawExperts} footer={frame.footer} />
    </>
  );
}
