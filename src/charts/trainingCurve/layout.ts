import { mean, variance } from 'd3-array';
import { format } from 'd3-format';
import { scaleLinear, scaleLog } from 'd3-scale';
import { bottomAxis } from '../common/axis.ts';
import type { ChartCell, ChartGeometry, ChartSize, Mark, PaintName } from '../common/geometry.ts';
import { px } from '../common/geometry.ts';

export interface CurvePoint {
  readonly x: number;
  /** Values that are not finite are left out of the picture; the table has them as empty. */
  readonly y: number;
}

/** `raw`: faint, as measured; `smooth`: an exponential mean of the raw one; `line`: as measured; `dots`: few values. */
export interface CurveSeries {
  readonly name: string;
  readonly kind: 'raw' | 'smooth' | 'line' | 'dots';
  readonly points: readonly CurvePoint[];
  readonly paint?: PaintName;
}

export interface CurveSpec {
  /** Stable name for files. */
  readonly name: string;
  readonly title: string;
  readonly subtitle: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly logY: boolean;
  /** Whether the y axis begins at 0. */
  readonly fromZero: boolean;
  readonly valueText: (value: number) => string;
  /** Labels of the y axis; numbers where absent. */
  readonly tickText?: (value: number) => string;
  /** Places along x with a word, e.g. checkpoints. */
  readonly markers: readonly {
    readonly x: number;
    readonly label: string;
    readonly kind: 'checkpoint' | 'best' | 'loss';
  }[];
}

/** Points that a line is drawn through; more are joined by their least and greatest, so that no spike is lost. */
const mostDrawn = 800;
/** Stops for the arrow keys. */
const mostCells = 120;
const short = format('.3~s');

/**
 * Exponential mean of a series, corrected for its start: m ← f·m + (1−f)·y, divided by 1 − fᵗ.
 * @param factor share of the past, 0 … 1
 */
export function smoothed(points: readonly CurvePoint[], factor: number): CurvePoint[] {
  let mean = 0;
  let weight = 0;
  return points.flatMap(({ x, y }) => {
    if (!Number.isFinite(y)) return [];
    mean = factor * mean + (1 - factor) * y;
    weight = factor * weight + (1 - factor);
    return [{ x, y: mean / weight }];
  });
}

/** Steps below which no trend is told. */
const fewestForTrend = 20;

/**
 * Whether a noisy series goes anywhere: means of its first and last fifth, and a way where they lie further apart
 * than two standard errors of their difference (Welch). Null for fewer than 20 values.
 */
export function trendOf(values: readonly number[]): {
  readonly first: number;
  readonly last: number;
  readonly window: number;
  readonly way: 'falls' | 'rises' | 'unclear';
} | null {
  const finite = values.filter(Number.isFinite);
  if (finite.length < fewestForTrend) return null;
  const window = Math.floor(finite.length / 5);
  const [before, after] = [finite.slice(0, window), finite.slice(-window)];
  const [first, last] = [mean(before) ?? 0, mean(after) ?? 0];
  const error = Math.sqrt(((variance(before) ?? 0) + (variance(after) ?? 0)) / window);
  const way = Math.abs(last - first) <= 2 * error ? 'unclear' : last < first ? 'falls' : 'rises';
  return { first, last, window, way };
}

/** At most about `most` points with the same extremes. */
function thinned(points: readonly CurvePoint[], most: number): readonly CurvePoint[] {
  if (points.length <= most) return points;
  const width = Math.ceil(points.length / (most / 2));
  const kept: CurvePoint[] = [];
  for (let at = 0; at < points.length; at += width) {
    const part = points.slice(at, at + width);
    const low = part.reduce((a, b) => (b.y < a.y ? b : a));
    const high = part.reduce((a, b) => (b.y > a.y ? b : a));
    kept.push(...(low.x < high.x ? [low, high] : low === high ? [low] : [high, low]));
  }
  return kept;
}

function extent(values: readonly number[]): [number, number] {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return [least, most];
}

/** Lines over steps: loss, learning rate, norms, speed, memory. */
export function layoutTrainingCurve(
  spec: CurveSpec,
  series: readonly CurveSeries[],
  size: ChartSize,
): ChartGeometry {
  const { width, height, fontSize } = size;
  const left = Math.round(fontSize * 4.2);
  const right = width - Math.round(fontSize);
  const top = Math.round(fontSize * 0.9);
  const bottom = height - Math.round(fontSize * 3.2);
  const usable = (y: number): boolean => Number.isFinite(y) && (!spec.logY || y > 0);
  const drawn = series.map((each) => ({ ...each, points: each.points.filter(({ y }) => usable(y)) }));
  const all = drawn.flatMap(({ points }) => points);
  const [xLeast, xMost] = all.length > 0 ? extent(all.map(({ x }) => x)) : [0, 1];
  const [yLeast, yMost] = all.length > 0 ? extent(all.map(({ y }) => y)) : [spec.logY ? 0.1 : 0, 1];
  const pad = (yMost - yLeast || Math.abs(yMost) || 1) * 0.06;
  const x = scaleLinear([Math.min(xLeast, 1), Math.max(xMost, xLeast + 1)], [left, right]);
  const y = spec.logY
    ? scaleLog([yLeast / 1.15, yMost * 1.15], [bottom, top])
    : scaleLinear([spec.fromZero ? 0 : yLeast - pad, yMost + pad], [bottom, top]);
  const marks: Mark[] = [];
  for (const tick of y.ticks(spec.logY ? 3 : 4)) {
    const at = px(y(tick));
    marks.push({ type: 'line', x1: left, y1: at, x2: right, y2: at, stroke: 'grid', strokeWidth: 1 });
    marks.push({ type: 'text', x: left - 6, y: px(at + fontSize * 0.35), text: (spec.tickText ?? tickText)(tick), anchor: 'end', fill: 'inkFaint' }); // prettier-ignore
  }
  // Steps are whole numbers: no ticks between them.
  const tickCount = Math.min(Math.max(2, Math.floor(width / (fontSize * 9))), Math.max(1, xMost - xLeast));
  marks.push(...bottomAxis({ scale: x, x0: left, x1: right, y: bottom, fontSize, label: spec.xLabel, tickCount })); // prettier-ignore
  for (const { x: at, kind } of spec.markers) {
    if (at < xLeast || at > xMost) continue;
    const place = px(x(at));
    marks.push({
      type: 'line',
      x1: place,
      y1: kind === 'checkpoint' ? bottom - fontSize * 0.6 : top,
      x2: place,
      y2: bottom,
      stroke: kind === 'loss' ? 'warn' : kind === 'best' ? 'accent' : 'axis',
      strokeWidth: kind === 'checkpoint' ? 2 : 1,
      ...(kind === 'checkpoint' ? {} : { dash: '4 3' }),
    });
  }
  for (const { kind, points, paint } of drawn) {
    if (points.length === 0) continue;
    const colour = paint ?? 'accent';
    const through = thinned(points, mostDrawn);
    if (kind !== 'dots' && through.length > 1) {
      marks.push({
        type: 'path',
        d: `M${through.map((point) => `${px(x(point.x))},${px(y(point.y))}`).join('L')}`,
        stroke: colour,
        strokeWidth: kind === 'raw' ? 1 : 2,
        fill: 'none',
        ...(kind === 'raw' ? { opacity: 0.4 } : {}),
      });
    }
    if (kind === 'dots' || through.length === 1) {
      if (through.length > 1) {
        marks.push({ type: 'path', d: `M${through.map((point) => `${px(x(point.x))},${px(y(point.y))}`).join('L')}`, stroke: colour, strokeWidth: 1.5, fill: 'none', dash: '5 3' }); // prettier-ignore
      }
      for (const point of through) {
        marks.push({ type: 'rect', x: px(x(point.x) - 3), y: px(y(point.y) - 3), width: 6, height: 6, radius: 3, fill: 'surface', stroke: colour, strokeWidth: 2 }); // prettier-ignore
      }
    }
  }
  return {
    name: spec.name,
    title: spec.title,
    subtitle: spec.subtitle,
    size,
    marks,
    cells: cellsOf(spec, series, x, { left, right, top, bottom }),
    plot: {
      kind: 'lines',
      x: spec.xLabel,
      xLabel: spec.xLabel,
      logValues: spec.logY,
      isJoined: true,
      perRow: 1,
      panels: [
        {
          valueLabel: spec.yLabel,
          series: series.map(({ name, kind, paint }) => ({ label: name, value: { column: name }, paint: paint ?? 'accent', ...(kind === 'raw' ? { style: 'faint' as const } : kind === 'dots' ? { style: 'open' as const } : {}) })), // prettier-ignore
        },
      ],
    },
    table: tableOf(spec, series),
    legend: series.length > 1 ? legendOf(series, spec) : markerLegend(spec),
  };
}

function tickText(value: number): string {
  const size = Math.abs(value);
  if (value === 0) return '0';
  // Learning rates are written as powers of ten, not with a prefix of units.
  if (size < 0.001) return value.toExponential(2).replace(/\.?0+e/, 'e');
  return size < 1000 ? String(Number(value.toPrecision(3))) : short(value);
}

function legendOf(series: readonly CurveSeries[], spec: CurveSpec): ChartGeometry['legend'] {
  return [
    ...series.map(({ name, kind, paint }) => ({
      label: name,
      fill: kind === 'dots' || kind === 'raw' ? ('surface' as const) : (paint ?? ('accent' as const)),
      stroke: paint ?? ('accent' as const),
    })),
    ...markerLegend(spec),
  ];
}

function markerLegend({ markers }: CurveSpec): ChartGeometry['legend'] {
  const words = { checkpoint: 'checkpoint', best: 'best held-out loss', loss: 'device lost' } as const;
  const paints = { checkpoint: 'axis', best: 'accent', loss: 'warn' } as const;
  return [...new Set(markers.map(({ kind }) => kind))].map((kind) => ({
    label: words[kind],
    fill: 'none' as const,
    stroke: paints[kind],
  }));
}

/** Stops along x: each with all that was measured there. */
function cellsOf(
  spec: CurveSpec,
  series: readonly CurveSeries[],
  x: (value: number) => number,
  box: { readonly left: number; readonly right: number; readonly top: number; readonly bottom: number },
): ChartCell[] {
  const places = [...new Set(series.flatMap(({ points }) => points.map((point) => point.x)))].sort(
    (a, b) => a - b,
  );
  const every = Math.max(1, Math.ceil(places.length / mostCells));
  const shown = places.filter((_, index) => index % every === 0 || index === places.length - 1);
  const values = series.map(({ name, points }) => ({
    name,
    at: new Map(points.map((point) => [point.x, point.y])),
  }));
  return shown.map((place, index) => {
    const before = index === 0 ? box.left : (x(shown[index - 1]!) + x(place)) / 2;
    const after = index === shown.length - 1 ? box.right : (x(place) + x(shown[index + 1]!)) / 2;
    const parts = values.flatMap(({ name, at }) => {
      const value = at.get(place);
      return value === undefined
        ? []
        : [`${name} ${Number.isFinite(value) ? spec.valueText(value) : 'not a number'}`];
    });
    const near = spec.markers.filter((marker) => marker.x === place).map(({ label }) => label);
    return {
      id: String(place),
      row: 0,
      column: index,
      x: px(before),
      y: box.top,
      width: px(Math.max(1, after - before)),
      height: box.bottom - box.top,
      label: [`${spec.xLabel} ${place}`, ...parts, ...near].join(', '),
    };
  });
}

function tableOf(spec: CurveSpec, series: readonly CurveSeries[]): ChartGeometry['table'] {
  const places = [...new Set(series.flatMap(({ points }) => points.map((point) => point.x)))].sort(
    (a, b) => a - b,
  );
  const values = series.map(({ points }) => new Map(points.map((point) => [point.x, point.y])));
  return {
    columns: [spec.xLabel, ...series.map(({ name }) => name)],
    rows: places.map((place) => [
      place,
      ...values.map((at) => {
        const value = at.get(place);
        return value !== undefined && Number.isFinite(value) ? value : null;
      }),
    ]),
  };
}
