import { useLayoutEffect, useMemo, useRef, type ReactNode } from 'react';
import type { ChartGeometry, GridMark, Mark } from './geometry.ts';
import { paintGrids } from './paintGrid.ts';
import { darkPaint, lightPaint, pagePaint } from './palette.ts';
import { svgElement } from './paintSvg.ts';
import { usePageTheme } from './usePageTheme.ts';

function camelCased(attributes: Readonly<Record<string, string | number>>): Record<string, string | number> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [
      name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );
}

/** The marks of a chart: grids on a canvas below, everything else as SVG. Without words for screen readers. */
export function ChartPicture({
  geometry,
  hatchId,
  openable,
  children,
}: {
  geometry: ChartGeometry;
  /** Unique in the page. */
  hatchId: string;
  openable?: boolean;
  /** Brush and cursors, above the marks. */
  children?: ReactNode;
}) {
  const { size, marks } = geometry;
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = usePageTheme();
  const grids = useMemo(() => marks.filter((mark): mark is GridMark => mark.type === 'grid'), [marks]);
  useLayoutEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const scale = window.devicePixelRatio || 1;
    element.width = Math.round(size.width * scale);
    element.height = Math.round(size.height * scale);
    const { surface, inkFaint } = theme === 'dark' ? darkPaint : lightPaint;
    paintGrids(element, grids, scale, { theme, surface, inkFaint });
  }, [grids, size.width, size.height, theme]);
  const drawn = useMemo(
    () =>
      marks
        .filter((mark): mark is Exclude<Mark, GridMark> => mark.type !== 'grid')
        .map((mark, index) => {
          const { tag: Tag, attributes, text } = svgElement(mark, pagePaint, size.fontSize, hatchId);
          const { 'text-anchor': textAnchor, ...rest } = attributes;
          return (
            <Tag
              key={index}
              {...camelCased(rest)}
              {...(textAnchor ? { textAnchor: String(textAnchor) as 'end' } : {})}
            >
              {text}
            </Tag>
          );
        }),
    [marks, size.fontSize, hatchId],
  );
  return (
    <>
      {grids.length > 0 ? (
        <canvas
          ref={canvas}
          className="chart-canvas"
          aria-hidden="true"
          style={{ inlineSize: `${size.width}px`, blockSize: `${size.height}px` }}
        />
      ) : null}
      <svg
        width={size.width}
        height={size.height}
        viewBox={`0 0 ${size.width} ${size.height}`}
        aria-hidden="true"
        data-openable={openable ? true : undefined}
      >
        <defs>
          <pattern
            id={hatchId}
            width="5"
            height="5"
            patternUnits="userSpaceOnUse"
            patternTransform="rotate(45)"
          >
            <rect width="5" height="5" fill={pagePaint.surface} />
            <line x1="0" y1="0" x2="0" y2="5" stroke={pagePaint.inkFaint} strokeWidth="2.4" />
          </pattern>
        </defs>
        {drawn}
        {children}
      </svg>
    </>
  );
}
