import { format } from 'd3-format';
import { scaleLinear } from 'd3-scale';
import { bottomAxis } from '../common/axis.ts';
import type { ChartCell, ChartGeometry, ChartSize, Mark } from '../common/geometry.ts';
import { px } from '../common/geometry.ts';

export interface PositionCounts {
  readonly role: 'gold' | 'distractor';
  /** Pieces per equal bin of relative depth, from the start of the context to its end. */
  readonly counts: readonly number[];
}

const whole = format(',d');
const percent = format('.0%');
const names = { gold: 'Gold', distractor: 'Distractors' } as const;

function thirds(counts: readonly number[]): readonly [number, number, number] {
  const sums: [number, number, number] = [0, 0, 0];
  const total = counts.reduce((sum, count) => sum + count, 0);
  counts.forEach((count, bin) => {
    // A bin that straddles a third is shared out by overlap.
    for (let third = 0; third < 3; third++) {
      const from = Math.max(bin / counts.length, third / 3);
      const to = Math.min((bin + 1) / counts.length, (third + 1) / 3);
      if (to > from) sums[third]! += count * (to - from) * counts.length;
    }
  });
  return total === 0 ? [0, 0, 0] : (sums.map((sum) => sum / total) as [number, number, number]);
}

/**
 * Where evidence lies in the context, by relative depth: gold solid, distractors hatched, and the level that an
 * even spread would have. Even rows mean that position gives nothing away.
 */
export function layoutEvidencePositions(
  spec: { readonly order: string; readonly exampleCount: number },
  data: readonly PositionCounts[],
  size: ChartSize,
): ChartGeometry {
  const { width, height, fontSize } = size;
  const rows = (['gold', 'distractor'] as const).flatMap((role) => {
    const counts = data.find((each) => each.role === role)?.counts;
    const total = counts?.reduce((sum, count) => sum + count, 0) ?? 0;
    return counts && total > 0 ? [{ role, counts, total }] : [];
  });
  const left = Math.round(fontSize * 7.5);
  const right = width - Math.round(fontSize * 1.2);
  const top = Math.round(fontSize * 0.6);
  const bottom = height - Math.round(fontSize * 3.2);
  const gap = Math.round(fontSize * 1.2);
  const rowHeight = rows.length === 0 ? 0 : (bottom - top - gap * (rows.length - 1)) / rows.length;
  const x = scaleLinear().domain([0, 1]).range([left, right]);
  const highest = Math.max(0.001, ...rows.flatMap((row) => row.counts.map((count) => count / row.total)));
  const marks: Mark[] = [
    ...bottomAxis({
      scale: x,
      x0: left,
      x1: right,
      y: bottom,
      fontSize,
      label: 'relative depth of the piece’s middle in the context (0 = start, 1 = end)',
      tickCount: 5,
      tickText: (value) => String(value),
    }),
  ];
  const cells: ChartCell[] = [];
  rows.forEach((row, index) => {
    const base = top + index * (rowHeight + gap) + rowHeight;
    const y = (share: number): number => base - (share / highest) * rowHeight;
    const uniform = px(y(1 / row.counts.length));
    marks.push(
      { type: 'text', x: 0, y: px(base - rowHeight / 2), text: names[row.role], weight: 600, fill: 'ink' },
      {
        type: 'text',
        x: 0,
        y: px(base - rowHeight / 2 + fontSize * 1.3),
        text: `n = ${whole(row.total)}`,
        fill: 'inkFaint',
      },
      {
        type: 'text',
        x: left - 5,
        y: px(y(highest) + fontSize * 0.8),
        text: percent(highest),
        anchor: 'end',
        fill: 'inkFaint',
      },
      { type: 'line', x1: left, y1: px(base), x2: right, y2: px(base), stroke: 'axis', strokeWidth: 1 },
    );
    row.counts.forEach((count, bin) => {
      const x0 = x(bin / row.counts.length);
      const x1 = x((bin + 1) / row.counts.length);
      const share = count / row.total;
      if (count > 0) {
        marks.push({
          type: 'rect',
          x: px(x0 + 1),
          y: px(y(share)),
          width: px(x1 - x0 - 2),
          height: px(base - y(share)),
          fill: row.role === 'gold' ? 'ink' : 'hatch',
          ...(row.role === 'gold' ? {} : ({ stroke: 'inkFaint', strokeWidth: 1 } as const)),
        });
      }
      cells.push({
        id: `${row.role}-${bin}`,
        row: index,
        column: bin,
        x: px(x0),
        y: px(base - rowHeight),
        width: px(x1 - x0),
        height: px(rowHeight),
        label: `${names[row.role]}, depth ${(bin / row.counts.length).toFixed(2)} to ${((bin + 1) / row.counts.length).toFixed(2)}: ${whole(count)} pieces (${percent(share)})`,
      });
    });
    marks.push({
      type: 'line',
      x1: left,
      y1: uniform,
      x2: right,
      y2: uniform,
      stroke: 'accent',
      strokeWidth: 1.5,
      dash: '4 3',
    });
  });
  const gold = rows.find((row) => row.role === 'gold');
  const [first, middle, last] = thirds(gold?.counts ?? []);
  return {
    name: 'evidence-positions',
    title: gold
      ? `Gold evidence: ${percent(first)} in the first third of the context, ${percent(middle)} in the middle, ${percent(last)} in the last`
      : 'No evidence to show yet',
    subtitle: `Share of pieces by relative depth over ${whole(spec.exampleCount)} examples, order “${spec.order}”; dashed: even spread`,
    size,
    marks,
    cells,
    plot: {
      kind: 'bars',
      bars: { from: 'from depth', to: 'to depth' },
      barsLabel: 'relative depth of the piece’s middle in the context (0 = start, 1 = end)',
      isLying: false,
      perRow: 1,
      panels: rows.map(({ role, counts, total }) => ({
        title: `${names[role]}, n = ${whole(total)}`,
        valueLabel: 'share of pieces',
        limits: [0, highest],
        series: [{ label: names[role], value: { column: names[role], over: total }, paint: 'ink', ...(role === 'gold' ? {} : { style: 'hatched' as const }) }], // prettier-ignore
        reference: { value: 1 / counts.length, label: 'even spread' },
      })),
    },
    table: {
      columns: ['from depth', 'to depth', ...rows.map((row) => names[row.role])],
      rows: (rows[0]?.counts ?? []).map((_, bin, counts) => [
        bin / counts.length,
        (bin + 1) / counts.length,
        ...rows.map((row) => row.counts[bin] ?? 0),
      ]),
    },
    legend: [],
  };
}
