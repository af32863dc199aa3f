import { scaleLinear } from 'd3-scale';
import { lineDomain } from '../common/axis.ts';
import { conditionDash, conditionPaint, conditionStyle, dataWords, type ComparisonSpec, type Condition } from '../common/comparison.ts'; // prettier-ignore
import { px, type ChartCell, type ChartGeometry, type ChartSize, type Mark } from '../common/geometry.ts';
import { extentOf, meanOf, shortNumber, signedNumber } from '../common/numbers.ts';
import { linePath, valueAxis } from '../layerLine/layout.ts';

/** One number per layer and subject. */
export interface LayerPanel {
  readonly key: string;
  readonly title: string;
  readonly unit: string;
  readonly reference?: { readonly value: number; readonly label: string };
  readonly domain?: readonly [number, number];
  readonly series: readonly { readonly name: string; readonly condition: Condition; readonly values: readonly (number | null)[] }[]; // prettier-ignore
}

/** Small line panels over the same layers (E5). `layers`: their numbers. */
export function layoutLayerPanels(
  spec: { readonly comparison: ComparisonSpec; readonly layers: readonly number[]; readonly name: string },
  panels: readonly LayerPanel[],
  size: ChartSize,
): ChartGeometry {
  const { fontSize } = size;
  const { layers, comparison: names } = spec;
  const perLine = size.width > fontSize * 46 ? 2 : 1;
  const panelWidth = Math.floor(size.width / perLine);
  const panelHeight = Math.round(fontSize * 14);
  const marks: Mark[] = [];
  const cells: ChartCell[] = [];
  panels.forEach((panel, index) => {
    const x0 = (index % perLine) * panelWidth;
    const y0 = Math.floor(index / perLine) * panelHeight;
    const left = x0 + Math.round(fontSize * 4);
    const right = x0 + panelWidth - Math.round(fontSize * 2);
    const top = y0 + Math.round(fontSize * 2.4);
    const bottom = y0 + panelHeight - Math.round(fontSize * 2.4);
    const found = extentOf(panel.series.flatMap(({ values }) => values)) ?? [0, 1];
    const reference = panel.reference?.value;
    const domain = lineDomain(found, { reference, limits: panel.domain });
    const y = scaleLinear(domain, [bottom, top]);
    if (domain[0] === 0) y.nice(4);
    const isInView = reference !== undefined && reference >= y.domain()[0]! && reference <= y.domain()[1]!;
    const step = (right - left) / Math.max(1, layers.length);
    const x = (at: number): number => left + (at + 0.5) * step;
    marks.push({
      type: 'text',
      x: x0,
      y: px(top - fontSize * 1),
      text: `${panel.title}, ${panel.unit}`,
      weight: 600,
      fill: 'ink',
    });
    marks.push(...valueAxis(y, left, right, fontSize, 4));
    marks.push({ type: 'line', x1: left, y1: bottom, x2: right, y2: bottom, stroke: 'axis', strokeWidth: 1 });
    const every = [1, 2, 4, 5, 8, 10, 20].find((n) => n * step >= fontSize * 2.2) ?? 40;
    layers.forEach((layer, at) => {
      if (at % every === 0) marks.push({ type: 'text', x: px(x(at)), y: px(bottom + fontSize * 1.3), text: String(layer), anchor: 'middle', fill: 'inkFaint' }); // prettier-ignore
    });
    if (isInView && panel.reference) {
      marks.push({ type: 'line', x1: left, y1: px(y(reference)), x2: right, y2: px(y(reference)), stroke: 'ghost', strokeWidth: 1, dash: '2 3' }); // prettier-ignore
      marks.push({ type: 'text', x: right, y: px(y(reference) - fontSize * 0.35), text: panel.reference.label, anchor: 'end', fill: 'inkFaint' }); // prettier-ignore
    }
    if (panel.series.every(({ values }) => values.every((value) => value === null))) {
      marks.push({
        type: 'text',
        x: left + 8,
        y: px((top + bottom) / 2),
        text: 'not measured',
        fill: 'inkFaint',
      });
    }
    panel.series.forEach(({ name, condition, values }, row) => {
      const dash = conditionDash[condition];
      const points = values.map((value, at): [number, number] | null =>
        value === null ? null : [x(at), y(value)],
      );
      marks.push({ type: 'path', d: linePath(points), stroke: conditionPaint[condition], strokeWidth: Math.max(2, fontSize * 0.17), ...(dash ? { dash } : {}) }); // prettier-ignore
      points.forEach((point, at) => {
        if (!point) return;
        const radius = Math.max(2, fontSize * 0.24);
        marks.push({ type: 'rect', x: px(point[0] - radius), y: px(point[1] - radius), width: px(2 * radius), height: px(2 * radius), radius: px(radius), fill: condition === 'baseline' ? 'surface' : conditionPaint[condition], stroke: conditionPaint[condition], strokeWidth: 1.4 }); // prettier-ignore
        cells.push({
          id: `${index}:${row}:${at}`,
          target: { layer: layers[at] ?? at },
          row: Math.floor(index / perLine) * 8 + row,
          column: (index % perLine) * (layers.length + 1) + at,
          x: px(point[0] - 5),
          y: px(point[1] - 5),
          width: 10,
          height: 10,
          label: `${panel.title}, ${name}, layer ${layers[at]}: ${shortNumber(values[at] ?? null)} ${panel.unit}`,
        });
      });
    });
  });
  const main = panels[0];
  const before = meanOf(main?.series.find(({ condition }) => condition === 'baseline')?.values ?? []);
  const after = meanOf(main?.series.find(({ condition }) => condition === 'comparison')?.values ?? []);
  return {
    name: spec.name,
    title: main
      ? after !== null && before !== null
        ? `${main.title}: ${shortNumber(after)} in ${names.comparison} on average over layers, ${shortNumber(before)} in ${names.baseline} (${signedNumber(after - before)})`
        : `${main.title} of ${names.baseline}: ${shortNumber(before)} on average over layers`
      : 'Nothing was measured',
    subtitle: `One number a layer; ${dataWords(names)}`,
    size: { ...size, height: Math.ceil(panels.length / perLine) * panelHeight },
    marks,
    cells,
    notes: [
      'Summaries of all query tokens: one value a layer, no interval; x: layer. Axes do not all begin at 0.',
    ],
    plot: {
      kind: 'lines',
      x: 'layer',
      xLabel: 'layer',
      hasMarks: true,
      perRow: panels.length > 1 ? 2 : 1,
      panels: panels.map(({ title, unit, series, reference }) => ({
        title,
        valueLabel: unit,
        series: series.map(({ name, condition }) => ({ label: name, value: { column: 'value' }, where: { panel: title, subject: name }, paint: conditionPaint[condition], style: conditionStyle[condition] })), // prettier-ignore
        ...(reference ? { reference } : {}),
      })),
    },
    table: {
      columns: ['panel', 'subject', 'layer', 'value'],
      rows: panels.flatMap(({ title, series }) => series.flatMap(({ name, values }) => values.map((value, at) => [title, name, layers[at] ?? at, value]))), // prettier-ignore
    },
    legend: (main?.series ?? []).map(({ name, condition }) => ({ label: name, fill: condition === 'baseline' ? 'surface' : conditionPaint[condition], stroke: conditionPaint[condition] })), // prettier-ignore
  };
}
