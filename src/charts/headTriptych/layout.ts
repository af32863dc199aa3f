import {
  claimWords,
  whyNoInterval,
  dataWords,
  type Change,
  type ComparisonSpec,
  type MetricSpec,
} from '../common/comparison.ts';
import type { ChartGeometry, ChartSize } from '../common/geometry.ts';
import { layoutHeatmaps, type HeatPanel } from '../heatmap/layout.ts';
import { counted, extentOf, headLabel, meanOf, shortNumber, signedNumber, symmetricDomain } from '../common/numbers.ts'; // prettier-ignore

/** One number per layer and head, [layers, heads] row-major. */
export interface HeadMaps {
  readonly layers: number;
  readonly heads: number;
  readonly baseline: readonly (number | null)[];
  readonly comparison: readonly (number | null)[] | null;
  readonly change: Change | null;
}
export interface HeadTriptychSpec {
  readonly comparison: ComparisonSpec;
  readonly metric: MetricSpec;
  /** Heads of a layer by falling baseline value (the same order in all panels), or by index. */
  readonly order: 'baseline' | 'index';
}

/** Heads of each layer in the order of the columns. */
function headOrder({ layers, heads, baseline }: HeadMaps, order: 'baseline' | 'index'): number[][] {
  return Array.from({ length: layers }, (_, layer) => {
    const row = Array.from({ length: heads }, (_, head) => head);
    if (order === 'index') return row;
    const value = (head: number): number => baseline[layer * heads + head] ?? -Infinity;
    return row.sort((a, b) => value(b) - value(a) || a - b);
  });
}

/** What the differences show, in a sentence that claims no more than their intervals allow. */
export function changeFinding(
  spec: ComparisonSpec,
  metric: Pick<MetricSpec, 'label'>,
  change: Change,
  labelOf: (cell: number) => string,
  noun: string,
): string {
  const { baseline, comparison, control } = spec;
  const measured = change.values.filter((value) => value !== null).length;
  const clear = change.values.flatMap((value, cell) => (change.clear[cell] && value !== null ? [{ value, cell }] : [])); // prettier-ignore
  const mean = meanOf(change.values);
  if (!change.hasIntervals) {
    return `${comparison} − ${baseline}: ${metric.label} ${signedNumber(mean)} on average; ${whyNoInterval(spec)}: no claim of a change`;
  }
  if (clear.length === 0) {
    return `No clear change of ${metric.label} between ${baseline} and ${comparison} in any of ${counted(measured, noun)}`;
  }
  const up = clear.filter(({ value }) => value > 0).length;
  const down = clear.length - up;
  const most = clear.reduce((best, each) => (Math.abs(each.value) > Math.abs(best.value) ? each : best));
  const directions = [up > 0 ? `raises it in ${up}` : '', down > 0 ? `lowers it in ${down}` : ''].filter(
    Boolean,
  );
  const subject =
    control === null
      ? `Against ${baseline}, ${comparison}`
      : `Beyond ${control} and ${baseline}, ${comparison}`;
  return `${subject} changes ${metric.label} in ${clear.length} of ${counted(measured, noun)}: ${directions.join(', ')}; most at ${labelOf(most.cell)} (${signedNumber(most.value)})`;
}

/** Metric by layer and head, before and after and the difference with what is not clear suppressed. */
export function layoutHeadTriptych(spec: HeadTriptychSpec, maps: HeadMaps, size: ChartSize): ChartGeometry {
  const { layers, heads, baseline, comparison, change } = maps;
  const { metric } = spec;
  const names = spec.comparison;
  const order = headOrder(maps, spec.order);
  const cellOf = (row: number, column: number): number => row * heads + (order[row]?.[column] ?? column);
  const sorted = <T>(values: readonly T[]): T[] =>
    Array.from({ length: layers * heads }, (_, at) => values[cellOf(Math.floor(at / heads), at % heads)]!);
  const found = extentOf([...baseline, ...(comparison ?? [])]) ?? [0, 1];
  const domain = metric.domain ?? [Math.min(0, found[0]), found[1]];
  const scaled = (values: readonly (number | null)[]): (number | null)[] =>
    values.map((value) =>
      value === null ? null : domain[1] > domain[0] ? (value - domain[0]) / (domain[1] - domain[0]) : 0,
    );
  const widest = change ? symmetricDomain(change.values) : 0;
  const words = (row: number, column: number): string => {
    const cell = cellOf(row, column);
    const after = comparison ? `, ${names.comparison} ${shortNumber(comparison[cell] ?? null)}` : '';
    const by = change
      ? `, change ${signedNumber(change.values[cell] ?? null)}${change.hasIntervals ? `, 95 % ${signedNumber(change.low[cell] ?? null)} to ${signedNumber(change.high[cell] ?? null)}, ${change.clear[cell] ? 'clear' : 'not clear'}` : ''}`
      : '';
    return `Layer ${row}, head ${cell - row * heads}: ${names.baseline} ${shortNumber(baseline[cell] ?? null)}${after}${by}`;
  };
  const target = (row: number, column: number) => ({ layer: row, head: cellOf(row, column) - row * heads });
  const rowMeans = (values: readonly (number | null)[]): (number | null)[] => {
    const means = Array.from({ length: layers }, (_, layer) =>
      meanOf(values.slice(layer * heads, (layer + 1) * heads)),
    );
    return scaled(means);
  };
  const panels: HeadPanels = [
    { title: names.baseline, ramp: 'sequential', values: scaled(sorted(baseline)), margin: rowMeans(baseline), label: words, target }, // prettier-ignore
  ];
  if (comparison && names.comparison !== null) {
    panels.push({ title: names.comparison, ramp: 'sequential', values: scaled(sorted(comparison)), margin: rowMeans(comparison), label: words, target }); // prettier-ignore
  }
  if (change) {
    panels.push({
      title: `${names.comparison} − ${names.baseline}`,
      ramp: 'diverging',
      values: sorted(change.values).map((value) => (value === null ? null : widest > 0 ? value / widest : 0)),
      ...(change.hasIntervals ? { muted: sorted(change.clear.map((isClear) => !isClear)) } : {}),
      label: words,
      target,
    });
  }
  const first = { ramp: 'sequential' as const, low: shortNumber(domain[0]), high: shortNumber(domain[1]), title: `${metric.label}, ${metric.unit}` }; // prettier-ignore
  const laidOut = layoutHeatmaps(
    {
      rows: Array.from({ length: layers }, (_, layer) => String(layer)),
      columns: Array.from({ length: heads }, (_, head) => (spec.order === 'index' ? String(head) : '')),
      rowTitle: 'layer',
      columnTitle: spec.order === 'index' ? 'head' : `heads, by falling ${names.baseline} value`,
      marginTitle: 'mean',
      bars: [
        { first: 0, last: comparison ? 1 : 0, bar: first },
        ...(change
          ? [
              {
                first: panels.length - 1,
                last: panels.length - 1,
                bar: {
                  ramp: 'diverging' as const,
                  low: `≤ ${signedNumber(-widest)}`,
                  middle: '0',
                  high: `≥ ${signedNumber(widest)}`,
                  title: `lower than ${names.baseline} ← → higher`,
                },
              },
            ]
          : []),
      ],
    },
    panels,
    size,
  );
  const label = (cell: number): string => headLabel(Math.floor(cell / heads), cell % heads);
  const hasMissing = [...baseline, ...(comparison ?? [])].some((value) => value === null);
  return {
    name: `heads-${metric.key}`,
    title: change
      ? changeFinding(names, metric, change, label, 'head')
      : `${names.baseline}: ${metric.label} of ${counted(layers * heads, 'head')}, ${shortNumber(found[0])} to ${shortNumber(found[1])}`,
    subtitle: `${metric.label} by layer and head (${metric.unit}); ${dataWords(names)}`,
    ...laidOut,
    notes: [
      claimWords(names, change?.hasIntervals ?? false),
      `${metric.label} = ${metric.formula} (${metric.source})`,
    ],
    plot: {
      kind: 'heat',
      row: 'layer',
      column: 'head',
      rowLabel: 'layer',
      columnLabel: spec.order === 'index' ? 'head' : `heads, by falling ${names.baseline} value`,
      ...(spec.order === 'index' ? {} : { sortBy: names.baseline }),
      groups: [
        { ramp: 'sequential', scale: 'linear', low: domain[0], high: domain[1], label: `${metric.label}, ${metric.unit}`, panels: [names.baseline, ...(comparison ? [names.comparison ?? ''] : [])].map((title) => ({ title, value: { column: title } })) },
        ...(change ? [{ ramp: 'diverging' as const, scale: 'linear' as const, low: -widest, high: widest, label: `lower than ${names.baseline} ← → higher`, panels: [{ title: `${names.comparison} − ${names.baseline}`, value: { column: 'change' }, ...(change.hasIntervals ? { clear: 'clear' } : {}) }] }] : []),
      ], // prettier-ignore
    },
    table: {
      columns: ['layer', 'head', names.baseline, ...(comparison ? [names.comparison ?? ''] : []), ...(change ? ['change', 'low', 'high', 'clear'] : [])], // prettier-ignore
      rows: baseline.map((value, cell) => [
        Math.floor(cell / heads),
        cell % heads,
        value,
        ...(comparison ? [comparison[cell] ?? null] : []),
        ...(change ? [change.values[cell] ?? null, change.low[cell] ?? null, change.high[cell] ?? null, change.hasIntervals ? (change.clear[cell] ? 'yes' : 'no') : null] : []), // prettier-ignore
      ]),
    },
    legend: [
      ...(change?.hasIntervals
        ? [{ label: 'not clear', fill: 'surface' as const, sign: 'muted' as const }]
        : []),
      ...(hasMissing ? [{ label: 'not measured', fill: 'hatch' as const }] : []),
    ],
  };
}

type HeadPanels = HeatPanel[];
