import type { ChartCell, ChartGeometry, ChartSize, Mark } from '../common/geometry.ts';
import { fitLabel, px } from '../common/geometry.ts';

/** One line of the forest: the difference of two runs on a slice. */
export interface ForestRow {
  /** Empty for the line over all items. */
  readonly dimension: string;
  readonly label: string;
  readonly n: number;
  /** After minus before. */
  readonly mean: number;
  /** Null where the items are too few for one. */
  readonly interval: readonly [number, number] | null;
  readonly p: number | null;
}

export interface ForestSpec {
  readonly benchmark: string;
  readonly scoreLabel: string;
  readonly before: string;
  readonly after: string;
  readonly seeds: number;
}

const signed = (value: number): string => `${value >= 0 ? '+' : '−'}${Math.abs(value).toFixed(3)}`;

/** `needles 2`; of a cell of two dimensions `needles 2 × 257–512`, whose second part shows what it is. */
function rowName({ dimension, label }: ForestRow): string {
  return `${dimension.split(' × ')[0]} ${label}`;
}

/** True where the interval leaves zero out. */
function isClear({ interval }: ForestRow): boolean {
  return interval !== null && (interval[0] > 0 || interval[1] < 0);
}

/** Height in multiples of the tick size. */
export function forestHeightEm(rows: number): number {
  return 4.5 + 2 * Math.max(1, rows);
}

function extentOf(rows: readonly ForestRow[]): number {
  const most = Math.max(0.05, ...rows.flatMap(({ mean, interval }) => (interval ?? [mean]).map(Math.abs)));
  return Math.min(1, Math.ceil(most * 20) / 20);
}

/**
 * Paired differences with their intervals, overall first, then per slice. Zero is in the middle; a line whose
 * interval holds zero is drawn open.
 */
export function layoutForest(spec: ForestSpec, rows: readonly ForestRow[], size: ChartSize): ChartGeometry {
  const { width, fontSize } = size;
  const left = Math.min(Math.round(fontSize * 15), Math.round(width * 0.34));
  const right = width - Math.round(Math.min(fontSize * 13, width * 0.28));
  const lineHeight = fontSize * 2;
  const top = Math.round(fontSize);
  const bottom = Math.round(top + rows.length * lineHeight);
  const extent = extentOf(rows);
  const x = (value: number): number =>
    left + ((Math.max(-extent, Math.min(extent, value)) + extent) / (2 * extent)) * (right - left);
  const marks: Mark[] = [];
  for (const tick of [-extent, -extent / 2, 0, extent / 2, extent]) {
    const isZero = tick === 0;
    marks.push({
      type: 'line',
      x1: px(x(tick)),
      y1: top,
      x2: px(x(tick)),
      y2: bottom,
      stroke: isZero ? 'axis' : 'grid',
      strokeWidth: 1,
    });
    marks.push({ type: 'text', x: px(x(tick)), y: px(bottom + fontSize * 1.3), text: isZero ? '0' : signed(tick).replace(/0$/, ''), anchor: 'middle', fill: 'inkFaint' }); // prettier-ignore
  }
  marks.push(
    { type: 'text', x: left, y: px(bottom + fontSize * 2.8), text: fitLabel(`← ${spec.before} better`, (right - left) / 2, fontSize), fill: 'inkSoft' },
    { type: 'text', x: right, y: px(bottom + fontSize * 2.8), text: fitLabel(`${spec.after} better →`, (right - left) / 2, fontSize), anchor: 'end', fill: 'inkSoft' },
  ); // prettier-ignore
  const cells: ChartCell[] = [];
  rows.forEach((row, index) => {
    const middle = top + (index + 0.5) * lineHeight;
    const baseline = px(middle + fontSize * 0.35);
    const name = row.dimension === '' ? 'all items' : rowName(row);
    const half = Math.round(fontSize * (row.dimension === '' ? 0.42 : 0.32));
    marks.push(
      { type: 'text', x: left - 8, y: baseline, text: fitLabel(name, left - 8, fontSize), anchor: 'end', fill: 'ink', weight: row.dimension === '' ? 600 : 400 },
      ...(row.interval ? [{ type: 'line' as const, x1: px(x(row.interval[0])), y1: px(middle), x2: px(x(row.interval[1])), y2: px(middle), stroke: 'accent' as const, strokeWidth: 2 }] : []),
      { type: 'rect', x: px(x(row.mean) - half), y: px(middle - half), width: half * 2, height: half * 2, fill: isClear(row) ? 'accent' : 'surface', stroke: 'accent', strokeWidth: 1.8 },
      { type: 'text', x: right + 8, y: baseline, text: fitLabel(`${signed(row.mean)}  n ${row.n}`, width - right - 8, fontSize), fill: 'inkSoft' },
    ); // prettier-ignore
    cells.push({
      id: name,
      row: index,
      column: 0,
      x: 0,
      y: px(middle - lineHeight / 2),
      width,
      height: px(lineHeight),
      label: `${name}: ${signed(row.mean)}, ${row.interval ? `95 % ${signed(row.interval[0])} to ${signed(row.interval[1])}` : 'too few items for an interval'}${row.p === null ? '' : `, p ${row.p.toPrecision(2)}`}, ${row.n} ${row.n === 1 ? 'item' : 'items'}`,
    });
  });
  const all = rows[0];
  return {
    name: 'forest',
    title: !all
      ? 'Nothing to compare yet'
      : isClear(all)
        ? `${spec.after} is ${all.mean > 0 ? 'better' : 'worse'} than ${spec.before} by ${Math.abs(all.mean).toFixed(3)}`
        : `No clear difference between ${spec.after} and ${spec.before} (${signed(all.mean)})`,
    subtitle: `${spec.benchmark}: difference in ${spec.scoreLabel}, paired by item; 95 % two-level bootstrap over ${spec.seeds} ${spec.seeds === 1 ? 'seed' : 'seeds'} and the items; slices are not corrected for their number`,
    size: { ...size, height: Math.round(forestHeightEm(rows.length) * fontSize) },
    marks,
    cells,
    plot: {
      kind: 'dots',
      names: ['slice', 'label'],
      valueLabel: `difference in ${spec.scoreLabel}: ${spec.after} − ${spec.before}`,
      series: [{ label: 'difference', value: { column: 'difference' }, interval: { low: { column: 'low' }, high: { column: 'high' } }, paint: 'accent' }], // prettier-ignore
      isJoined: false,
      reference: { value: 0, label: 'no difference' },
    },
    table: {
      columns: ['slice', 'label', 'n', 'difference', 'low', 'high', 'p'],
      rows: rows.map(({ dimension, label, n, mean, interval, p }) => [
        dimension === '' ? 'all' : dimension,
        label,
        n,
        mean,
        interval?.[0] ?? null,
        interval?.[1] ?? null,
        p,
      ]),
    },
    legend: [
      { label: 'interval excludes 0', fill: 'accent', stroke: 'accent' },
      { label: 'interval holds 0, or none: under 3 items', fill: 'surface', stroke: 'accent' },
    ],
  };
}
