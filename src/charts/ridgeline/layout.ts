import { conditionPaint, dataWords, type ComparisonSpec } from '../common/comparison.ts';
import { px, type ChartCell, type ChartGeometry, type ChartSize, type Mark } from '../common/geometry.ts';
import { shortNumber } from '../common/numbers.ts';
import { distanceBinLabel, type Spectrum } from '../distanceSpectrum/layout.ts';
import { bandPath, linePath } from '../layerLine/layout.ts';

/** More layers than this are drawn as a spectrum. */
export const mostRidges = 12;
/** How far a ridge may reach over the one above, in rows. */
const overlap = 1.5;

/** Shape of attention over distance by layer: the baseline as a dashed outline, the comparison filled. For few layers. */
export function layoutRidgeline(spec: ComparisonSpec, data: Spectrum, size: ChartSize): ChartGeometry {
  const { fontSize } = size;
  const { layers, bins, baseline, comparison } = data;
  const left = Math.round(fontSize * 4);
  const right = Math.round(size.width - fontSize * 1.5);
  const rowHeight = Math.round(fontSize * 3.4);
  const top = Math.round(fontSize * 1.6 + rowHeight * (overlap - 1));
  const bottom = top + rowHeight * layers;
  const step = (right - left) / Math.max(1, bins);
  const x = (bin: number): number => left + (bin + 0.5) * step;
  const most = Math.max(1e-9, ...[...baseline, ...(comparison ?? [])].map((value) => value ?? 0));
  const marks: Mark[] = [];
  const cells: ChartCell[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const floor = top + rowHeight * (layer + 1);
    const lift = (value: number): number => floor - (value / most) * rowHeight * overlap * 0.95;
    const points = (values: readonly (number | null)[]): ([number, number] | null)[] =>
      Array.from({ length: bins }, (_, bin) => {
        const value = values[layer * bins + bin] ?? null;
        return value === null ? null : [x(bin), lift(value)];
      });
    const ground = Array.from({ length: bins }, (_, bin): [number, number] => [x(bin), floor]);
    marks.push({ type: 'line', x1: left, y1: floor, x2: right, y2: floor, stroke: 'grid', strokeWidth: 1 });
    marks.push({ type: 'text', x: left - Math.round(fontSize * 0.6), y: px(floor - fontSize * 0.2), text: String(layer), anchor: 'end', fill: 'inkFaint' }); // prettier-ignore
    if (comparison) {
      const after = points(comparison);
      marks.push({
        type: 'path',
        d: bandPath(after, ground),
        fill: conditionPaint.comparison,
        opacity: 0.35,
      });
      marks.push({ type: 'path', d: linePath(after), stroke: conditionPaint.comparison, strokeWidth: 1.6 });
    }
    const before = points(baseline);
    if (!comparison)
      marks.push({ type: 'path', d: bandPath(before, ground), fill: conditionPaint.baseline, opacity: 0.3 });
    marks.push({
      type: 'path',
      d: linePath(before),
      stroke: conditionPaint.baseline,
      strokeWidth: 2,
      dash: '6 4',
    });
    for (let bin = 0; bin < bins; bin++) {
      const at = layer * bins + bin;
      cells.push({
        id: `${at}`,
        target: { layer },
        row: layer,
        column: bin,
        x: px(left + bin * step),
        y: floor - rowHeight,
        width: px(step),
        height: rowHeight,
        label: `Layer ${layer}, distance ${distanceBinLabel(bin)}: ${spec.baseline} ${shortNumber(baseline[at] ?? null)}${comparison ? `, ${spec.comparison} ${shortNumber(comparison[at] ?? null)}` : ''}`, // prettier-ignore
      });
    }
  }
  const every = Math.max(1, Math.ceil((fontSize * 4) / step));
  for (let bin = 0; bin < bins; bin += every) {
    marks.push({ type: 'text', x: px(x(bin)), y: px(bottom + fontSize * 1.3), text: distanceBinLabel(bin), anchor: 'middle', fill: 'inkFaint' }); // prettier-ignore
  }
  marks.push({ type: 'text', x: right, y: px(bottom + fontSize * 2.7), text: 'distance in tokens, doubling', anchor: 'end', fill: 'inkSoft' }); // prettier-ignore
  marks.push({ type: 'text', x: 0, y: px(fontSize), text: 'layer', fill: 'inkSoft' });
  return {
    name: 'distance-ridges',
    title: comparison ? `How ${spec.comparison} spreads its attention over distance, over ${spec.baseline}` : `How ${spec.baseline} spreads its attention over distance`, // prettier-ignore
    subtitle: `Share of attention by distance between query and key, one ridge a layer, mean over heads; highest point: ${shortNumber(most)}; ${dataWords(spec)}`,
    size: { ...size, height: Math.round(bottom + fontSize * 3.2) },
    marks,
    cells,
    plot: {
      kind: 'lines',
      x: 'distance',
      xLabel: 'distance in tokens, doubling',
      perRow: 1,
      panels: Array.from({ length: layers }, (_, layer) => ({
        valueLabel: `layer ${layer}`,
        limits: [0, most],
        series: [
          ...(comparison ? [{ label: spec.comparison ?? '', value: { column: spec.comparison ?? '' }, where: { layer }, paint: conditionPaint.comparison, style: 'area' as const }] : []),
          { label: spec.baseline, value: { column: spec.baseline }, where: { layer }, paint: conditionPaint.baseline, style: 'dashed' as const },
        ], // prettier-ignore
      })),
    },
    table: {
      columns: ['layer', 'distance', spec.baseline, ...(comparison ? [spec.comparison ?? ''] : [])],
      rows: baseline.map((value, at) => [Math.floor(at / bins), distanceBinLabel(at % bins), value, ...(comparison ? [comparison[at] ?? null] : [])]), // prettier-ignore
    },
    legend: [
      { label: spec.baseline, fill: 'none', stroke: conditionPaint.baseline },
      ...(comparison ? [{ label: spec.comparison ?? '', fill: conditionPaint.comparison }] : []),
    ],
  };
}
