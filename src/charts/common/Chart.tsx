import { useId, useRef, useState, type KeyboardEvent, type PointerEvent, type ReactNode } from 'react';
import type { ChartCell, ChartGeometry } from './geometry.ts';
import { nextCell } from './navigate.ts';
import { pagePaint } from './palette.ts';
import { svgElement } from './paintSvg.ts';
import { saveChart, type ChartFileType } from './saveChart.ts';
import './chart.css';

const fileTypes: readonly ChartFileType[] = ['svg', 'png', 'csv', 'json'];
/** Pixels the pointer must travel before a press counts as a brush. */
const brushThresholdPx = 4;

export interface ChartProps {
  readonly geometry: ChartGeometry;
  /** What the chart was made from: run ids, dataset hash. Shown under it and written into files. */
  readonly footer: string;
  /** Click or Enter on a cell. */
  readonly onOpen?: (cell: ChartCell) => void;
  /** The brushed range in units of the axis; null takes the brush away. */
  readonly brushed?: readonly [number, number] | null;
  readonly onBrush?: (range: readonly [number, number] | null) => void;
  /** Heading level of the title in the page. */
  readonly level?: 2 | 3;
  /** Form equivalents of the brush and other settings, under the picture. */
  readonly controls?: ReactNode;
}

/**
 * A chart in its frame: title (the finding), what is plotted, the picture, legend, origin; a table of the
 * exact values; files. The picture has one tab stop: arrows move over the cells, Enter opens, Esc leaves.
 */
export function Chart({
  geometry,
  footer,
  onOpen,
  brushed = null,
  onBrush,
  level = 3,
  controls,
}: ChartProps) {
  const [asTable, setAsTable] = useState(false);
  const [cursorId, setCursorId] = useState<string | null>(null);
  const [draft, setDraft] = useState<readonly [number, number] | null>(null);
  const pressedAt = useRef<number | null>(null);
  const id = useId();
  const { size, cells, brush } = geometry;
  const cursor = cells.find((cell) => cell.id === cursorId) ?? null;
  const Title = level === 2 ? 'h2' : 'h3';

  const cellAt = (x: number, y: number): ChartCell | null =>
    cells.find(
      (cell) => x >= cell.x && x <= cell.x + cell.width && y >= cell.y && y <= cell.y + cell.height,
    ) ?? null;
  const positionOf = (event: PointerEvent): { x: number; y: number } => {
    const box = event.currentTarget.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') {
      if (cursor === null && brushed === null) return;
      setCursorId(null);
      onBrush?.(null);
    } else if (event.key === 'Enter' || event.key === ' ') {
      if (!cursor) return;
      onOpen?.(cursor);
    } else {
      const next = cursor ? nextCell(cells, cursor, event.key) : (cells[0] ?? null);
      if (!/^(Arrow|Home|End|Page)/.test(event.key)) return;
      if (next) setCursorId(next.id);
    }
    event.preventDefault();
    event.stopPropagation();
  };

  const range = draft ?? brushed;
  return (
    <figure className="chart" aria-labelledby={`${id}-title`}>
      <figcaption className="chart-head">
        <div className="chart-words">
          <Title id={`${id}-title`} className="chart-title">
            {geometry.title}
          </Title>
          <p id={`${id}-sub`} className="chart-subtitle">
            {geometry.subtitle}
          </p>
        </div>
      </figcaption>
      {asTable ? (
        // Scrolls by keyboard.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <div className="chart-table" tabIndex={0} role="region" aria-label={`Values: ${geometry.title}`}>
          <table>
            <thead>
              <tr>
                {geometry.table.columns.map((column) => (
                  <th key={column} scope="col">
                    {column}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {geometry.table.rows.map((row, index) => (
                <tr key={index}>
                  {row.map((value, column) => (
                    <td key={column} className={typeof value === 'number' ? 'num' : undefined}>
                      {typeof value === 'number' ? value.toLocaleString('en-US') : (value ?? '–')}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        // One tab stop for the whole picture; the keys act while it has the focus.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
        <div
          className="chart-plot"
          role="group"
          aria-roledescription="chart"
          aria-label={geometry.title}
          aria-describedby={`${id}-sub`}
          // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
          tabIndex={0}
          onKeyDown={onKeyDown}
          onBlur={() => setCursorId(null)}
          onPointerDown={(event) => {
            if (!brush || !onBrush || event.button !== 0) return;
            const { x, y } = positionOf(event);
            if (y < brush.y0 || y > brush.y1) return;
            pressedAt.current = x;
            event.currentTarget.setPointerCapture(event.pointerId);
          }}
          onPointerMove={(event) => {
            const { x, y } = positionOf(event);
            if (brush && pressedAt.current !== null && Math.abs(x - pressedAt.current) > brushThresholdPx) {
              const inside = (value: number): number => Math.max(brush.x0, Math.min(brush.x1, value));
              const ends = [brush.invert(inside(pressedAt.current)), brush.invert(inside(x))] as const;
              setDraft([Math.min(...ends), Math.max(...ends)]);
              return;
            }
            setCursorId(cellAt(x, y)?.id ?? null);
          }}
          onPointerUp={(event) => {
            const { x, y } = positionOf(event);
            pressedAt.current = null;
            if (draft) {
              onBrush?.(draft);
              setDraft(null);
              return;
            }
            const cell = cellAt(x, y);
            if (cell) onOpen?.(cell);
          }}
          onPointerLeave={() => {
            if (pressedAt.current === null) setCursorId(null);
          }}
          onDoubleClick={() => onBrush?.(null)}
        >
          <svg
            width={size.width}
            height={size.height}
            viewBox={`0 0 ${size.width} ${size.height}`}
            aria-hidden="true"
            data-openable={onOpen ? true : undefined}
          >
            <defs>
              <pattern
                id={`${id}-hatch`}
                width="5"
                height="5"
                patternUnits="userSpaceOnUse"
                patternTransform="rotate(45)"
              >
                <rect width="5" height="5" fill={pagePaint.surface} />
                <line x1="0" y1="0" x2="0" y2="5" stroke={pagePaint.inkFaint} strokeWidth="2.4" />
              </pattern>
            </defs>
            {geometry.marks.map((mark, index) => {
              const {
                tag: Tag,
                attributes,
                text,
              } = svgElement(mark, pagePaint, size.fontSize, `${id}-hatch`);
              const { 'text-anchor': textAnchor, ...rest } = attributes;
              const camel = Object.fromEntries(
                Object.entries(rest).map(([name, value]) => [
                  name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase()),
                  value,
                ]),
              );
              return (
                <Tag
                  key={index}
                  {...camel}
                  {...(textAnchor ? { textAnchor: String(textAnchor) as 'end' } : {})}
                >
                  {text}
                </Tag>
              );
            })}
            {brush && range ? (
              <rect
                className="chart-brush"
                x={Math.max(brush.x0, brush.position(range[0]))}
                y={brush.y0}
                width={Math.max(
                  1,
                  Math.min(brush.x1, brush.position(range[1])) - Math.max(brush.x0, brush.position(range[0])),
                )}
                height={brush.y1 - brush.y0}
              />
            ) : null}
            {cursor ? (
              <rect
                className="chart-cursor"
                x={cursor.x}
                y={cursor.y}
                width={cursor.width}
                height={cursor.height}
              />
            ) : null}
          </svg>
          {cursor ? (
            <div
              className="chart-tip"
              style={{
                insetInlineStart: `${Math.min(cursor.x + cursor.width / 2, size.width - 90)}px`,
                insetBlockStart: `${cursor.y}px`,
              }}
            >
              {cursor.label}
            </div>
          ) : null}
          <span className="visually-hidden" aria-live="polite">
            {cursor?.label}
          </span>
        </div>
      )}
      <div className="chart-foot">
        {geometry.legend.map((entry) => (
          <span key={entry.label} className="chart-legend">
            <svg width="0.8em" height="0.8em" viewBox="0 0 10 10" aria-hidden="true">
              <rect
                x="0.5"
                y="0.5"
                width="9"
                height="9"
                fill={
                  entry.fill === 'none'
                    ? 'none'
                    : entry.fill === 'hatch'
                      ? `url(#${id}-hatch)`
                      : pagePaint[entry.fill]
                }
                stroke={entry.stroke ? pagePaint[entry.stroke] : pagePaint.axis}
              />
            </svg>
            {entry.label}
          </span>
        ))}
        {controls}
      </div>
      <div className="chart-foot">
        <span className="chart-origin">{footer}</span>
        <div className="chart-tools" role="group" aria-label="Chart as">
          <button type="button" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
            {asTable ? 'Show as chart' : 'Show as table'}
          </button>
          {fileTypes.map((type) => (
            <button
              key={type}
              type="button"
              aria-label={`Save as ${type.toUpperCase()}`}
              onClick={() =>
                void saveChart(
                  geometry,
                  type,
                  footer,
                  document.documentElement.dataset['theme'] === 'dark' ? 'dark' : 'light',
                )
              }
            >
              {type.toUpperCase()}
            </button>
          ))}
        </div>
      </div>
    </figure>
  );
}
