import { claimWords, dataWords, type ComparisonSpec } from '../common/comparison.ts';
import type { ChartGeometry, ChartSize } from '../common/geometry.ts';
import { expertLabel, shortNumber, signedNumber } from '../common/numbers.ts';
import { layoutHeatmaps, type HeatPanel } from '../heatmap/layout.ts';

/** Routing of one layer by task; rows in one order for both subjects. */
export interface TaskStrips {
  readonly layer: number;
  readonly experts: number;
  readonly perToken: number;
  readonly tasks: readonly string[];
  /** [tasks, experts] row-major, share of tokens; null where a task has none. */
  readonly baseline: readonly (number | null)[];
  readonly comparison: readonly (number | null)[] | null;
  /** Mean Jensen-Shannon divergence between tasks, nats. */
  readonly divergenceBaseline: number | null;
  readonly divergenceComparison: number | null;
  /** 95 % interval of their difference over items and whether it may be claimed; null where it is not tested. */
  readonly divergenceTest?: DivergenceTest | null;
}
interface DivergenceTest {
  readonly low: number | null;
  readonly high: number | null;
  readonly isClear: boolean;
}
export interface TaskStripsSpec {
  readonly comparison: ComparisonSpec;
  /** "agent kind", "token role", "evidence role". */
  readonly by: string;
}

/** An order of columns in which neighbours are alike: by the task that uses the expert most, then by how much. */
export function seriate(values: readonly (number | null)[], rows: number, columns: number): number[] {
  const strongest = (column: number): number => {
    let best = 0;
    for (let row = 1; row < rows; row++) {
      if ((values[row * columns + column] ?? 0) > (values[best * columns + column] ?? 0)) best = row;
    }
    return best;
  };
  // How much the strongest task stands out over the mean of all.
  const excess = (column: number): number => {
    let sum = 0;
    for (let row = 0; row < rows; row++) sum += values[row * columns + column] ?? 0;
    return (values[strongest(column) * columns + column] ?? 0) - sum / Math.max(1, rows);
  };
  return Array.from({ length: columns }, (_, column) => column).sort((a, b) => strongest(a) - strongest(b) || excess(b) - excess(a) || a - b); // prettier-ignore
}

/** The test in words; nothing where there is none. */
function testWords(test: DivergenceTest | null): string {
  if (test === null || test.low === null) return '';
  return `, 95 % ${signedNumber(test.low)} to ${signedNumber(test.high)}, ${test.isClear ? 'clear' : 'not clear'}`;
}

/** Who works on what (E3): load of each expert of one layer by task, before above after, in one shared order. */
export function layoutTaskStrips(spec: TaskStripsSpec, data: TaskStrips, size: ChartSize): ChartGeometry {
  const { layer, experts, perToken, tasks, baseline, comparison } = data;
  const names = spec.comparison;
  const order = seriate(baseline, tasks.length, experts);
  const lift = (value: number | null): number | null => value === null || value === 0 ? null : Math.log2((value * experts) / perToken) / 2; // prettier-ignore
  const panel = (name: string, values: readonly (number | null)[]): HeatPanel => ({
    title: name,
    ramp: 'diverging',
    values: tasks.flatMap((_, row) => order.map((expert) => lift(values[row * experts + expert] ?? null))),
    label: (row, column) => {
      const expert = order[column] ?? column;
      const value = values[row * experts + expert] ?? null;
      return `${name}, ${tasks[row]}, ${expertLabel(layer, expert)}: ${value === null ? 'no tokens' : `${(100 * value).toFixed(1)} % of tokens, ${((value * experts) / perToken).toFixed(2)}× the fair load`}`;
    },
    target: (_row, column) => ({ layer, expert: order[column] ?? column }),
  });
  const panels = [panel(names.baseline, baseline)];
  if (comparison) panels.push(panel(names.comparison ?? '', comparison));
  const laidOut = layoutHeatmaps(
    {
      rows: tasks,
      columns: order.map(String),
      rowTitle: spec.by,
      columnTitle: 'expert, in one order for all rows',
      stacked: true,
      allRowLabels: true,
      largestCell: { width: 4, height: 2.2 },
      bars: [{ first: 0, last: 0, bar: { ramp: 'diverging', low: '≤ ¼×', middle: '1× = uniform', high: '≥ 4×', title: 'load ÷ fair load k/E (log2 colours)' } }], // prettier-ignore
    },
    panels,
    size,
  );
  const { divergenceBaseline: before, divergenceComparison: after } = data;
  const tested = testWords(data.divergenceTest ?? null);
  const title =
    before === null
      ? `Layer ${layer} by ${spec.by}: too few rows to compare`
      : comparison && after !== null
        ? `Layer ${layer}: the load of ${names.comparison} differs between ${spec.by}s by ${shortNumber(after)} nats, of ${names.baseline} by ${shortNumber(before)} (${signedNumber(after - before)}${tested})`
        : `Layer ${layer}: the load of ${names.baseline} differs between ${spec.by}s by ${shortNumber(before)} nats`;
  return {
    name: `experts-by-${spec.by.replaceAll(' ', '-')}-layer-${layer}`,
    title,
    subtitle: `Routing frequency over the fair load k/E = ${perToken}/${experts} by ${spec.by}; ${dataWords(names)}`,
    ...laidOut,
    notes: [
      'Experts stand in the order of the rows that use them most.',
      `Difference between rows: mean Jensen–Shannon divergence of p = f/k over all pairs (0 to ln 2 = 0.693 nats)${tested === '' ? '; one value, no interval.' : '.'}`,
      ...(tested === '' ? [] : [claimWords(names, true).replace('Full strength', 'Clear')]),
    ],
    plot: {
      kind: 'heat',
      row: spec.by,
      column: 'expert',
      rowLabel: spec.by,
      columnLabel: 'expert',
      order,
      groups: [{ ramp: 'diverging', scale: 'log2', low: -2, high: 2, label: 'load ÷ fair load k/E', panels: [names.baseline, ...(comparison ? [names.comparison ?? ''] : [])].map((title) => ({ title, value: { column: title, over: perToken / experts } })) }], // prettier-ignore
    },
    table: {
      columns: [spec.by, 'expert', names.baseline, ...(comparison ? [names.comparison ?? ''] : [])],
      rows: baseline.map((value, at) => [tasks[Math.floor(at / experts)] ?? '', at % experts, value, ...(comparison ? [comparison[at] ?? null] : [])]), // prettier-ignore
    },
    legend: [...baseline, ...(comparison ?? [])].some((value) => value === null || value === 0) ? [{ label: 'never chosen, or no tokens', fill: 'hatch' }] : [], // prettier-ignore
  };
}
