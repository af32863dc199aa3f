import {
  useContext,
  useId,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type PointerEvent,
  type ReactNode,
} from 'react';
import type { ChartCell, ChartGeometry, ChartSize, ChartTarget } from './geometry.ts';
import { ChartHostContext } from './chartHost.ts';
import { ChartLegend, ChartNotes } from './ChartKey.tsx';
import { ChartPicture } from './ChartPicture.tsx';
import { nextCell } from './navigate.ts';
import { saveChart, type ChartFileType } from './saveChart.ts';
import './chart.css';

const fileTypes: readonly ChartFileType[] = ['svg', 'png', 'csv', 'json'];
/** 85 mm less the margins of the file, in CSS pixels, and letters of 7 points. */
const columnSize: ChartSize = { width: 289, height: 200, fontSize: 9.3 };
/** Pixels the pointer must travel before a press counts as a brush. */
const brushThresholdPx = 4;

export interface ChartProps {
  readonly geometry: ChartGeometry;
  /** What the chart was made from: run ids, dataset hash. Shown under it and written into files. */
  readonly footer: string;
  /** Click or Enter on a cell. */
  readonly onOpen?: (cell: ChartCell) => void;
  /** Click or Enter on a cell that stands for a part of the model; null takes the selection away. */
  readonly onSelect?: (target: ChartTarget | null) => void;
  /** What is selected anywhere; cells that stand for it are outlined. */
  readonly selected?: ChartTarget | null;
  /** The brushed range in units of the axis; null takes the brush away. */
  readonly brushed?: readonly [number, number] | null;
  readonly onBrush?: (range: readonly [number, number] | null) => void;
  /** Heading level of the title in the page. */
  readonly level?: 2 | 3;
  /** Form equivalents of the brush and other settings, under the picture. */
  readonly controls?: ReactNode;
  /** Lays the chart out anew for a column of a paper. */
  readonly inColumn?: (size: ChartSize) => ChartGeometry | null;
}

/** Digits that are no rounding of what was computed. */
const exactNumber = (value: number): string =>
  value.toLocaleString('en-US', { maximumSignificantDigits: 12 });

function isPartOf(target: ChartTarget | undefined, selected: ChartTarget): boolean {
  if (!target) return false;
  const keys = Object.keys(target) as (keyof ChartTarget)[];
  return keys.length > 0 && keys.every((key) => target[key] === selected[key]);
}

/**
 * A chart in its frame: title (the finding), what is plotted, the picture, legend, origin; a table of the
 * exact values; files. The picture has one tab stop: arrows move over the cells, Enter opens, Esc leaves.
 */
export function Chart({
  geometry,
  footer,
  onOpen,
  onSelect,
  selected = null,
  brushed = null,
  onBrush,
  level = 3,
  controls,
  inColumn,
}: ChartProps) {
  const [asTable, setAsTable] = useState(false);
  const [cursorId, setCursorId] = useState<string | null>(null);
  const [draft, setDraft] = useState<readonly [number, number] | null>(null);
  const [pinnedId, setPinnedId] = useState<string | null>(null);
  const host = useContext(ChartHostContext);
  const pressedAt = useRef<number | null>(null);
  const id = useId();
  const { size, cells, brush } = geometry;
  const cursor = cells.find((cell) => cell.id === cursorId) ?? null;
  const pinned = cells.find((cell) => cell.id === pinnedId) ?? null;
  // What is pointed at is told; else what was pinned, since nobody hovers from a lectern.
  const told = cursor ?? pinned;
  const toldAt = told ? Math.max(0, Math.min(1, (told.x + told.width / 2) / size.width)) : 0;
  const linked = useMemo(
    () => (selected ? cells.filter(({ target }) => isPartOf(target, selected)) : []),
    [cells, selected],
  );
  const open = (cell: ChartCell): void => {
    setPinnedId(cell.id);
    onOpen?.(cell);
    if (cell.target) onSelect?.(cell.target);
  };
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
      if (cursor === null && brushed === null && pinned === null && selected === null) return;
      setCursorId(null);
      setPinnedId(null);
      onSelect?.(null);
      onBrush?.(null);
    } else if (event.key === 'Enter' || event.key === ' ') {
      if (!cursor) return;
      open(cursor);
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
                      {typeof value === 'number' ? exactNumber(value) : (value ?? '–')}
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
            if (cell) open(cell);
          }}
          onPointerLeave={() => {
            if (pressedAt.current === null) setCursorId(null);
          }}
          onDoubleClick={() => onBrush?.(null)}
        >
          <ChartPicture geometry={geometry} hatchId={`${id}-hatch`} openable={Boolean(onOpen || onSelect)}>
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
            {linked.map((cell) => (
              <rect
                key={cell.id}
                className="chart-linked"
                x={cell.x}
                y={cell.y}
                width={cell.width}
                height={cell.height}
              />
            ))}
            {cursor ? (
              <rect
                className="chart-cursor"
                x={cursor.x}
                y={cursor.y}
                width={cursor.width}
                height={cursor.height}
              />
            ) : null}
          </ChartPicture>
          {told ? (
            <div
              className="chart-tip"
              data-pinned={told === pinned || undefined}
              style={{
                // At the left edge it starts there, at the right edge it ends there, so it never leaves the picture.
                insetInlineStart: `${toldAt * size.width}px`,
                insetBlockStart: `${told.y}px`,
                translate: `${toldAt * -100}% calc(-100% - 0.4rem)`,
              }}
            >
              {told.label}
            </div>
          ) : null}
          <span className="visually-hidden" aria-live="polite">
            {cursor?.label}
          </span>
        </div>
      )}
      <div className="chart-foot">
        <ChartLegend geometry={geometry} hatchId={`${id}-hatch`} />
        {controls}
      </div>
      <ChartNotes geometry={geometry} />
      <div className="chart-foot">
        <span className="chart-origin">{footer}</span>
        <div className="chart-tools" role="group" aria-label="Chart as">
          <button type="button" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
            {asTable ? 'Show as chart' : 'Show as table'}
          </button>
          {host ? (
            <button type="button" onClick={() => host.onPin({ geometry, footer })}>
              Pin<span className="visually-hidden"> to the board: {geometry.title}</span>
            </button>
          ) : null}
          {inColumn ? (
            <button
              type="button"
              title="For a column of a paper: 85 mm wide, letters of 7 points"
              onClick={() => {
                const narrow = inColumn(columnSize);
                if (narrow)
                  void saveChart({ ...narrow, name: `${narrow.name}-column` }, 'svg', footer, 'light');
              }}
            >
              SVG 85 mm<span className="visually-hidden"> wide</span>
            </button>
          ) : null}
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
