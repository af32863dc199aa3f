import {
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type PointerEvent,
} from 'react';
import { darkPaint, lightPaint } from '../../../charts/common/palette.ts';
import { useChartSize } from '../../../charts/common/useChartSize.ts';
import { usePageTheme } from '../../../charts/common/usePageTheme.ts';
import {
  layoutQueryMap,
  pointAt,
  pointsInside,
  pointTowards,
  type Direction,
  type MapView,
  type QueryMapData,
} from '../../../charts/queryMap/layout.ts';
import { paintQueryMap } from '../../../charts/queryMap/paint.ts';
import { IconButton } from '../../widgets/Button.tsx';

const arrows: Readonly<Record<string, Direction>> = {
  ArrowLeft: 'left',
  ArrowRight: 'right',
  ArrowUp: 'up',
  ArrowDown: 'down',
};
/** A drag shorter than this is a click. */
const clickPixels = 4;

/**
 * The scatter: hover tells, click opens, drag draws a lasso, Shift-drag moves the map, Ctrl-wheel and + − zoom. By
 * keyboard, arrows go from point to point, Space adds to the selection, Enter opens.
 */
export function MapCanvas({
  data,
  label,
  selected,
  current,
  onCurrent,
  onSelect,
  onOpen,
}: {
  readonly data: QueryMapData;
  readonly label: string;
  readonly selected: ReadonlySet<number>;
  /** The point that is told about. */
  readonly current: number | null;
  readonly onCurrent: (index: number | null) => void;
  readonly onSelect: (indices: readonly number[], mode: 'replace' | 'toggle') => void;
  readonly onOpen: (index: number) => void;
}) {
  const { ref, size } = useChartSize(36);
  const theme = usePageTheme();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [view, setView] = useState<MapView>({ scale: 1, centre: null });
  const [lasso, setLasso] = useState<readonly (readonly [number, number])[]>([]);
  const drag = useRef<{
    readonly x: number;
    readonly y: number;
    readonly centre: readonly [number, number];
  } | null>(null);
  const layout = useMemo(() => (size ? layoutQueryMap(data, view, size) : null), [data, view, size]);
  const paint = theme === 'dark' ? darkPaint : lightPaint;

  useLayoutEffect(() => {
    if (!canvas.current || !layout) return;
    paintQueryMap(
      canvas.current,
      data,
      layout,
      (i) => selected.has(i),
      selected.size > 0,
      paint,
      devicePixelRatio,
    );
  }, [data, layout, selected, paint]);

  const zoom = (factor: number): void =>
    setView(({ scale, centre }) => {
      const next = Math.min(64, Math.max(1, scale * factor));
      return { scale: next, centre: next === 1 ? null : (centre ?? layout?.centre ?? null) };
    });

  // React listens for wheels passively, which could not keep the page from zooming.
  useEffect(() => {
    const element = canvas.current;
    const onWheel = (event: WheelEvent): void => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoom(event.deltaY < 0 ? 1.25 : 0.8);
    };
    element?.addEventListener('wheel', onWheel, { passive: false });
    return () => element?.removeEventListener('wheel', onWheel);
  });

  const place = (event: PointerEvent): readonly [number, number] => {
    const box = event.currentTarget.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const onPointerMove = (event: PointerEvent): void => {
    if (!layout) return;
    const [x, y] = place(event);
    const held = drag.current;
    if (!held) {
      onCurrent(pointAt(layout, x, y));
    } else if (event.shiftKey) {
      const centre = [
        held.centre[0] - (x - held.x) / layout.unit,
        held.centre[1] - (y - held.y) / layout.unit,
      ] as const;
      setView(({ scale }) => ({ scale, centre }));
    } else setLasso((corners) => [...corners, [x, y]]);
  };
  const onPointerDown = (event: PointerEvent): void => {
    if (!layout || event.button !== 0) return;
    const [x, y] = place(event);
    event.currentTarget.setPointerCapture(event.pointerId);
    drag.current = { x, y, centre: layout.centre };
    setLasso([[x, y]]);
  };
  const onPointerUp = (event: PointerEvent): void => {
    const held = drag.current;
    drag.current = null;
    setLasso([]);
    if (!layout || !held || event.shiftKey) return;
    const [x, y] = place(event);
    if (lasso.length > 2 && lasso.some(([lx, ly]) => Math.hypot(lx - held.x, ly - held.y) > clickPixels)) {
      onSelect(pointsInside(layout, lasso), 'replace');
      return;
    }
    const hit = pointAt(layout, x, y);
    if (hit === null) onSelect([], 'replace');
    else onOpen(hit);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (!layout) return;
    const direction = arrows[event.key];
    if (direction) onCurrent(current === null ? 0 : pointTowards(layout, current, direction));
    else if (event.key === ' ' && current !== null) onSelect([current], 'toggle');
    else if (event.key === 'Enter' && current !== null) onOpen(current);
    else if (event.key === 'Escape') onSelect([], 'replace');
    else if (event.key === '+' || event.key === '=') zoom(1.5);
    else if (event.key === '-') zoom(1 / 1.5);
    else if (event.key === '0') setView({ scale: 1, centre: null });
    else return;
    event.preventDefault();
  };

  const marked = layout && current !== null ? current : null;
  return (
    <div ref={ref} className="qm-canvas">
      {size ? (
        <div style={{ position: 'relative', blockSize: size.height }}>
          {/* A picture with its own keys: arrows, Space, Enter, as the text beside it says. */}
          <canvas
            ref={canvas}
            role="img"
            aria-label={label}
            aria-describedby="qm-keys"
            tabIndex={0}
            style={{ inlineSize: size.width, blockSize: size.height, touchAction: 'none' }}
            onPointerMove={onPointerMove}
            onPointerDown={onPointerDown}
            onPointerUp={onPointerUp}
            onPointerCancel={() => {
              drag.current = null;
              setLasso([]);
            }}
            onKeyDown={onKeyDown}
          />
          <svg className="qm-overlay" width={size.width} height={size.height} aria-hidden="true">
            {lasso.length > 1 ? <polygon points={lasso.map(([x, y]) => `${x},${y}`).join(' ')} /> : null}
            {marked !== null && layout ? (
              <circle cx={layout.x[marked]} cy={layout.y[marked]} r={layout.radius[marked]! + 4} />
            ) : null}
          </svg>
          <div className="qm-zoom">
            <IconButton icon="plus" label="Zoom in" onClick={() => zoom(1.5)} />
            <IconButton icon="minus" label="Zoom out" onClick={() => zoom(1 / 1.5)} />
          </div>
        </div>
      ) : null}
    </div>
  );
}
