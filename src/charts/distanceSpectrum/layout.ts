import { claimWords, dataWords, type ComparisonSpec } from '../common/comparison.ts';
import type { ChartGeometry, ChartSize } from '../common/geometry.ts';
import { extentOf, shortNumber, signedNumber, symmetricDomain } from '../common/numbers.ts';
import { layoutHeatmaps, type HeatPanel } from '../heatmap/layout.ts';

/** Share of attention by layer and bin of log2 distance, [layers, bins] row-major. */
export interface Spectrum {
  readonly layers: number;
  readonly bins: number;
  readonly baseline: readonly (number | null)[];
  readonly comparison: readonly (number | null)[] | null;
  /** Mass on the first keys by layer, beside the spectrum; null where it was not measured. */
  readonly sinkBaseline: readonly (number | null)[];
  readonly sinkComparison: readonly (number | null)[] | null;
}

/** Distances of a bin: `0`, `1`, `2–3`, `4–7`, … */
export function distanceBinLabel(bin: number): string {
  if (bin === 0) return '0';
  const low = 2 ** (bin - 1);
  const short = (value: number): string => (value >= 1024 ? `${value / 1024}k` : String(value));
  return bin === 1 ? '1' : low >= 64 ? `${short(low)}+` : `${low}–${2 * low - 1}`;
}

/** Where attention goes by distance: shows the sinks and the second hump that a mean hides. */
export function layoutDistanceSpectrum(spec: ComparisonSpec, data: Spectrum, size: ChartSize): ChartGeometry {
  const { layers, bins, baseline, comparison } = data;
  // The sink has its own column, after a gap.
  const columns = [...Array.from({ length: bins }, (_, bin) => distanceBinLabel(bin)), '', 'sink'];
  const width = columns.length;
  const spread = (values: readonly (number | null)[], sink: readonly (number | null)[]): (number | null)[] =>
    Array.from({ length: layers * width }, (_, at) => {
      const [layer, column] = [Math.floor(at / width), at % width];
      if (column < bins) return values[layer * bins + column] ?? null;
      return column === bins ? null : (sink[layer] ?? null);
    });
  const absent = Array.from({ length: layers * width }, (_, at) => at % width === bins);
  const before = spread(baseline, data.sinkBaseline);
  const after = comparison ? spread(comparison, data.sinkComparison ?? []) : null;
  const change = after
    ? after.map((value, at) => (value === null || before[at] == null ? null : value - before[at]))
    : null;
  const top = extentOf([...before, ...(after ?? [])])?.[1] ?? 1;
  const widest = change ? symmetricDomain(change) : 0;
  const name = (column: number): string =>
    column > bins ? `sink, first ${spec.sinkTokens} keys` : `distance ${columns[column]}`;
  const label = (row: number, column: number): string => {
    const at = row * width + column;
    return `Layer ${row}, ${name(column)}: ${spec.baseline} ${shortNumber(before[at] ?? null)}${after ? `, ${spec.comparison} ${shortNumber(after[at] ?? null)}, change ${signedNumber(change?.[at] ?? null)}` : ''}`;
  };
  const target = (layer: number) => ({ layer });
  const scaled = (values: readonly (number | null)[]): (number | null)[] => values.map((value) => (value === null ? null : top > 0 ? Math.sqrt(value / top) : 0)); // prettier-ignore
  const panels: HeatPanel[] = [
    { title: spec.baseline, ramp: 'sequential', values: scaled(before), absent, label, target },
  ];
  if (after)
    panels.push({
      title: spec.comparison ?? '',
      ramp: 'sequential',
      values: scaled(after),
      absent,
      label,
      target,
    });
  if (change) {
    panels.push({ title: `${spec.comparison} − ${spec.baseline}`, ramp: 'diverging', values: change.map((value) => (value === null ? null : widest > 0 ? value / widest : 0)), absent, label, target }); // prettier-ignore
  }
  const laidOut = layoutHeatmaps(
    {
      rows: Array.from({ length: layers }, (_, layer) => String(layer)),
      columns,
      rowTitle: 'layer',
      columnTitle: 'distance in tokens, doubling',
      bars: [
        { first: 0, last: after ? 1 : 0, bar: { ramp: 'sequential', low: '0', middle: shortNumber(top / 4), high: shortNumber(top), title: 'share of attention (square-root colours)' } }, // prettier-ignore
        ...(change ? [{ first: 2, last: 2, bar: { ramp: 'diverging' as const, low: `≤ ${signedNumber(-widest)}`, middle: '0', high: `≥ ${signedNumber(widest)}`, title: `less than ${spec.baseline} ← → more` } }] : []), // prettier-ignore
      ],
    },
    panels,
    size,
  );
  const mostChanged = change
    ? change.reduce<number>(
        (best, value, at) => (Math.abs(value ?? 0) > Math.abs(change[best] ?? 0) ? at : best),
        0,
      )
    : null;
  const peak = before.reduce<number>((best, value, at) => (at % width < bins && (value ?? 0) > (before[best] ?? 0) ? at : best), 0); // prettier-ignore
  return {
    name: 'distance-spectrum',
    title:
      mostChanged !== null && change
        ? `The share of attention differs most in layer ${Math.floor(mostChanged / width)} at ${name(mostChanged % width)}: ${signedNumber(change[mostChanged] ?? null)}`
        : `Attention of ${spec.baseline} is densest in layer ${Math.floor(peak / width)} at ${name(peak % width)} (${shortNumber(before[peak] ?? null)})`,
    subtitle: `Share of attention by layer and distance between query and key, mean over heads; ${dataWords(spec)}`,
    ...laidOut,
    notes: [
      spec.comparison === null
        ? claimWords(spec, false)
        : `Compares ${spec.comparison} with ${spec.baseline}. Differences without intervals: read the tests in the other charts.`,
      'The keys of the sink are also counted at their distance.',
    ],
    plot: {
      kind: 'heat',
      row: 'layer',
      column: 'distance',
      rowLabel: 'layer',
      columnLabel: 'distance in tokens, doubling',
      groups: [
        { ramp: 'sequential', scale: 'sqrt', low: 0, high: top, label: 'share of attention (square-root colours)', panels: [spec.baseline, ...(after ? [spec.comparison ?? ''] : [])].map((title) => ({ title, value: { column: title } })) },
        ...(change ? [{ ramp: 'diverging' as const, scale: 'linear' as const, low: -widest, high: widest, label: `less than ${spec.baseline} ← → more`, panels: [{ title: `${spec.comparison} − ${spec.baseline}`, value: { column: 'change' } }] }] : []),
      ], // prettier-ignore
    },
    table: {
      columns: ['layer', 'distance', spec.baseline, ...(after ? [spec.comparison ?? '', 'change'] : [])],
      rows: before.flatMap(
        (value, at) =>
        at % width === bins
          ? []
          : [[Math.floor(at / width), columns[at % width] ?? '', value, ...(after ? [after[at] ?? null, change?.[at] ?? null] : [])]], // prettier-ignore
      ),
    },
    legend: before.some((value, at) => value === null && !absent[at])
      ? [{ label: 'not measured', fill: 'hatch' }]
      : [],
  };
}
