import { scaleLinear } from 'd3-scale';
import { bottomAxis, lineDomain, valueTick } from '../common/axis.ts';
import { claimWords, conditionPaint, dataWords, type Change, type ComparisonSpec, type MetricSpec } from '../common/comparison.ts'; // prettier-ignore
import { estimateTextWidth, px, type ChartCell, type ChartGeometry, type ChartSize, type ChartTarget, type Mark } from '../common/geometry.ts'; // prettier-ignore
import { counted, extentOf, shortNumber, signedNumber } from '../common/numbers.ts';

export interface MoversSpec {
  readonly comparison: ComparisonSpec;
  readonly metric: MetricSpec;
  /** "head" or "expert". */
  readonly noun: string;
  /** At most 24 are shown. */
  readonly most: number;
  readonly labelOf: (cell: number) => string;
  readonly targetOf: (cell: number) => ChartTarget;
}

/** The most changed heads or experts, by falling change: before, after, and the interval of the change as words. */
export function layoutMovers(
  spec: MoversSpec,
  baseline: readonly (number | null)[],
  comparison: readonly (number | null)[],
  change: Change,
  size: ChartSize,
): ChartGeometry {
  const { fontSize } = size;
  const { metric, comparison: names, noun } = spec;
  const candidates = change.values.flatMap((value, cell) =>
    value === null || (change.hasIntervals && !change.clear[cell]) ? [] : [{ cell, value }],
  );
  const chosen = candidates
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value) || a.cell - b.cell)
    .slice(0, Math.min(24, spec.most))
    .sort((a, b) => b.value - a.value);
  const rowHeight = Math.round(fontSize * 1.7);
  const left = Math.round(fontSize * 5.4);
  const changeText = (cell: number, value: number): string => {
    const [low, high] = [change.low[cell] ?? null, change.high[cell] ?? null];
    const interval = change.hasIntervals && low !== null && high !== null ? ` (${signedNumber(low)} to ${signedNumber(high)})` : ''; // prettier-ignore
    return `${signedNumber(value)}${interval}`;
  };
  const widest = chosen.reduce((most, { cell, value }) => Math.max(most, estimateTextWidth(changeText(cell, value), fontSize)), fontSize * 11.5); // prettier-ignore
  const right = Math.round(size.width - widest - fontSize * 0.9);
  const top = Math.round(fontSize * 1.8);
  const bottom = top + rowHeight * Math.max(1, chosen.length);
  const found = extentOf(
    chosen.flatMap(({ cell }) => [baseline[cell] ?? null, comparison[cell] ?? null]),
  ) ?? [0, 1];
  // Dots, not bars: the axis need not begin at 0.
  const domain = lineDomain(found, { limits: metric.domain });
  const x = scaleLinear(domain, [left, right]);
  if (domain[0] === 0) x.nice(5);
  const marks: Mark[] = chosen.length === 0 ? [] : bottomAxis({ scale: x, x0: left, x1: right, y: bottom, fontSize, label: `${metric.label}, ${metric.unit}`, tickCount: 5, gridTop: top, tickText: valueTick }); // prettier-ignore
  if (chosen.length > 0) marks.push({ type: 'text', x: px(right + fontSize * 0.8), y: px(top - fontSize * 0.7), text: change.hasIntervals ? 'change, 95 % interval' : 'change', fill: 'inkSoft' }); // prettier-ignore
  const cells: ChartCell[] = [];
  const radius = Math.max(3, fontSize * 0.36);
  chosen.forEach(({ cell, value }, row) => {
    const y = top + rowHeight * (row + 0.5);
    const [before, after] = [baseline[cell] ?? null, comparison[cell] ?? null];
    if (before === null || after === null) return;
    const [from, to] = [x(before), x(after)];
    marks.push({ type: 'text', x: left - Math.round(fontSize * 0.7), y: px(y + fontSize * 0.35), text: spec.labelOf(cell), anchor: 'end', fill: 'ink' }); // prettier-ignore
    marks.push({
      type: 'line',
      x1: px(from),
      y1: px(y),
      x2: px(to),
      y2: px(y),
      stroke: 'ghost',
      strokeWidth: 2,
    });
    const direction = Math.sign(to - from);
    if (Math.abs(to - from) > radius * 3) {
      const tip = to - direction * radius * 1.2;
      marks.push({ type: 'path', d: `M${px(tip)} ${px(y)}l${px(-direction * fontSize * 0.5)} ${px(-fontSize * 0.32)}v${px(fontSize * 0.64)}z`, fill: 'ghost' }); // prettier-ignore
    }
    const dot = (at: number, isAfter: boolean): Mark => ({
      type: 'rect',
      x: px(at - radius),
      y: px(y - radius),
      width: px(2 * radius),
      height: px(2 * radius),
      ...(isAfter ? {} : { radius: px(radius) }),
      fill: isAfter ? conditionPaint.comparison : 'surface',
      stroke: isAfter ? conditionPaint.comparison : conditionPaint.baseline,
      strokeWidth: 2,
    });
    marks.push(dot(from, false), dot(to, true));
    marks.push({ type: 'text', x: px(right + fontSize * 0.8), y: px(y + fontSize * 0.35), text: changeText(cell, value), fill: 'inkSoft' }); // prettier-ignore
    cells.push({
      id: `${cell}`,
      target: spec.targetOf(cell),
      row,
      column: 0,
      x: 0,
      y: px(y - rowHeight / 2),
      width: size.width,
      height: rowHeight,
      label: `${spec.labelOf(cell)}: ${names.baseline} ${shortNumber(before)}, ${names.comparison} ${shortNumber(after)}, change ${changeText(cell, value)}`, // prettier-ignore
    });
  });
  if (chosen.length === 0) {
    marks.push({
      type: 'text',
      x: 0,
      y: px(fontSize * 1.1),
      text: `No ${noun} changed clearly`,
      fill: 'inkSoft',
    });
  }
  const lead = chosen.length > 0 ? chosen.reduce((best, each) => (Math.abs(each.value) > Math.abs(best.value) ? each : best)) : null; // prettier-ignore
  return {
    name: `movers-${noun}-${metric.key}`,
    title: lead
      ? `${spec.labelOf(lead.cell)} changes most in ${metric.label}: ${signedNumber(lead.value)}`
      : `No ${noun} changes clearly in ${metric.label}`,
    subtitle: !lead
      ? `${metric.label} (${metric.unit}) of ${counted(change.values.length, noun)}; ${dataWords(names)}`
      : `The ${counted(chosen.length, noun)} with the largest${change.hasIntervals ? ' clear' : ''} change of ${metric.label} (${metric.unit}) of ${change.values.length}; ${dataWords(names)}`,
    size: { ...size, height: Math.round(lead ? bottom + fontSize * 3.2 : fontSize * 1.6) },
    marks,
    cells,
    notes: [claimWords(names, change.hasIntervals).replace('Full strength', 'Shown'), `${metric.label} = ${metric.formula} (${metric.source})`], // prettier-ignore
    plot: {
      kind: 'dots',
      names: [noun],
      valueLabel: `${metric.label}, ${metric.unit}`,
      series: [
        { label: names.baseline, value: { column: names.baseline }, paint: conditionPaint.baseline, style: 'open' },
        { label: names.comparison ?? '', value: { column: names.comparison ?? '' }, paint: conditionPaint.comparison },
      ], // prettier-ignore
      isJoined: true,
    },
    table: {
      columns: [noun, names.baseline, names.comparison ?? '', 'change', 'low', 'high'],
      rows: chosen.map(({ cell, value }) => [spec.labelOf(cell), baseline[cell] ?? null, comparison[cell] ?? null, value, change.low[cell] ?? null, change.high[cell] ?? null]), // prettier-ignore
    },
    legend: [
      { label: names.baseline, fill: 'surface', stroke: conditionPaint.baseline },
      { label: names.comparison ?? '', fill: conditionPaint.comparison, stroke: conditionPaint.comparison },
    ],
  };
}
