import { scaleLinear } from 'd3-scale';
import { bottomAxis, tokenTick } from '../common/axis.ts';
import { conditionPaint, type ComparisonSpec } from '../common/comparison.ts';
import { estimateTextWidth, fitLabel, px, type ChartCell, type ChartGeometry, type ChartSize, type Mark } from '../common/geometry.ts'; // prettier-ignore
import { shortNumber, signedNumber } from '../common/numbers.ts';
import { bandPath, linePath } from '../layerLine/layout.ts';

/** A piece of the item's context, in tokens. */
interface TrackPiece {
  readonly id: string;
  readonly title: string;
  readonly role: 'gold' | 'distractor';
  readonly start: number;
  readonly end: number;
}

export interface TrackData {
  readonly item: string;
  readonly tokens: number;
  readonly pieces: readonly TrackPiece[];
  /** Runs of tokens by role, ascending. */
  readonly roles: readonly (readonly [number, number, string])[];
  /** Share of attention in equal bins over the tokens, summing to 1; null where not measured. */
  readonly baseline: readonly number[] | null;
  readonly comparison: readonly number[] | null;
  /** "all heads", "layer 3", "L3·H5". */
  readonly heads: string;
}

export interface TrackSpec {
  readonly comparison: ComparisonSpec;
  /** Shown range of tokens. */
  readonly range: readonly [number, number] | null;
}

/** Rows drawn: what each subject may look at, what it is trained on, where it looks. */
export function layoutEvidenceTrack(spec: TrackSpec, data: TrackData, size: ChartSize): ChartGeometry {
  const { fontSize } = size;
  const { tokens, pieces, roles, baseline, comparison } = data;
  const names = spec.comparison;
  const [from, to] = spec.range ?? [0, tokens];
  const left = Math.round(fontSize * 8.5);
  const right = Math.round(size.width - fontSize * 1.5);
  const x = scaleLinear([from, to], [left, right]).clamp(true);
  const marks: Mark[] = [];
  const cells: ChartCell[] = [];
  const rowLabel = (text: string, y: number): void => {
    marks.push({ type: 'text', x: left - Math.round(fontSize * 0.7), y: px(y + fontSize * 0.35), text: fitLabel(text, left - fontSize, fontSize), anchor: 'end', fill: 'inkSoft' }); // prettier-ignore
  };
  let y = Math.round(fontSize * 2.2);
  // Flags over the strip, so that gold is found from the back row.
  const strip = Math.round(fontSize * 1.7);
  let flagEnd = -Infinity;
  pieces.forEach((piece, index) => {
    if (piece.end <= from || piece.start >= to) return;
    const [x0, x1] = [x(piece.start), x(piece.end)];
    const width = Math.max(1.5, x1 - x0);
    marks.push({ type: 'rect', x: px(x0), y, width: px(width), height: strip, fill: piece.role === 'gold' ? 'ink' : 'hatch', stroke: piece.role === 'gold' ? 'ink' : 'ghost', strokeWidth: 0.8 }); // prettier-ignore
    if (piece.role === 'gold') {
      const text = piece.id;
      const labelWidth = estimateTextWidth(text, fontSize);
      const at = Math.min(x0, right - labelWidth);
      if (at > flagEnd) {
        marks.push({
          type: 'path',
          d: `M${px(x0)} ${y}v${px(-fontSize * 0.5)}`,
          stroke: 'ink',
          strokeWidth: 1.2,
        });
        marks.push({ type: 'text', x: px(at), y: px(y - fontSize * 0.7), text, weight: 600, fill: 'ink' });
        flagEnd = at + labelWidth + fontSize * 0.6;
      }
    }
    cells.push({
      id: `piece:${piece.id}`,
      target: { piece: piece.id },
      row: 0,
      column: index,
      x: px(x0),
      y,
      width: px(Math.max(4, width)),
      height: strip,
      label: `${piece.id}, ${piece.role}, ${piece.title === '' ? '' : `${piece.title}, `}tokens ${piece.start.toLocaleString('en-US')} to ${piece.end.toLocaleString('en-US')}, depth ${(piece.start / Math.max(1, tokens)).toFixed(2)}`,
    });
  });
  marks.push({
    type: 'rect',
    x: left,
    y,
    width: right - left,
    height: strip,
    stroke: 'grid',
    strokeWidth: 1,
  });
  rowLabel('pieces', y + strip / 2);
  y += strip + Math.round(fontSize * 0.8);
  // What is trained: rationale and answer as double underline, question as outline.
  const thin = Math.round(fontSize * 0.9);
  for (const [start, end, role] of roles) {
    if (end <= from || start >= to) continue;
    const [x0, x1] = [x(start), Math.max(x(end), x(start) + 2)];
    const width = px(x1 - x0);
    if (role === 'question')
      marks.push({ type: 'rect', x: px(x0), y, width, height: thin, fill: 'surface', stroke: 'ink', strokeWidth: 1.2 }); // prettier-ignore
    else if (role === 'answer' || role === 'rationale') {
      marks.push({ type: 'rect', x: px(x0), y: px(y + thin * 0.2), width, height: 2, fill: 'ink' });
      marks.push({ type: 'rect', x: px(x0), y: px(y + thin * 0.65), width, height: 2, fill: 'ink' });
    } else marks.push({ type: 'rect', x: px(x0), y: px(y + thin * 0.4), width, height: 1, fill: 'ghost' });
  }
  rowLabel('Q and answer', y + thin / 2);
  y += thin + Math.round(fontSize * 1.1);

  const bins = baseline?.length ?? comparison?.length ?? 0;
  const binTokens = tokens / Math.max(1, bins);
  // Density: share of attention a token, against what uniform attention over the item would give.
  const density = (values: readonly number[]): number[] => values.map((value) => value * bins);
  const rowHeight = Math.round(fontSize * 4.6);
  const visible = (values: readonly number[]): number[] => values.filter((_, bin) => (bin + 1) * binTokens > from && bin * binTokens < to); // prettier-ignore
  const most = Math.max(1, ...(baseline ? visible(density(baseline)) : []), ...(comparison ? visible(density(comparison)) : [])); // prettier-ignore
  // Sinks dwarf everything else on a linear scale; the root keeps both readable, and is printed.
  const height = (value: number): number => Math.sqrt(value / most) * (rowHeight - 4);
  const area = (
    name: string,
    values: readonly number[],
    condition: 'baseline' | 'comparison',
    row: number,
  ): void => {
    const floor = y + rowHeight;
    const points: ([number, number] | null)[] = [];
    density(values).forEach((value, bin) => {
      const [start, end] = [bin * binTokens, (bin + 1) * binTokens];
      if (end <= from || start >= to) return;
      points.push([x(start), floor - height(value)], [x(end), floor - height(value)]);
      cells.push({
        id: `${condition}:${bin}`,
        row,
        column: bin,
        x: px(x(start)),
        y,
        width: px(Math.max(1, x(end) - x(start))),
        height: rowHeight,
        label: `${name}, tokens ${Math.round(start).toLocaleString('en-US')} to ${Math.round(end).toLocaleString('en-US')}: ${(100 * (values[bin] ?? 0)).toFixed(2)} % of attention, ${value.toFixed(2)}× uniform`,
      });
    });
    const ground = points.map((point): [number, number] | null => (point ? [point[0], floor] : null));
    marks.push({ type: 'path', d: bandPath(points, ground), fill: conditionPaint[condition], opacity: 0.35 });
    marks.push({ type: 'path', d: linePath(points), stroke: conditionPaint[condition], strokeWidth: 1.4 });
    marks.push({ type: 'line', x1: left, y1: floor, x2: right, y2: floor, stroke: 'axis', strokeWidth: 1 });
    const even = px(floor - height(1));
    marks.push({
      type: 'line',
      x1: left,
      y1: even,
      x2: right,
      y2: even,
      stroke: 'ghost',
      strokeWidth: 1,
      dash: '2 3',
    });
    rowLabel(name, y + rowHeight * 0.5);
    y += rowHeight + Math.round(fontSize * 0.9);
  };
  if (baseline) area(names.baseline, baseline, 'baseline', 1);
  if (comparison) area(names.comparison ?? '', comparison, 'comparison', 2);
  const change = baseline && comparison ? comparison.map((value, bin) => value - (baseline[bin] ?? 0)) : null;
  if (change) {
    const largest = Math.max(1e-12, ...visible(change.map(Math.abs)));
    const middle = y + rowHeight / 2;
    change.forEach((value, bin) => {
      const [start, end] = [bin * binTokens, (bin + 1) * binTokens];
      if (end <= from || start >= to || value === 0) return;
      const tall = (Math.abs(value) / largest) * (rowHeight / 2 - 2);
      marks.push({
        type: 'rect',
        x: px(x(start)),
        y: px(value > 0 ? middle - tall : middle),
        width: px(Math.max(0.8, x(end) - x(start))),
        height: px(tall),
        fill: { ramp: 'diverging', t: value > 0 ? 0.75 : -0.75 },
      });
    });
    marks.push({
      type: 'line',
      x1: left,
      y1: px(middle),
      x2: right,
      y2: px(middle),
      stroke: 'axis',
      strokeWidth: 1,
    });
    rowLabel(`±${(100 * largest).toFixed(1)} % change`, middle);
    y += rowHeight + Math.round(fontSize * 0.6);
  }
  if (!baseline && !comparison) {
    marks.push({
      type: 'text',
      x: left,
      y: px(y + fontSize),
      text: 'Attention by position was not measured',
      fill: 'inkSoft',
    });
    y += Math.round(fontSize * 2);
  }
  marks.push(...bottomAxis({ scale: x, x0: left, x1: right, y, fontSize, label: 'token of the item', tickCount: 6, tickText: tokenTick })); // prettier-ignore
  const gold = pieces.filter(({ role }) => role === 'gold');
  const massOf = (values: readonly number[]): number =>
    values.reduce((sum, value, bin) => {
      const [start, end] = [bin * binTokens, (bin + 1) * binTokens];
      const covered = gold.reduce((part, piece) => part + Math.max(0, Math.min(end, piece.end) - Math.max(start, piece.start)), 0); // prettier-ignore
      return sum + value * (covered / (end - start));
    }, 0);
  const goldShare = gold.reduce((sum, piece) => sum + piece.end - piece.start, 0) / Math.max(1, tokens);
  const [before, after] = [baseline ? massOf(baseline) : null, comparison ? massOf(comparison) : null];
  const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
  const limits = [0, Math.max(0, ...(baseline ?? []), ...(comparison ?? []))] as const;
  return {
    name: `evidence-track-${data.item}`,
    title:
      before === null
        ? `Where ${names.baseline} looks was not measured for this item`
        : after === null
          ? `${names.baseline} puts about ${percent(before)} of its attention on gold pieces, which are ${percent(goldShare)} of the tokens`
          : `Attention on gold: about ${percent(before)} in ${names.baseline}, ${percent(after)} in ${names.comparison}; gold is ${percent(goldShare)} of the tokens`,
    subtitle: `Item ${data.item}, ${tokens.toLocaleString('en-US')} tokens, ${data.heads}; height: attention a token over uniform attention, square-root scale up to ${shortNumber(most)}×; dashed: uniform; bins of ${shortNumber(binTokens)} tokens; one item, no interval`,
    size: { ...size, height: Math.round(y + fontSize * 3.2) },
    marks,
    cells,
    brush: { x0: left, x1: right, y0: 0, y1: y, invert: (at) => x.invert(at), position: (value) => x(value) },
    notes: [
      'Solid: gold; hatched: distractor; outlined: question; double line: rationale and answer, the tokens ACC trains.',
    ],
    plot: {
      kind: 'bars',
      bars: { from: 'first token', to: 'end' },
      barsLabel: 'token of the item',
      isLying: false,
      perRow: 1,
      panels: [
        ...(baseline ? [{ title: `${names.baseline}, share of attention`, limits, series: [{ label: names.baseline, value: { column: names.baseline }, paint: conditionPaint.baseline }], reference: { value: 1 / bins, label: 'uniform attention' } }] : []),
        ...(comparison ? [{ title: `${names.comparison}, share of attention`, limits, series: [{ label: names.comparison ?? '', value: { column: names.comparison ?? '' }, paint: conditionPaint.comparison }], reference: { value: 1 / bins, label: 'uniform attention' } }] : []),
        ...(change ? [{ title: 'change of the share', series: [{ label: 'change', value: { column: 'change' }, paint: 'ink' as const }], reference: { value: 0, label: 'no change' } }] : []),
      ], // prettier-ignore
      spans: {
        table: {
          columns: ['piece', 'start', 'end'],
          rows: gold.map(({ id, start, end }) => [id, start, end]),
        },
        from: 'start',
        to: 'end',
        label: 'gold',
      },
    },
    table: {
      columns: [
        'first token',
        'end',
        names.baseline,
        ...(comparison ? [names.comparison ?? '', 'change'] : []),
      ],
      rows: Array.from({ length: bins }, (_, bin) => [Math.round(bin * binTokens), Math.round((bin + 1) * binTokens), baseline?.[bin] ?? null, ...(comparison ? [comparison[bin] ?? null, change?.[bin] ?? null] : [])]), // prettier-ignore
    },
    legend: change
      ? [
          { label: `more than ${names.baseline}`, fill: { ramp: 'diverging', t: 0.75 } },
          {
            label: `less (largest ${signedNumber(Math.min(0, ...change))})`,
            fill: { ramp: 'diverging', t: -0.75 },
          },
        ]
      : [],
  };
}
