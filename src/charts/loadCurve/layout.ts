import { scaleLinear } from 'd3-scale';
import { bottomAxis } from '../common/axis.ts';
import { conditionDash, conditionPaint, conditionStyle, dataWords, type ComparisonSpec, type Condition } from '../common/comparison.ts'; // prettier-ignore
import { px, type ChartCell, type ChartGeometry, type ChartSize, type Mark } from '../common/geometry.ts';
import { shortNumber } from '../common/numbers.ts';
import { linePath, valueAxis } from '../layerLine/layout.ts';

export interface LoadSeries {
  readonly name: string;
  readonly condition: Condition;
  /** Routing frequency by expert. */
  readonly frequency: readonly (number | null)[];
  readonly gini: number | null;
  readonly maxOverMean: number | null;
  readonly effectiveExperts: number | null;
}

/** Experts of one layer by falling load (E4): flat is even. */
export function layoutLoadCurve(
  spec: { readonly comparison: ComparisonSpec; readonly layer: number; readonly perToken: number },
  series: readonly LoadSeries[],
  size: ChartSize,
): ChartGeometry {
  const { fontSize } = size;
  const height = Math.round(fontSize * 20);
  const experts = Math.max(1, ...series.map(({ frequency }) => frequency.length));
  const sorted = series.map(({ frequency }) =>
    frequency
      .map((value, expert) => ({ expert, share: (value ?? 0) / spec.perToken }))
      .sort((a, b) => b.share - a.share),
  );
  const left = Math.round(fontSize * 4.4);
  const right = Math.round(size.width - fontSize * 1.5);
  const top = Math.round(fontSize * 2);
  const bottom = height - Math.round(fontSize * 3.4);
  const most = Math.max(1 / experts, ...sorted.map((row) => row[0]?.share ?? 0));
  const x = scaleLinear([0.5, experts + 0.5], [left, right]);
  const y = scaleLinear([0, most], [bottom, top]).nice(4);
  const marks: Mark[] = [
    ...valueAxis(y, left, right, fontSize, 4),
    ...bottomAxis({ scale: x, x0: left, x1: right, y: bottom, fontSize, label: 'rank of the expert in its row', tickCount: Math.min(8, experts) }), // prettier-ignore
    { type: 'text', x: 0, y: px(top - fontSize * 0.8), text: 'share of the routed tokens', fill: 'inkSoft' },
    { type: 'line', x1: left, y1: px(y(1 / experts)), x2: right, y2: px(y(1 / experts)), stroke: 'ghost', strokeWidth: 1, dash: '2 3' }, // prettier-ignore
    { type: 'text', x: right, y: px(y(1 / experts) - fontSize * 0.35), text: `uniform, 1/${experts}`, anchor: 'end', fill: 'inkFaint' }, // prettier-ignore
  ];
  const cells: ChartCell[] = [];
  series.forEach(({ name, condition }, row) => {
    const dash = conditionDash[condition];
    const points = sorted[row]!.map(({ share }, rank): [number, number] => [x(rank + 1), y(share)]);
    marks.push({ type: 'path', d: linePath(points), stroke: conditionPaint[condition], strokeWidth: 2.2, ...(dash ? { dash } : {}) }); // prettier-ignore
    sorted[row]!.forEach(({ expert, share }, rank) => {
      const [cx, cy] = points[rank]!;
      if (experts <= 32) {
        marks.push({ type: 'rect', x: px(cx - 3), y: px(cy - 3), width: 6, height: 6, radius: 3, fill: condition === 'baseline' ? 'surface' : conditionPaint[condition], stroke: conditionPaint[condition], strokeWidth: 1.4 }); // prettier-ignore
      }
      cells.push({
        id: `${row}:${rank}`,
        target: { layer: spec.layer, expert },
        row,
        column: rank,
        x: px(cx - 4),
        y: px(cy - 5),
        width: 8,
        height: 10,
        label: `${name}, rank ${rank + 1}: expert ${expert}, ${(100 * share).toFixed(1)} % of the routed tokens`,
      });
    });
  });
  const words = series.map(({ name, gini, maxOverMean, effectiveExperts }) => `${name}: Gini ${shortNumber(gini)}, max/mean ${shortNumber(maxOverMean)}, effective experts ${shortNumber(effectiveExperts)} of ${experts}`); // prettier-ignore
  const [first, last] = [series[0], series.length > 1 ? series[series.length - 1] : undefined];
  return {
    name: `load-curve-layer-${spec.layer}`,
    title: last
      ? `Layer ${spec.layer}: ${shortNumber(last.effectiveExperts)} effective experts in ${last.name}, ${shortNumber(first?.effectiveExperts ?? null)} in ${first?.name}`
      : `Layer ${spec.layer}: ${shortNumber(first?.effectiveExperts ?? null)} effective experts of ${experts}`,
    subtitle: `Load of the experts of one layer, by falling share; ${dataWords(spec.comparison)}`,
    size: { ...size, height },
    marks,
    cells,
    notes: [...words, 'Effective experts = exp of the entropy of the shares; Gini: 0 is even.'],
    plot: {
      kind: 'lines',
      x: 'rank',
      xLabel: 'rank of the expert in its row',
      hasMarks: experts <= 32,
      perRow: 1,
      panels: [
        {
          valueLabel: 'share of the routed tokens',
          series: series.map(({ name, condition }) => ({ label: name, value: { column: 'share' }, where: { subject: name }, paint: conditionPaint[condition], style: conditionStyle[condition] })), // prettier-ignore
          reference: { value: 1 / experts, label: `uniform, 1/${experts}` },
        },
      ],
    },
    table: {
      columns: ['subject', 'rank', 'expert', 'share'],
      rows: series.flatMap(({ name }, row) => sorted[row]!.map(({ expert, share }, rank) => [name, rank + 1, expert, share])), // prettier-ignore
    },
    legend: series.map(({ name, condition }) => ({ label: name, fill: condition === 'baseline' ? 'surface' : conditionPaint[condition], stroke: conditionPaint[condition] })), // prettier-ignore
  };
}
