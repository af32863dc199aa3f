import { useMemo } from 'react';
import { Chart } from '../../../charts/common/Chart.tsx';
import type { ChartGeometry, ChartSize } from '../../../charts/common/geometry.ts';
import { useChartSize } from '../../../charts/common/useChartSize.ts';
import { useApp } from '../../../state/useApp.ts';
import { Skeleton } from '../../widgets/States.tsx';

/**
 * A chart of this view: as wide as its place, following the selection of all charts. `draw` must be stable
 * (`useCallback` or `useMemo` by its data); null draws nothing.
 */
export function MechanismChart({
  draw,
  footer,
  onBrush,
  brushed,
  widest = 1600,
  level = 3,
}: {
  draw: (size: ChartSize) => ChartGeometry | null;
  footer: string;
  onBrush?: (range: readonly [number, number] | null) => void;
  brushed?: readonly [number, number] | null;
  /** Charts of few marks are not stretched. */
  widest?: number;
  /** Heading level where the chart stands. */
  level?: 2 | 3;
}) {
  const { ref, size } = useChartSize(20);
  const selected = useApp((state) => state.mechanism.selected);
  const select = useApp((state) => state.mechanism.select);
  const geometry = useMemo(
    () => (size ? draw({ ...size, width: Math.min(size.width, widest * (size.fontSize / 12)) }) : null),
    [draw, size?.width, size?.fontSize, widest], // eslint-disable-line react-hooks/exhaustive-deps
  );
  return (
    <section className="mech-chart">
      <div ref={ref}>
        {geometry ? (
          <Chart
            geometry={geometry}
            footer={footer}
            level={level}
            selected={selected}
            onSelect={select}
            inColumn={draw}
            {...(onBrush ? { onBrush, brushed: brushed ?? null } : {})}
          />
        ) : size ? null : (
          <Skeleton lines={5} label="Laying out" />
        )}
      </div>
    </section>
  );
}
