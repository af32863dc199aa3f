import type { ChartCell, ChartGeometry, ChartSize, Mark, PaintName } from '../common/geometry.ts';
import { fitLabel, px } from '../common/geometry.ts';

/** The score of one run in one bin of length. */
interface LengthScore {
  /** "4,097–8,192": right-closed. */
  readonly label: string;
  readonly n: number;
  readonly mean: number;
  /** 95 % interval, over seeds where there are several, else over items; null for one value. */
  readonly interval: readonly [number, number] | null;
}

export interface LengthSeries {
  readonly name: string;
  readonly scores: readonly LengthScore[];
  /** Where the colour means something in other charts too; else by position. */
  readonly paint?: PaintName;
}

export interface ScoreByLengthSpec {
  readonly benchmark: string;
  readonly scoreLabel: string;
  readonly tokenizer: string;
  /** What the intervals are over. */
  readonly intervals: 'seeds' | 'items' | 'seeds and items';
  /** Name of the series that the title is about; the last without one. */
  readonly told?: string;
}

/** Base before the comparison: the first is drawn in grey with open marks, the second in the accent, filled. */
const inks: readonly PaintName[] = ['inkFaint', 'accent', 'search', 'swe'];
const inkOf = ({ paint }: LengthSeries, row: number): PaintName => paint ?? inks[row % inks.length]!;
const two = (value: number): string => value.toFixed(2);

function firstNumber(label: string): number {
  return Number(/\d[\d,]*/.exec(label)?.[0].replaceAll(',', '') ?? 0);
}

/** "5k" for the right edge of a bin. */
function shortEdge(label: string): string {
  const edge = Number(/[\d,]+$/.exec(label)?.[0].replaceAll(',', '') ?? NaN);
  if (Number.isNaN(edge)) return label;
  return edge >= 1_048_576
    ? `${edge / 1_048_576}M`
    : edge >= 1024
      ? `${Math.round(edge / 1024)}k`
      : String(edge);
}

/**
 * Score against length: one line a run over the bins it has, with whiskers. A bin without items is a gap, not a
 * zero; lines join neighbouring bins only.
 */
export function layoutScoreByLength(
  spec: ScoreByLengthSpec,
  series: readonly LengthSeries[],
  size: ChartSize,
): ChartGeometry {
  const { width, height, fontSize } = size;
  const labels = [...new Set(series.flatMap(({ scores }) => scores.map(({ label }) => label)))].sort(
    (a, b) => firstNumber(a) - firstNumber(b),
  );
  const left = Math.round(fontSize * 3);
  const right = width - Math.round(fontSize);
  const top = Math.round(fontSize);
  const bottom = height - Math.round(fontSize * 3.6);
  const step = (right - left) / Math.max(1, labels.length);
  const x = (index: number): number => left + step * (index + 0.5);
  const y = (value: number): number => bottom - Math.max(0, Math.min(1, value)) * (bottom - top);
  const marks: Mark[] = [];
  for (const tick of [0, 0.25, 0.5, 0.75, 1]) {
    marks.push({
      type: 'line',
      x1: left,
      y1: px(y(tick)),
      x2: right,
      y2: px(y(tick)),
      stroke: 'grid',
      strokeWidth: 1,
    });
    marks.push({
      type: 'text',
      x: left - 6,
      y: px(y(tick) + fontSize * 0.35),
      text: two(tick),
      anchor: 'end',
      fill: 'inkFaint',
    });
  }
  marks.push({ type: 'line', x1: left, y1: bottom, x2: right, y2: bottom, stroke: 'axis', strokeWidth: 1 });
  labels.forEach((label, index) => {
    marks.push({
      type: 'text',
      x: px(x(index)),
      y: px(bottom + fontSize * 1.4),
      text: fitLabel(`≤ ${shortEdge(label)}`, step, fontSize),
      anchor: 'middle',
      fill: 'inkFaint',
    });
  });
  marks.push({
    type: 'text',
    x: right,
    y: px(bottom + fontSize * 3),
    text: `length in ${spec.tokenizer} tokens`,
    anchor: 'end',
    fill: 'inkSoft',
  });
  const cells: ChartCell[] = [];
  series.forEach((each, row) => {
    const { name, scores } = each;
    const ink = inkOf(each, row);
    const byLabel = new Map(scores.map((score) => [score.label, score]));
    // Runs stand beside each other within a bin, so that whiskers do not hide each other.
    const shift = (row - (series.length - 1) / 2) * Math.min(10, step / 6);
    let path = '';
    labels.forEach((label, index) => {
      const score = byLabel.get(label);
      const hasBefore = index > 0 && byLabel.has(labels[index - 1]!);
      if (score) path += `${hasBefore ? 'L' : 'M'}${px(x(index) + shift)} ${px(y(score.mean))}`;
    });
    marks.push({ type: 'path', d: path, stroke: ink, strokeWidth: 1.8, fill: 'none', ...(row === 0 && series.length > 1 ? { dash: '5 4' } : {}) }); // prettier-ignore
    labels.forEach((label, index) => {
      const score = byLabel.get(label);
      if (!score) return;
      const at = x(index) + shift;
      if (score.interval) {
        const [low, high] = [y(score.interval[0]), y(score.interval[1])];
        marks.push({
          type: 'line',
          x1: px(at),
          y1: px(low),
          x2: px(at),
          y2: px(high),
          stroke: ink,
          strokeWidth: 1.4,
        });
      }
      const radius = Math.round(fontSize * 0.32);
      marks.push({
        type: 'rect',
        x: px(at - radius),
        y: px(y(score.mean) - radius),
        width: radius * 2,
        height: radius * 2,
        radius,
        fill: row === 0 && series.length > 1 ? 'surface' : ink,
        stroke: ink,
        strokeWidth: 1.6,
      });
      cells.push({
        id: `${row}:${label}`,
        row,
        column: index,
        x: px(at - Math.max(6, step / 8)),
        y: top,
        width: px(Math.max(12, step / 4)),
        height: bottom - top,
        label: `${name}, ${label} tokens: ${score.mean.toFixed(3)}${score.interval ? `, 95 % ${two(score.interval[0])} to ${two(score.interval[1])} over ${spec.intervals}` : ''}, ${score.n} items`,
      });
    });
  });
  return {
    name: 'score-by-length',
    title: findingOf(series, spec),
    subtitle: `${spec.benchmark}: ${spec.scoreLabel} by length; whiskers: 95 % over ${spec.intervals}; n in the table`,
    size,
    marks,
    cells,
    plot: {
      kind: 'lines',
      x: 'tokens',
      xLabel: `length in ${spec.tokenizer} tokens`,
      intervals: 'whiskers',
      hasMarks: true,
      perRow: 1,
      panels: [
        {
          valueLabel: spec.scoreLabel,
          limits: [0, 1],
          series: series.map((each, row) => ({ label: each.name, value: { column: spec.scoreLabel }, interval: { low: { column: 'low' }, high: { column: 'high' } }, where: { run: each.name }, paint: inkOf(each, row), ...(row === 0 && series.length > 1 ? { style: 'dashed' as const } : {}) })), // prettier-ignore
        },
      ],
    },
    table: {
      columns: ['run', 'tokens', 'n', spec.scoreLabel, 'low', 'high'],
      rows: series.flatMap(({ name, scores }) =>
        scores.map(({ label, n, mean, interval }) => [
          name,
          label,
          n,
          mean,
          interval?.[0] ?? null,
          interval?.[1] ?? null,
        ]),
      ),
    },
    legend: series.map((each, row) => ({
      label: each.name,
      fill: row === 0 && series.length > 1 ? ('surface' as const) : inkOf(each, row),
      stroke: inkOf(each, row),
    })),
  };
}

function findingOf(series: readonly LengthSeries[], spec: ScoreByLengthSpec): string {
  const shown = series.find(({ name }) => name === spec.told) ?? series.at(-1);
  const [first, last] = [shown?.scores[0], shown?.scores.at(-1)];
  if (!shown || !first || !last) return 'No score by length yet';
  if (first === last)
    return `${shown.name} scores ${two(first.mean)} at ${first.label} ${spec.tokenizer} tokens, the only length`;
  const [a, b] = [first.interval, last.interval];
  const isClear = a !== null && b !== null && (a[1] < b[0] || b[1] < a[0]);
  const words = !isClear ? 'shows no clear change' : last.mean < first.mean ? 'falls' : 'rises';
  return `${shown.name} ${words} from ${two(first.mean)} at ${first.label} tokens to ${two(last.mean)} at ${last.label}`;
}
