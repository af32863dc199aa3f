import { claimWords, dataWords, type Change, type ComparisonSpec } from '../common/comparison.ts';
import type { ChartGeometry, ChartSize } from '../common/geometry.ts';
import { expertLabel, shortNumber, signedNumber, symmetricDomain } from '../common/numbers.ts';
import { changeFinding } from '../headTriptych/layout.ts';
import { layoutHeatmaps, type HeatPanel } from '../heatmap/layout.ts';

/** Routing by layer and expert, [layers, experts] row-major. Rows are the mixture layers. */
export interface ExpertMaps {
  /** Numbers of the mixture layers. */
  readonly layers: readonly number[];
  readonly experts: number;
  readonly perToken: number;
  /** Share of tokens that chose the expert. */
  readonly baseline: readonly (number | null)[];
  readonly comparison: readonly (number | null)[] | null;
  readonly change: Change | null;
  /** Jensen-Shannon divergence between the two by layer, nats. */
  readonly divergence: readonly (number | null)[] | null;
}
export interface ExpertMapSpec {
  readonly comparison: ComparisonSpec;
  readonly order: 'baseline' | 'index';
}

/** Largest factor that has its own colour: four times the fair load, or a quarter of it. */
const widestLift = 2;

/** Experts of each layer by falling baseline load, or by index. */
function expertOrder({ layers, experts, baseline }: ExpertMaps, order: 'baseline' | 'index'): number[][] {
  return layers.map((_, row) => {
    const indices = Array.from({ length: experts }, (__, expert) => expert);
    if (order === 'index') return indices;
    const value = (expert: number): number => baseline[row * experts + expert] ?? -1;
    return indices.sort((a, b) => value(b) - value(a) || a - b);
  });
}

const factor = (value: number): string => `${value.toFixed(2)}×`;

/** Load against fair load (E1) and its change (E2), experts of a layer in one order in all panels. */
export function layoutExpertMap(spec: ExpertMapSpec, maps: ExpertMaps, size: ChartSize): ChartGeometry {
  const { layers, experts, perToken, baseline, comparison, change } = maps;
  const names = spec.comparison;
  const order = expertOrder(maps, spec.order);
  const cellOf = (row: number, column: number): number => row * experts + (order[row]?.[column] ?? column);
  const sorted = <T,>(values: readonly T[]): T[] => Array.from({ length: layers.length * experts }, (_, at) => values[cellOf(Math.floor(at / experts), at % experts)]!); // prettier-ignore
  // A dead expert has no logarithm: it is hatched, and said so.
  const lift = (frequency: number | null): number | null => frequency === null || frequency === 0 ? null : Math.log2((frequency * experts) / perToken); // prettier-ignore
  const onRamp = (values: readonly (number | null)[]): (number | null)[] => values.map((value) => { const log = lift(value); return log === null ? null : log / widestLift; }); // prettier-ignore
  const logChange = comparison
    ? comparison.map((after, cell) => {
        const before = baseline[cell] ?? null;
        return after === null || before === null || after === 0 || before === 0
          ? null
          : Math.log2(after / before);
      })
    : null;
  const widest = logChange ? Math.max(0.05, symmetricDomain(logChange)) : 0;
  const words = (frequency: number | null): string =>
    frequency === null ? 'not measured' : frequency === 0 ? 'never chosen' : `${(100 * frequency).toFixed(1)} % of tokens, ${factor((frequency * experts) / perToken)} the fair load`; // prettier-ignore
  const label = (row: number, column: number): string => {
    const cell = cellOf(row, column);
    const by = change?.hasIntervals ? `, change ${signedNumber(change.values[cell] ?? null)}, 95 % ${signedNumber(change.low[cell] ?? null)} to ${signedNumber(change.high[cell] ?? null)}, ${change.clear[cell] ? 'clear' : 'not clear'}` : ''; // prettier-ignore
    return `${expertLabel(layers[row] ?? row, cell - row * experts)}: ${names.baseline} ${words(baseline[cell] ?? null)}${comparison ? `; ${names.comparison} ${words(comparison[cell] ?? null)}` : ''}${by}`; // prettier-ignore
  };
  const target = (row: number, column: number) => ({ layer: layers[row] ?? row, expert: cellOf(row, column) - row * experts }); // prettier-ignore
  const panels: HeatPanel[] = [
    { title: names.baseline, ramp: 'diverging', values: onRamp(sorted(baseline)), label, target },
  ];
  if (comparison) panels.push({ title: names.comparison ?? '', ramp: 'diverging', values: onRamp(sorted(comparison)), label, target }); // prettier-ignore
  const largestDivergence = Math.max(1e-9, ...(maps.divergence ?? []).map((value) => value ?? 0));
  if (logChange && change) {
    panels.push({
      title: `${names.comparison} ÷ ${names.baseline}`,
      ramp: 'diverging',
      values: sorted(logChange).map((value) => (value === null ? null : value / widest)),
      ...(change.hasIntervals ? { muted: sorted(change.clear.map((isClear) => !isClear)) } : {}),
      ...(maps.divergence ? { margin: maps.divergence.map((value) => (value === null ? null : value / largestDivergence)) } : {}), // prettier-ignore
      label,
      target,
    });
  }
  const laidOut = layoutHeatmaps(
    {
      rows: layers.map(String),
      columns: Array.from({ length: experts }, (_, expert) => (spec.order === 'index' ? String(expert) : '')),
      rowTitle: 'layer',
      columnTitle: spec.order === 'index' ? 'expert' : `experts, by falling ${names.baseline} load`,
      marginTitle: 'JS',
      largestCell: { width: 2.6, height: 2.2 },
      bars: [
        { first: 0, last: comparison ? 1 : 0, bar: { ramp: 'diverging', low: '≤ ¼×', middle: '1× = uniform', high: '≥ 4×', title: 'load ÷ fair load k/E (log2 colours)' } }, // prettier-ignore
        ...(logChange && change ? [{ first: 2, last: 2, bar: { ramp: 'diverging' as const, low: `≤ ${factor(2 ** -widest)}`, middle: '1×', high: `≥ ${factor(2 ** widest)}`, title: `less than ${names.baseline} ← → more` } }] : []), // prettier-ignore
      ],
    },
    panels,
    size,
  );
  const dead = (values: readonly (number | null)[]): number => values.filter((value) => value === 0).length;
  const name = (cell: number): string => expertLabel(layers[Math.floor(cell / experts)] ?? 0, cell % experts);
  const busiest = baseline.reduce<number>(
    (best, value, cell) => ((value ?? 0) > (baseline[best] ?? 0) ? cell : best),
    0,
  );
  const clearByLayer = change ? layers.map((_, row) => change.clear.slice(row * experts, (row + 1) * experts).filter(Boolean).length) : null; // prettier-ignore
  return {
    name: 'expert-load',
    title: change
      ? changeFinding(names, { label: 'routing frequency' }, change, name, 'expert')
      : `${names.baseline}: the busiest expert is ${name(busiest)} with ${factor(((baseline[busiest] ?? 0) * experts) / perToken)} the fair load; ${dead(baseline)} of ${baseline.length} are never chosen`,
    subtitle: `Routing frequency f over the fair load k/E = ${perToken}/${experts}, by layer and expert; ${dataWords(names)}`,
    ...laidOut,
    notes: [
      claimWords(names, change?.hasIntervals ?? false),
      `Never chosen: ${dead(baseline)} in ${names.baseline}${comparison ? `, ${dead(comparison)} in ${names.comparison}` : ''}. f = share of query tokens whose top-k holds the expert (OLMoE, arXiv 2409.02060)${maps.divergence ? `; JS: Jensen–Shannon divergence of the layer's loads, longest bar ${shortNumber(largestDivergence)} nats` : ''}.`,
    ],
    plot: {
      kind: 'heat',
      row: 'layer',
      column: 'expert',
      rowLabel: 'layer',
      columnLabel: spec.order === 'index' ? 'expert' : `experts, by falling ${names.baseline} load`,
      ...(spec.order === 'index' ? {} : { sortBy: names.baseline }),
      groups: [
        { ramp: 'diverging', scale: 'log2', low: -widestLift, high: widestLift, label: 'load ÷ fair load k/E', panels: [names.baseline, ...(comparison ? [names.comparison ?? ''] : [])].map((title) => ({ title, value: { column: title, over: perToken / experts } })) },
        ...(logChange && change ? [{ ramp: 'diverging' as const, scale: 'log2' as const, low: -widest, high: widest, label: `less than ${names.baseline} ← → more`, panels: [{ title: `${names.comparison} ÷ ${names.baseline}`, value: { column: names.comparison ?? '', over: names.baseline }, ...(change.hasIntervals ? { clear: 'clear' } : {}) }] }] : []),
      ], // prettier-ignore
    },
    table: {
      columns: ['layer', 'expert', names.baseline, ...(comparison ? [names.comparison ?? ''] : []), ...(change ? ['change', 'low', 'high', 'clear', 'clear in layer'] : [])], // prettier-ignore
      rows: baseline.map((value, cell) => {
        const row = Math.floor(cell / experts);
        return [layers[row] ?? row, cell % experts, value, ...(comparison ? [comparison[cell] ?? null] : []), ...(change ? [change.values[cell] ?? null, change.low[cell] ?? null, change.high[cell] ?? null, change.hasIntervals ? (change.clear[cell] ? 'yes' : 'no') : null, clearByLayer?.[row] ?? null] : [])]; // prettier-ignore
      }),
    },
    legend: [
      ...(change?.hasIntervals
        ? [{ label: 'not clear', fill: 'surface' as const, sign: 'muted' as const }]
        : []),
      ...(dead(baseline) + dead(comparison ?? []) > 0
        ? [{ label: 'never chosen', fill: 'hatch' as const }]
        : []),
    ],
  };
}
