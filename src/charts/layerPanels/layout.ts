import { scaleLinear } from 'd3-scale';
import { lineDomain } from '../common/axis.ts';
import { claimWords, conditionDash, conditionPaint, conditionStyle, dataWords, type Change, type ComparisonSpec, type Condition } from '../common/comparison.ts'; // prettier-ignore
import { px, type ChartCell, type ChartGeometry, type ChartSize, type Mark } from '../common/geometry.ts';
import { counted, extentOf, meanOf, shortNumber, signedNumber } from '../common/numbers.ts';
import { bandPath, linePath, valueAxis } from '../layerLine/layout.ts';

/** One number per layer and subject. */
export interface LayerPanel {
  readonly key: string;
  readonly title: string;
  readonly unit: string;
  readonly reference?: { readonly value: number; readonly label: string };
  readonly domain?: readonly [number, number];
  readonly series: readonly PanelSeries[];
  /** comparison − baseline by layer, where it is tested, and comparison − control. */
  readonly change?: Change | null;
  readonly overControl?: Change | null;
}
interface PanelSeries {
  readonly name: string;
  readonly condition: Condition;
  readonly values: readonly (number | null)[];
}

type Band = readonly { readonly low: number | null; readonly high: number | null }[];

/** The interval of the difference laid on the baseline's line: where it leaves that line out, it excludes zero. */
function bandOf({ change, series, domain: [least, most] = [-Infinity, Infinity] }: LayerPanel): Band {
  const base = series.find(({ condition }) => condition === 'baseline')?.values ?? [];
  if (!change?.hasIntervals) return base.map(() => ({ low: null, high: null }));
  const shifted = (value: number | null, by: number | null | undefined): number | null =>
    value === null || by == null ? null : Math.min(most, Math.max(least, value + by));
  return base.map((value, at) => ({ low: shifted(value, change.low[at]), high: shifted(value, change.high[at]) })); // prettier-ignore
}

/** "+0.12, 95 % +0.05 to +0.2" */
function changeWords(change: Change, at: number): string {
  const [low, high] = [change.low[at] ?? null, change.high[at] ?? null];
  const interval =
    low === null || high === null ? '' : `, 95 % ${signedNumber(low)} to ${signedNumber(high)}`;
  return `${signedNumber(change.values[at] ?? null)}${interval}`;
}

/** What the differences of one layer are, after its value. */
function testWords({ change, overControl }: LayerPanel, names: ComparisonSpec, at: number): string {
  if (!change?.hasIntervals || change.values[at] == null) return '';
  const control = overControl?.hasIntervals ? `; ${names.comparison} − ${names.control} ${changeWords(overControl, at)}` : ''; // prettier-ignore
  return `; ${names.comparison} − ${names.baseline} ${changeWords(change, at)}${control}; ${change.clear[at] ? 'clear' : 'not clear'}`;
}

/** Columns of the differences, after those of the band. */
function testColumns({ baseline, comparison, control }: ComparisonSpec): string[] {
  return [baseline, ...(control === null ? [] : [control])].flatMap((name) =>
    ['', ' low', ' high'].map((end) => `${comparison} − ${name}${end}`),
  );
}

/** Band and differences of one row of the table; empty but for the comparison. */
function testRow(
  { change, overControl }: LayerPanel,
  names: ComparisonSpec,
  band: Band,
  condition: Condition,
  at: number,
): (string | number | null)[] {
  const tests = [change, ...(names.control === null ? [] : [overControl])];
  if (condition !== 'comparison' || !change?.hasIntervals) {
    return new Array<null>(3 + 3 * tests.length).fill(null);
  }
  const { low = null, high = null } = band[at] ?? {};
  const numbers = tests.flatMap((test) => [test?.values[at] ?? null, test?.low[at] ?? null, test?.high[at] ?? null]); // prettier-ignore
  return [low, high, change.clear[at] ? 'yes' : 'no', ...numbers];
}

/** In how many layers the difference is clear; of a panel without intervals that it has none. */
function clearWords({ change }: LayerPanel): string {
  if (!change?.hasIntervals) return 'no interval';
  const measured = change.values.filter((value) => value !== null).length;
  return `clear in ${change.clear.filter(Boolean).length} of ${counted(measured, 'layer')}`;
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
  const isTested = panels.some(({ change }) => change?.hasIntervals);
  const foot = Math.round(fontSize * (isTested ? 3.6 : 2.4));
  const panelHeight = Math.round(fontSize * 11.6) + foot;
  const marks: Mark[] = [];
  const cells: ChartCell[] = [];
  panels.forEach((panel, index) => {
    const x0 = (index % perLine) * panelWidth;
    const y0 = Math.floor(index / perLine) * panelHeight;
    const left = x0 + Math.round(fontSize * 4);
    const right = x0 + panelWidth - Math.round(fontSize * 2);
    const top = y0 + Math.round(fontSize * 2.4);
    const bottom = y0 + panelHeight - foot;
    const band = bandOf(panel);
    const found = extentOf([...panel.series.flatMap(({ values }) => values), ...band.flatMap(({ low, high }) => [low, high])]) ?? [0, 1]; // prettier-ignore
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
    const point = (value: number | null, at: number): [number, number] | null =>
      value === null ? null : [x(at), y(value)];
    const area = bandPath(
      band.map(({ high }, at) => point(high, at)),
      band.map(({ low }, at) => point(low, at)),
    );
    if (area !== '') marks.push({ type: 'path', d: area, fill: conditionPaint.comparison, opacity: 0.22 });
    if (isTested) marks.push({ type: 'text', x: left, y: px(bottom + fontSize * 2.6), text: clearWords(panel), fill: 'inkSoft' }); // prettier-ignore
    panel.series.forEach(({ name, condition, values }, row) => {
      const dash = conditionDash[condition];
      const points = values.map(point);
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
          label: `${panel.title}, ${name}, layer ${layers[at]}: ${shortNumber(values[at] ?? null)} ${panel.unit}${condition === 'comparison' ? testWords(panel, names, at) : ''}`,
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
    subtitle: `One number a layer${isTested ? `; band: 95 % interval of ${names.comparison} − ${names.baseline} over items, laid on the line of ${names.baseline}` : ''}; ${dataWords(names)}`,
    size: { ...size, height: Math.ceil(panels.length / perLine) * panelHeight },
    marks,
    cells,
    notes: isTested
      ? [
          claimWords(names, true).replace('Full strength', 'Clear'),
          'Summaries of all query tokens; x: layer. Axes do not all begin at 0. Items are drawn within their kind; with fewer than three of a kind they are drawn together, and the divergence has no interval. Router entropy and kept choices are not kept by item, and the busiest expert is a maximum: they have none.',
        ]
      : [
          'Summaries of all query tokens: one value a layer, no interval; x: layer. Axes do not all begin at 0.',
        ],
    plot: {
      kind: 'lines',
      x: 'layer',
      xLabel: 'layer',
      hasMarks: true,
      perRow: panels.length > 1 ? 2 : 1,
      panels: panels.map(({ title, unit, series, reference, change }) => ({
        title,
        valueLabel: unit,
        series: series.map(({ name, condition }) => ({ label: name, value: { column: 'value' }, ...(condition === 'comparison' && change?.hasIntervals ? { interval: { low: { column: 'band low' }, high: { column: 'band high' } } } : {}), where: { panel: title, subject: name }, paint: conditionPaint[condition], style: conditionStyle[condition] })), // prettier-ignore
        ...(reference ? { reference } : {}),
      })),
    },
    table: {
      columns: ['panel', 'subject', 'layer', 'value', ...(isTested ? ['band low', 'band high', 'clear', ...testColumns(names)] : [])], // prettier-ignore
      rows: panels.flatMap((panel) => {
        const band = bandOf(panel);
        return panel.series.flatMap(({ name, condition, values }) => values.map((value, at) => [panel.title, name, layers[at] ?? at, value, ...(isTested ? testRow(panel, names, band, condition, at) : [])])); // prettier-ignore
      }),
    },
    legend: (main?.series ?? []).map(({ name, condition }) => ({ label: name, fill: condition === 'baseline' ? 'surface' : conditionPaint[condition], stroke: conditionPaint[condition] })), // prettier-ignore
  };
}
