import { max } from 'd3-array';
import { format } from 'd3-format';
import { scaleLinear, scaleLog } from 'd3-scale';
import { bottomAxis, countTick, tokenTick, type TickScale } from '../common/axis.ts';
import type { ChartCell, ChartGeometry, ChartSize, Mark } from '../common/geometry.ts';
import { px } from '../common/geometry.ts';
import { chartKinds, kindNames, kindPaint, kindShapePath, type ChartKind } from '../common/kinds.ts';

/** Counts per bin and kind. Bin i is [edges[i], edges[i + 1]). */
export interface TokenLengthData {
  readonly edges: readonly number[];
  readonly scale: 'linear' | 'log';
  readonly series: readonly { readonly kind: ChartKind; readonly counts: readonly number[] }[];
  /** Counts of rejected items over the same bins, drawn as an outline. */
  readonly rejected?: readonly { readonly kind: ChartKind; readonly counts: readonly number[] }[];
}
export interface TokenLengthSpec {
  /** Token budget of the set. */
  readonly budget: number;
  readonly tokenizer: string;
  /** `examples`, or what else is counted. */
  readonly what: string;
}

const whole = format(',d');
const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);

/** Value below which a share `q` of binned items lies, linear inside the bin; null without items. */
export function binnedQuantile(
  edges: readonly number[],
  counts: readonly number[],
  q: number,
): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let before = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    const count = counts[bin] ?? 0;
    if (count > 0 && before + count >= q * total) {
      const low = edges[bin] ?? 0;
      const high = edges[bin + 1] ?? low;
      return low + ((q * total - before) / count) * (high - low);
    }
    before += count;
  }
  return edges[edges.length - 1] ?? null;
}

/** Two digits are enough for what comes out of bins. */
function about(value: number): string {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, value))) - 1);
  return whole(Math.round(value / step) * step);
}

function takeaway(
  rows: readonly { kind: ChartKind; total: number; p50: number }[],
  p50: number,
  p95: number,
): string {
  const longest = rows.reduce((best, row) => (row.p50 > best.p50 ? row : best));
  const middle = `Half of the examples are longer than about ${about(p50)} tokens, one in twenty longer than ${about(p95)}`;
  return rows.length > 1
    ? `${middle}; ${kindNames[longest.kind]} is longest (median about ${about(longest.p50)})`
    : middle;
}

function powersOfTwo(from: number, to: number): number[] {
  const powers: number[] = [];
  for (let power = 2 ** Math.ceil(Math.log2(from)); power <= to; power *= 2) powers.push(power);
  return powers;
}

/**
 * Gathers fine equal bins into bins whose edges grow by the square root of two, for lengths of very different
 * size. A fine bin goes where its middle lies.
 */
export function toLogBins(data: TokenLengthData): TokenLengthData {
  const lastFine = data.edges[data.edges.length - 1] ?? 1;
  const middle = (bin: number): number => ((data.edges[bin] ?? 0) + (data.edges[bin + 1] ?? 0)) / 2;
  const firstFilled = data.edges.findIndex((_, bin) =>
    [...data.series, ...(data.rejected ?? [])].some((series) => (series.counts[bin] ?? 0) > 0),
  );
  const edges: number[] = [];
  let half = Math.max(0, Math.floor(2 * Math.log2(Math.max(1, middle(Math.max(0, firstFilled))))));
  edges.push(2 ** (half / 2));
  while ((edges[edges.length - 1] ?? lastFine) < lastFine) edges.push(2 ** (++half / 2));
  const gather = (counts: readonly number[]): number[] => {
    const gathered = new Array<number>(edges.length - 1).fill(0);
    let target = 0;
    counts.forEach((count, bin) => {
      while (target < gathered.length - 1 && middle(bin) >= (edges[target + 1] ?? Infinity)) target++;
      if (gathered[target] !== undefined) gathered[target]! += count;
    });
    return gathered;
  };
  return {
    edges,
    scale: 'log',
    series: data.series.map(({ kind, counts }) => ({ kind, counts: gather(counts) })),
    ...(data.rejected
      ? { rejected: data.rejected.map(({ kind, counts }) => ({ kind, counts: gather(counts) })) }
      : {}),
  };
}

/**
 * Token lengths by agent kind: one row per kind with the same axes, ticks at the median and the 95th
 * percentile, the budget as a line, rejected items as an outline (ACC Fig. 3).
 */
export function layoutTokenLength(
  spec: TokenLengthSpec,
  data: TokenLengthData,
  size: ChartSize,
): ChartGeometry {
  const { edges } = data;
  const { width, height, fontSize } = size;
  const rows = chartKinds.flatMap((kind) => {
    const ghost = data.rejected?.find((series) => series.kind === kind)?.counts ?? null;
    const counts = data.series.find((series) => series.kind === kind)?.counts ?? ghost?.map(() => 0) ?? [];
    const total = sum(counts);
    if (total === 0 && !ghost) return [];
    return [
      {
        kind,
        counts,
        total,
        p50: binnedQuantile(edges, counts, 0.5) ?? 0,
        p95: binnedQuantile(edges, counts, 0.95) ?? 0,
        ghost,
        rejected: sum(ghost ?? []),
      },
    ];
  });
  const all = edges.slice(1).map((_, bin) => rows.reduce((sum, row) => sum + (row.counts[bin] ?? 0), 0));
  const total = all.reduce((sum, count) => sum + count, 0);
  const first = edges[0] ?? 0;
  const last = edges[edges.length - 1] ?? 1;
  // The budget is part of the axis unless it would squeeze everything into the first eighth.
  const budgetFits = data.scale === 'log' ? spec.budget <= last * 4 : spec.budget <= last * 8;
  const domainEnd = budgetFits ? Math.max(last, spec.budget) : last;

  const left = Math.round(fontSize * 7.5);
  const right = width - Math.round(fontSize * 1.2);
  const axisHeight = Math.round(fontSize * 3.2);
  const top = Math.round(fontSize * 1.6);
  const plotBottom = height - axisHeight;
  const x: TickScale & { invert: (value: number) => number } =
    data.scale === 'log'
      ? scaleLog()
          .base(2)
          .domain([Math.max(1, first), domainEnd])
          .range([left, right])
      : scaleLinear()
          .domain([Math.min(0, first), domainEnd])
          .range([left, right]);
  const marks: Mark[] = [];
  const cells: ChartCell[] = [];
  const rowGap = Math.round(fontSize * 0.9);
  const rowHeight = rows.length === 0 ? 0 : (plotBottom - top - rowGap * (rows.length - 1)) / rows.length;
  const highest = max([...rows.flatMap((row) => [...row.counts, ...(row.ghost ?? [])]), 1]) ?? 1;

  const powers = data.scale === 'log' ? powersOfTwo(Math.max(1, first), domainEnd) : undefined;
  const everyOther = powers && powers.length > 9 ? powers.filter((_, index) => index % 2 === 0) : powers;
  marks.push(
    ...bottomAxis({
      scale: x,
      x0: left,
      x1: right,
      y: plotBottom,
      fontSize,
      label: `prompt length in tokens of ${spec.tokenizer}${data.scale === 'log' ? ' (log scale)' : ''}`,
      tickCount: Math.max(3, Math.floor((right - left) / (fontSize * 7))),
      tickText: tokenTick,
      gridTop: top,
      ...(everyOther ? { values: everyOther } : {}),
    }),
  );

  rows.forEach((row, index) => {
    const base = top + index * (rowHeight + rowGap) + rowHeight;
    const y = (count: number): number => base - (count / highest) * (rowHeight - fontSize * 0.4);
    const labelY = base - rowHeight / 2;
    marks.push(
      {
        type: 'path',
        d: kindShapePath(row.kind, px(fontSize * 0.5), px(labelY - fontSize * 0.35), px(fontSize * 0.36)),
        fill: kindPaint[row.kind],
      },
      {
        type: 'text',
        x: px(fontSize * 1.2),
        y: px(labelY),
        text: kindNames[row.kind],
        weight: 600,
        fill: 'ink',
      },
      {
        type: 'text',
        x: px(fontSize * 1.2),
        y: px(labelY + fontSize * 1.3),
        text: `n = ${whole(row.total)}${row.rejected > 0 ? ` + ${whole(row.rejected)}` : ''}`,
        fill: 'inkFaint',
      },
      { type: 'line', x1: left, y1: px(base), x2: right, y2: px(base), stroke: 'axis', strokeWidth: 1 },
      {
        type: 'text',
        x: left - 5,
        y: px(y(highest) + fontSize * 0.8),
        text: countTick(highest),
        anchor: 'end',
        fill: 'inkFaint',
      },
    );
    row.counts.forEach((count, bin) => {
      const x0 = x(Math.max(data.scale === 'log' ? 1 : 0, edges[bin] ?? 0));
      const x1 = x(edges[bin + 1] ?? 0);
      const ghost = row.ghost?.[bin] ?? 0;
      if (ghost > 0) {
        // Lower, its two long sides would be one line on the axis.
        const ghostHeight = Math.max(6, base - y(ghost));
        marks.push({
          type: 'rect',
          x: px(x0 + 0.5),
          y: px(base - ghostHeight),
          width: px(Math.max(1, x1 - x0 - 1)),
          height: px(ghostHeight),
          stroke: 'ghost',
          strokeWidth: 1,
          dash: '2 2',
        });
      }
      if (count === 0 && ghost === 0) return;
      // One item is to be seen beside five hundred: no bar is lower than two pixels.
      const barHeight = Math.max(2, base - y(count));
      if (count > 0) {
        marks.push({
          type: 'rect',
          x: px(x0 + 0.5),
          y: px(base - barHeight),
          width: px(Math.max(1, x1 - x0 - 1)),
          height: px(barHeight),
          fill: kindPaint[row.kind],
        });
      }
      cells.push({
        id: `${row.kind}-${bin}`,
        row: index,
        column: bin,
        x: px(x0),
        y: px(base - rowHeight),
        width: px(x1 - x0),
        height: px(rowHeight),
        label: `${kindNames[row.kind]}, ${whole(Math.round(edges[bin] ?? 0))} to ${whole(Math.round(edges[bin + 1] ?? 0))} tokens: ${whole(count)}${ghost > 0 ? `, and ${whole(ghost)} rejected` : ''}`,
      });
    });
    for (const [name, value] of row.total === 0
      ? []
      : ([
          ['p50', row.p50],
          ['p95', row.p95],
        ] as const)) {
      const at = px(x(Math.max(value, data.scale === 'log' ? 1 : 0)));
      marks.push({
        type: 'path',
        d: `M${at} ${px(base)}V${px(base - rowHeight + fontSize * 0.2)}`,
        stroke: 'ink',
        strokeWidth: 1.2,
        dash: name === 'p50' ? '' : '3 2',
      });
    }
  });
  if (budgetFits && rows.length > 0) {
    const at = px(x(spec.budget));
    marks.push(
      {
        type: 'line',
        x1: at,
        y1: top - fontSize * 0.3,
        x2: at,
        y2: plotBottom,
        stroke: 'warn',
        strokeWidth: 2,
      },
      {
        type: 'text',
        x: at,
        y: px(top - fontSize * 0.6),
        text: `budget ${whole(spec.budget)}`,
        anchor: at > (left + right) / 2 ? 'end' : 'start',
        fill: 'warn',
        weight: 600,
      },
    );
  }
  const ghosts = rows.filter((row) => row.rejected > 0);
  const p50 = binnedQuantile(edges, all, 0.5);
  const p95 = binnedQuantile(edges, all, 0.95);
  const binWidth = data.scale === 'linear' && edges.length > 1 ? (edges[1] ?? 0) - first : null;
  return {
    name: 'token-length-by-kind',
    title:
      p50 === null || p95 === null
        ? 'No lengths to show yet'
        : takeaway(
            rows.filter((row) => row.total > 0),
            p50,
            p95,
          ),
    subtitle:
      `${whole(total)} ${spec.what} by prompt length, one row per agent kind, same axes; ` +
      `${binWidth === null ? 'bins on a log scale' : `bins of ${whole(binWidth)} tokens`}; ` +
      `solid tick: median, dashed tick: 95th percentile (from the bins)` +
      (budgetFits ? '' : `; the budget of ${whole(spec.budget)} lies beyond the axis`),
    size,
    marks,
    cells,
    plot: {
      kind: 'bars',
      bars: { from: 'from tokens', to: 'to tokens' },
      barsLabel: `prompt length in ${spec.tokenizer} tokens`,
      isLying: false,
      logBins: data.scale === 'log',
      perRow: 1,
      panels: rows.map((row) => ({
        title: `${kindNames[row.kind]}, n = ${whole(row.total)}`,
        valueLabel: spec.what,
        limits: [0, Math.max(1, ...rows.flatMap(({ counts, ghost }) => [...counts, ...(ghost ?? [])]))],
        series: [
          { label: kindNames[row.kind], value: { column: kindNames[row.kind] }, paint: kindPaint[row.kind] },
          ...(row.rejected > 0 ? [{ label: 'rejected after packing', value: { column: `${kindNames[row.kind]}, rejected` }, paint: 'ghost' as const, style: 'open' as const }] : []), // prettier-ignore
        ],
      })),
      ...(budgetFits ? { marked: { value: spec.budget, label: `budget ${whole(spec.budget)}` } } : {}),
    },
    table: {
      columns: [
        'from tokens',
        'to tokens',
        ...rows.map((row) => kindNames[row.kind]),
        ...ghosts.map((row) => `${kindNames[row.kind]}, rejected`),
      ],
      rows: edges
        .slice(1)
        .map((end, bin) => [
          Math.round(edges[bin] ?? 0),
          Math.round(end),
          ...rows.map((row) => row.counts[bin] ?? 0),
          ...ghosts.map((row) => row.ghost?.[bin] ?? 0),
        ])
        .filter((row) => row.slice(2).some((count) => count !== 0)),
    },
    ...(rows.length === 0
      ? {}
      : {
          brush: {
            x0: left,
            x1: right,
            y0: top,
            y1: plotBottom,
            invert: (at: number) => x.invert(at),
            position: (value: number) => x(Math.max(value, data.scale === 'log' ? 1 : 0)),
          },
        }),
    legend:
      ghosts.length > 0
        ? [
            {
              label: 'rejected after packing (the last bin holds all beyond it)',
              fill: 'none',
              stroke: 'ghost',
            },
          ]
        : [],
  };
}
