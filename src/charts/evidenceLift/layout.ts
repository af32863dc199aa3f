import { scaleLog } from 'd3-scale';
import { conditionPaint, dataWords, type ComparisonSpec } from '../common/comparison.ts';
import {
  fitLabel,
  px,
  type ChartCell,
  type ChartGeometry,
  type ChartSize,
  type Mark,
} from '../common/geometry.ts';

/** One piece of one item: its attention over its share of the tokens. */
export interface PieceLift {
  readonly id: string;
  readonly role: 'gold' | 'distractor';
  readonly tokenShare: number;
  /** Mean attention share over heads, with the 95 % interval of that mean; null where it was not measured. */
  readonly baseline: { readonly share: number; readonly low: number; readonly high: number } | null;
  readonly comparison: { readonly share: number; readonly low: number; readonly high: number } | null;
}

/** Attention on each piece over what its length alone would draw; 1 is the share of its tokens. */
export function layoutEvidenceLift(
  spec: { readonly comparison: ComparisonSpec; readonly item: string; readonly heads: string },
  pieces: readonly PieceLift[],
  size: ChartSize,
): ChartGeometry {
  const { fontSize } = size;
  const names = spec.comparison;
  const shown = pieces.filter(
    ({ tokenShare, baseline, comparison }) => tokenShare > 0 && (baseline ?? comparison),
  );
  const liftOf = (share: number, piece: PieceLift): number => Math.max(1e-4, share / piece.tokenShare);
  const all = shown.flatMap((piece) => [piece.baseline, piece.comparison].flatMap((side) => (side ? [liftOf(side.share, piece), liftOf(Math.max(side.low, side.share / 4), piece), liftOf(side.high, piece)] : []))); // prettier-ignore
  const left = Math.round(fontSize * 7);
  const right = Math.round(size.width - fontSize * 2);
  const rowHeight = Math.round(fontSize * 1.8);
  const top = Math.round(fontSize * 1.8);
  const bottom = top + rowHeight * Math.max(1, shown.length);
  const x = scaleLog([Math.min(0.5, ...all), Math.max(2, ...all)], [left, right])
    .base(2)
    .clamp(true);
  const marks: Mark[] = [];
  for (let power = -12; power <= 12; power++) {
    const tick = 2 ** power;
    if (tick < x.domain()[0]! || tick > x.domain()[1]!) continue;
    const at = px(x(tick));
    marks.push({ type: 'line', x1: at, y1: top, x2: at, y2: bottom, stroke: power === 0 ? 'axis' : 'grid', strokeWidth: power === 0 ? 1.4 : 1 }); // prettier-ignore
    marks.push({ type: 'text', x: at, y: px(bottom + fontSize * 1.3), text: power < 0 ? `1/${1 / tick}×` : `${tick}×`, anchor: 'middle', fill: 'inkFaint' }); // prettier-ignore
  }
  marks.push({ type: 'text', x: px(x(1)), y: px(top - fontSize * 0.6), text: '1× = its share of the tokens', anchor: 'middle', fill: 'inkFaint' }); // prettier-ignore
  marks.push({ type: 'text', x: right, y: px(bottom + fontSize * 2.7), text: 'attention share ÷ token share', anchor: 'end', fill: 'inkSoft' }); // prettier-ignore
  const cells: ChartCell[] = [];
  const radius = Math.max(3, fontSize * 0.34);
  shown.forEach((piece, row) => {
    const y = top + rowHeight * (row + 0.5);
    const square = Math.round(fontSize * 0.8);
    marks.push({ type: 'rect', x: Math.round(fontSize * 0.3), y: px(y - square / 2), width: square, height: square, fill: piece.role === 'gold' ? 'ink' : 'hatch', stroke: 'axis', strokeWidth: 0.8 }); // prettier-ignore
    marks.push({ type: 'text', x: left - Math.round(fontSize * 0.6), y: px(y + fontSize * 0.35), text: fitLabel(piece.id, left - fontSize * 2.2, fontSize), anchor: 'end', fill: 'ink' }); // prettier-ignore
    const sides = [
      ['baseline', piece.baseline],
      ['comparison', piece.comparison],
    ] as const;
    if (piece.baseline && piece.comparison) {
      marks.push({ type: 'line', x1: px(x(liftOf(piece.baseline.share, piece))), y1: px(y), x2: px(x(liftOf(piece.comparison.share, piece))), y2: px(y), stroke: 'ghost', strokeWidth: 2 }); // prettier-ignore
    }
    for (const [condition, side] of sides) {
      if (!side) continue;
      const shift = condition === 'baseline' ? -radius * 0.6 : radius * 0.6;
      const at = x(liftOf(side.share, piece));
      marks.push({ type: 'line', x1: px(x(liftOf(side.low, piece))), y1: px(y + shift), x2: px(x(liftOf(side.high, piece))), y2: px(y + shift), stroke: conditionPaint[condition], strokeWidth: 1.3 }); // prettier-ignore
      marks.push({ type: 'rect', x: px(at - radius), y: px(y + shift - radius), width: px(2 * radius), height: px(2 * radius), ...(condition === 'baseline' ? { radius: px(radius) } : {}), fill: condition === 'baseline' ? 'surface' : conditionPaint[condition], stroke: conditionPaint[condition], strokeWidth: 1.8 }); // prettier-ignore
    }
    const words = sides.flatMap(([condition, side]) => side ? [`${condition === 'baseline' ? names.baseline : names.comparison} ${(100 * side.share).toFixed(2)} % of attention, ${liftOf(side.share, piece).toFixed(2)}×`] : []); // prettier-ignore
    cells.push({ id: piece.id, target: { piece: piece.id }, row, column: 0, x: 0, y: px(y - rowHeight / 2), width: size.width, height: rowHeight, label: `${piece.id}, ${piece.role}, ${(100 * piece.tokenShare).toFixed(2)} % of tokens: ${words.join('; ')}` }); // prettier-ignore
  });
  const gold = shown.filter(({ role }) => role === 'gold');
  const above = gold.filter((piece) => { const side = piece.comparison ?? piece.baseline; return side !== null && side.share > piece.tokenShare; }).length; // prettier-ignore
  return {
    name: `evidence-lift-${spec.item}`,
    title: gold.length === 0 ? 'This item has no gold pieces' : `${names.comparison ?? names.baseline} looks at ${above} of ${gold.length} gold pieces more than their length alone would draw`, // prettier-ignore
    subtitle: `Item ${spec.item}, ${spec.heads}; line: 95 % interval of the mean over heads; ${dataWords({ ...names, items: 1 }).replace(/, [\d,]+ .*?query tokens/, '')}`,
    size: { ...size, height: Math.round(bottom + fontSize * 3.2) },
    marks,
    cells,
    notes: [
      'Attention share: mean over the query tokens of the mass on the piece. One item: heads vary, items cannot.',
    ],
    plot: {
      kind: 'dots',
      names: ['piece', 'role'],
      valueLabel: 'attention share ÷ token share',
      series: (['baseline', 'comparison'] as const).flatMap((condition) => {
        const name = names[condition];
        const part = (column: string) => ({ column, over: 'token share' });
        return name === null ? [] : [{ label: name, value: part(name), interval: { low: part(`${name} low`), high: part(`${name} high`) }, paint: conditionPaint[condition], ...(condition === 'baseline' ? { style: 'open' as const } : {}) }]; // prettier-ignore
      }),
      isJoined: true,
      isLog: true,
      reference: { value: 1, label: 'its share of the tokens' },
    },
    table: {
      columns: ['piece', 'role', 'token share', ...[names.baseline, names.comparison].flatMap((name) => (name === null ? [] : [name, `${name} low`, `${name} high`]))], // prettier-ignore
      rows: shown.map(({ id, role, tokenShare, baseline, comparison }) => [id, role, tokenShare, ...[baseline, ...(names.comparison === null ? [] : [comparison])].flatMap((side) => (side ? [side.share, side.low, side.high] : [null, null, null]))]), // prettier-ignore
    },
    legend: [
      { label: 'gold', fill: 'ink' },
      { label: 'distractor', fill: 'hatch' },
      { label: names.baseline, fill: 'surface', stroke: conditionPaint.baseline },
      ...(names.comparison === null ? [] : [{ label: names.comparison, fill: conditionPaint.comparison }]),
    ],
  };
}
