import { scaleLinear } from 'd3-scale';
import { claimWords, dataWords } from '../common/comparison.ts';
import { px, type ChartCell, type ChartGeometry, type ChartSize, type Mark } from '../common/geometry.ts';
import { counted, extentOf, headLabel, shortNumber, signedNumber } from '../common/numbers.ts';
import { bottomAxis, lineDomain, valueTick } from '../common/axis.ts';
import { changeFinding, type HeadMaps, type HeadTriptychSpec } from '../headTriptych/layout.ts';
import { valueAxis } from '../layerLine/layout.ts';

const bins = 24;

function histogram(values: readonly (number | null)[], low: number, high: number): number[] {
  const counts = new Array<number>(bins).fill(0);
  for (const value of values) {
    if (value === null) continue;
    counts[Math.min(bins - 1, Math.max(0, Math.floor(((value - low) / (high - low || 1)) * bins)))]!++;
  }
  return counts;
}

/** Each head before and after: on the line nothing changed, above it grew. Colour is depth, filled is clear. */
export function layoutHeadScatter(
  spec: HeadTriptychSpec,
  maps: HeadMaps,
  size: ChartSize,
): ChartGeometry | null {
  const { layers, heads, baseline, comparison, change } = maps;
  const names = spec.comparison;
  if (!comparison || !change || names.comparison === null) return null;
  const { metric } = spec;
  const { fontSize } = size;
  const left = Math.round(fontSize * 4.4);
  const strip = Math.round(fontSize * 3);
  const side = Math.round(Math.min(size.width - left - strip - fontSize * 2, fontSize * 34));
  const top = strip + Math.round(fontSize * 1.8);
  const bottom = top + side;
  const right = left + side;
  const found = extentOf([...baseline, ...comparison]) ?? [0, 1];
  // Both axes are positions on one scale: zero is shown only where the data come near it.
  const domain = lineDomain(found, { limits: metric.domain });
  const x = scaleLinear(domain, [left, right]);
  const y = scaleLinear(domain, [bottom, top]);
  if (domain[0] === 0) {
    x.nice(5);
    y.nice(5);
  }
  const [low, high] = x.domain() as [number, number];
  const marks: Mark[] = [
    ...valueAxis(y, left, right, fontSize),
    ...bottomAxis({ scale: x, x0: left, x1: right, y: bottom, fontSize, label: `${names.baseline}, ${metric.unit}`, tickCount: 5, gridTop: top, tickText: valueTick }), // prettier-ignore
    {
      type: 'text',
      x: 0,
      y: px(top - strip - fontSize * 0.6),
      text: `${names.comparison}, ${metric.unit}`,
      fill: 'inkSoft',
    },
    { type: 'line', x1: left, y1: bottom, x2: right, y2: top, stroke: 'axis', strokeWidth: 1, dash: '4 3' },
    { type: 'text', x: px(right - fontSize * 0.4), y: px(bottom - fontSize * 0.6), text: 'below the line: lower after', anchor: 'end', fill: 'inkFaint' }, // prettier-ignore
    { type: 'text', x: px(left + fontSize * 0.4), y: px(top + fontSize * 1.1), text: 'above the line: higher after', fill: 'inkFaint' }, // prettier-ignore
  ];
  const margins = [histogram(baseline, low, high), histogram(comparison, low, high)] as const;
  const most = Math.max(1, ...margins[0], ...margins[1]);
  const width = side / bins;
  margins[0].forEach((count, bin) => {
    const tall = (count / most) * (strip - 4);
    if (count > 0) marks.push({ type: 'rect', x: px(left + bin * width), y: px(top - 3 - tall), width: px(width - 1), height: px(tall), fill: 'ghost' }); // prettier-ignore
  });
  margins[1].forEach((count, bin) => {
    const tall = (count / most) * (strip - 4);
    if (count > 0) marks.push({ type: 'rect', x: right + 3, y: px(bottom - (bin + 1) * width), width: px(tall), height: px(width - 1), fill: 'ghost' }); // prettier-ignore
  });
  const cells: ChartCell[] = [];
  const radius = Math.max(2.2, fontSize * (layers * heads > 400 ? 0.24 : 0.34));
  for (let cell = 0; cell < layers * heads; cell++) {
    const [before, after] = [baseline[cell] ?? null, comparison[cell] ?? null];
    if (before === null || after === null) continue;
    const layer = Math.floor(cell / heads);
    const ink = { ramp: 'sequential' as const, t: 0.15 + (0.85 * layer) / Math.max(1, layers - 1) };
    const isClear = change.hasIntervals && change.clear[cell] === true;
    const [cx, cy] = [x(before), y(after)];
    marks.push({
      type: 'path',
      d: `M${px(cx - radius)} ${px(cy)}a${px(radius)} ${px(radius)} 0 1 0 ${px(2 * radius)} 0a${px(radius)} ${px(radius)} 0 1 0 ${px(-2 * radius)} 0z`,
      fill: isClear || !change.hasIntervals ? ink : 'surface',
      stroke: isClear ? 'ink' : ink,
      strokeWidth: isClear ? 0.8 : 1.4,
    });
    cells.push({
      id: `${cell}`,
      target: { layer, head: cell % heads },
      row: layer,
      column: cell % heads,
      x: px(cx - radius - 2),
      y: px(cy - radius - 2),
      width: px(2 * radius + 4),
      height: px(2 * radius + 4),
      label: `${headLabel(layer, cell % heads)}: ${names.baseline} ${shortNumber(before)}, ${names.comparison} ${shortNumber(after)}, change ${signedNumber(change.values[cell] ?? null)}${isClear ? ', clear' : ''}`, // prettier-ignore
    });
  }
  const label = (cell: number): string => headLabel(Math.floor(cell / heads), cell % heads);
  return {
    name: `scatter-${metric.key}`,
    title: changeFinding(names, metric, change, label, 'head'),
    subtitle: `${metric.label} of each head before and after (${metric.unit}); colour: layer, first to last; grey: how many heads; ${dataWords(names)}`,
    size: { ...size, height: Math.round(bottom + fontSize * 3.2) },
    marks,
    cells,
    notes: [claimWords(names, change.hasIntervals).replace('Full strength', 'Filled'), `${metric.label} = ${metric.formula} (${metric.source})`], // prettier-ignore
    plot: {
      kind: 'scatter',
      x: names.baseline,
      xLabel: `${names.baseline}, ${metric.unit}`,
      y: names.comparison,
      yLabel: `${names.comparison}, ${metric.unit}`,
      colour: 'layer',
      ...(change.hasIntervals ? { clear: 'clear' } : {}),
    },
    table: {
      columns: ['layer', 'head', names.baseline, names.comparison, 'change', ...(change.hasIntervals ? ['clear'] : [])], // prettier-ignore
      rows: baseline.map((value, cell) => [Math.floor(cell / heads), cell % heads, value, comparison[cell] ?? null, change.values[cell] ?? null, ...(change.hasIntervals ? [change.clear[cell] ? 'yes' : 'no'] : [])]), // prettier-ignore
    },
    legend: [
      { label: 'first layer', fill: { ramp: 'sequential', t: 0.15 } },
      { label: 'last layer', fill: { ramp: 'sequential', t: 1 } },
      ...(change.hasIntervals ? [{ label: `not clear (${counted(change.clear.filter((isClear) => !isClear).length, 'head')})`, fill: 'surface' as const }] : []), // prettier-ignore
    ],
  };
}
