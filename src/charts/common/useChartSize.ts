import { useCallback, useState, type RefCallback } from 'react';
import type { ChartSize } from './geometry.ts';

/**
 * The width an element offers and the tick size that follows the page's scale.
 * `heightEm`: height in multiples of the tick size.
 */
export function useChartSize(heightEm: number): {
  readonly ref: RefCallback<HTMLDivElement>;
  readonly size: ChartSize | null;
} {
  const [box, setBox] = useState<{ width: number; fontSize: number } | null>(null);
  // A callback, because the element may come later than the component.
  const ref = useCallback((element: HTMLDivElement) => {
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
