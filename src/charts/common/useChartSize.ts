import { useLayoutEffect, useRef, useState, type RefObject } from 'react';
import type { ChartSize } from './geometry.ts';

/**
 * The width an element offers and the tick size that follows the page's scale.
 * `heightEm`: height in multiples of the tick size.
 */
export function useChartSize(heightEm: number): {
  readonly ref: RefObject<HTMLDivElement | null>;
  readonly size: ChartSize | null;
} {
  const ref = useRef<HTMLDivElement>(null);
  const [box, setBox] = useState<{ width: number; fontSize: number } | null>(null);
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return;
    const measure = (): void => {
      const fontSize = Number.parseFloat(getComputedStyle(element).fontSize);
      const width = Math.floor(element.clientWidth);
      setBox((before) =>
        before && before.width === width && before.fontSize === fontSize ? before : { width, fontSize },
      );
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  if (!box || box.width < 40) return { ref, size: null };
  return { ref, size: { ...box, height: Math.round(heightEm * box.fontSize) } };
}
