import { useEffect, useMemo, useRef, useState } from 'react';
import type { TextHit, TrajectoryDetail } from '../../../workers/dataApi.ts';
import { layoutMinimap } from './minimap.ts';

const columnWidth = 28;

/** The whole trajectory beside the text: steps by type, documents seen, search hits; a click goes there. */
export function MinimapColumn({
  detail,
  hits,
  current,
  onStep,
  onHit,
}: {
  detail: TrajectoryDetail;
  hits: readonly TextHit[];
  current: number;
  onStep: (index: number) => void;
  onHit: (hit: number) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [height, setHeight] = useState(0);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const map = useMemo(
    () =>
      layoutMinimap(detail.trajectory.steps, detail.textLengths, detail.trajectory.documents, hits, height),
    [detail, hits, height],
  );
  const now = map.bands.find((band) => band.stepIndex === current);
  return (
    // A picture of the outline, which is the way in for keyboard and screen reader.
    <div className="minimap" ref={box} aria-hidden="true">
      <svg
        width={columnWidth}
        height={height}
        onClick={(event) => {
          const y = event.nativeEvent.offsetY;
          const tick = map.ticks.find((each) => Math.abs(each.y - y) <= 2);
          if (tick) return onHit(tick.hit);
          const band = map.bands.find((each) => y < each.y + each.height);
          if (band) onStep(band.stepIndex);
        }}
      >
        {map.bands.map((band) => (
          <rect
            key={band.stepIndex}
            x={6}
            y={band.y}
            width={12}
            height={Math.max(0.5, band.height - (band.height > 2 ? 0.75 : 0))}
            className={`minimap-${band.type}`}
          />
        ))}
        {map.bands.map((band) =>
          band.isDocument ? (
            <rect
              key={band.stepIndex}
              x={1}
              y={band.y}
              width={3}
              height={Math.max(1, band.height - 0.75)}
              className="minimap-document"
            />
          ) : null,
        )}
        {map.ticks.map((tick) => (
          <rect key={tick.hit} x={18} y={tick.y - 1} width={9} height={2} className="minimap-hit" />
        ))}
        {now ? (
          <rect
            x={4.5}
            y={now.y - 1}
            width={15}
            height={Math.max(4, now.height + 1)}
            className="minimap-now"
          />
        ) : null}
      </svg>
    </div>
  );
}
