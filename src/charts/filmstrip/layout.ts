import { dataWords, type ComparisonSpec } from '../common/comparison.ts';
import type { ChartGeometry, ChartSize, ChartTarget } from '../common/geometry.ts';
import { shortNumber } from '../common/numbers.ts';
import { layoutHeatmaps } from '../heatmap/layout.ts';

export interface FilmstripSpec {
  readonly comparison: ComparisonSpec;
  readonly layer: number;
  readonly what: 'experts' | 'heads';
  /** For heads: the metric; experts are drawn as load over fair load. */
  readonly label: string;
  readonly unit: string;
  readonly perToken: number;
}

/** One layer over checkpoints (E8): a row a step, columns in the order of the first row. */
export function layoutFilmstrip(
  spec: FilmstripSpec,
  frames: readonly {
    readonly name: string;
    readonly step: number | null;
    readonly values: readonly (number | null)[];
  }[],
  size: ChartSize,
): ChartGeometry {
  const columns = Math.max(0, ...frames.map(({ values }) => values.length));
  const first = frames[0]?.values ?? [];
  const order = Array.from({ length: columns }, (_, column) => column).sort((a, b) => (first[b] ?? -1) - (first[a] ?? -1) || a - b); // prettier-ignore
  const isExperts = spec.what === 'experts';
  const most = Math.max(1e-12, ...frames.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const scaled = (value: number | null): number | null =>
    value === null || (isExperts && value === 0) ? null : isExperts ? Math.log2((value * columns) / spec.perToken) / 2 : value / most; // prettier-ignore
  const target = (column: number): ChartTarget => isExperts ? { layer: spec.layer, expert: order[column] ?? column } : { layer: spec.layer, head: order[column] ?? column }; // prettier-ignore
  const rowName = ({ name, step }: { name: string; step: number | null }): string =>
    step === null ? name : `step ${step}`;
  const laidOut = layoutHeatmaps(
    {
      rows: frames.map(rowName),
      columns: order.map(String),
      rowTitle: 'checkpoint',
      columnTitle: `${spec.what === 'experts' ? 'expert' : 'head'}, in the order of the first row`,
      allRowLabels: true,
      largestCell: { width: 4, height: 2 },
      bars: [
        {
          first: 0,
          last: 0,
          bar: isExperts
            ? {
                ramp: 'diverging',
                low: '≤ ¼×',
                middle: '1× = uniform',
                high: '≥ 4×',
                title: 'load ÷ fair load k/E',
              }
            : { ramp: 'sequential', low: '0', high: shortNumber(most), title: `${spec.label}, ${spec.unit}` },
        },
      ],
    },
    [
      {
        title: `layer ${spec.layer}`,
        ramp: isExperts ? 'diverging' : 'sequential',
        values: frames.flatMap(({ values }) => order.map((column) => scaled(values[column] ?? null))),
        label: (row, column) => `${rowName(frames[row]!)}, ${isExperts ? 'expert' : 'head'} ${order[column]}: ${shortNumber(frames[row]?.values[order[column] ?? 0] ?? null)}`, // prettier-ignore
        target: (_row, column) => target(column),
      },
    ],
    size,
  );
  return {
    name: `filmstrip-${spec.what}-layer-${spec.layer}`,
    title: `Layer ${spec.layer} over ${frames.length} checkpoints: ${spec.label}`,
    subtitle: `${spec.label} by ${isExperts ? 'expert' : 'head'} and checkpoint; ${dataWords(spec.comparison)}`,
    ...laidOut,
    plot: {
      kind: 'heat',
      row: 'checkpoint',
      column: isExperts ? 'expert' : 'head',
      rowLabel: 'checkpoint',
      columnLabel: `${isExperts ? 'expert' : 'head'}, in the order of the first row`,
      order,
      groups: [
        isExperts
          ? { ramp: 'diverging', scale: 'log2', low: -2, high: 2, label: 'load ÷ fair load k/E', panels: [{ title: `layer ${spec.layer}`, value: { column: spec.label, over: spec.perToken / columns } }] }
          : { ramp: 'sequential', scale: 'linear', low: 0, high: most, label: `${spec.label}, ${spec.unit}`, panels: [{ title: `layer ${spec.layer}`, value: { column: spec.label } }] },
      ], // prettier-ignore
    },
    table: {
      columns: ['checkpoint', isExperts ? 'expert' : 'head', spec.label],
      rows: frames.flatMap((frame) => frame.values.map((value, column) => [rowName(frame), column, value])),
    },
    legend: isExperts && frames.some(({ values }) => values.some((value) => value === 0)) ? [{ label: 'never chosen', fill: 'hatch' }] : [], // prettier-ignore
  };
}
