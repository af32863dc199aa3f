import type { ChartCell, ChartGeometry, ChartSize, Mark } from '../common/geometry.ts';
import { px } from '../common/geometry.ts';

/** Tokens that each expert of a MoE layer took in one step. */
export interface LayerLoad {
  readonly layer: number;
  /** [E] pairs of token and expert. */
  readonly counts: ArrayLike<number>;
}

export interface ExpertLoadSpec {
  readonly step: number;
}

/** Height in multiples of the tick size. */
export function expertLoadHeightEm(layers: number): number {
  return 3.4 + 1.7 * Math.max(1, layers);
}

/**
 * One strip a layer, one cell an expert in index order: its share of the layer's tokens, as height in its cell; the
 * line is the even share. Order along a strip has no meaning and experts of different layers have nothing in common.
 */
export function layoutExpertLoad(
  spec: ExpertLoadSpec,
  layers: readonly LayerLoad[],
  size: ChartSize,
): ChartGeometry {
  const { width, fontSize } = size;
  const left = Math.round(fontSize * 4);
  const right = width - Math.round(fontSize);
  const rowHeight = fontSize * 1.7;
  const top = Math.round(fontSize * 0.6);
  const marks: Mark[] = [];
  const cells: ChartCell[] = [];
  const rows: (string | number)[][] = [];
  let worst = { layer: 0, expert: 0, lift: 0 };
  let idle = 0;
  let total = 0;
  const shares = layers.map(({ counts }) => {
    const sum = Array.from(counts).reduce((a, b) => a + b, 0);
    return Array.from(counts, (count) => (sum > 0 ? count / sum : 0));
  });
  const lifts = shares.map((layer) => layer.map((share) => share * layer.length));
  // One scale for all strips: multiples of the even share.
  const most = Math.max(2, ...lifts.flat());
  layers.forEach(({ layer, counts }, row) => {
    const y0 = top + row * rowHeight;
    const base = y0 + rowHeight - 3;
    const full = rowHeight - 6;
    const count = counts.length;
    const step = (right - left) / Math.max(1, count);
    marks.push({ type: 'text', x: left - 6, y: px(base - full / 2 + fontSize * 0.35), text: `L${layer}`, anchor: 'end', fill: 'inkSoft' }); // prettier-ignore
    marks.push({
      type: 'line',
      x1: left,
      y1: px(base),
      x2: right,
      y2: px(base),
      stroke: 'axis',
      strokeWidth: 1,
    });
    for (let expert = 0; expert < count; expert++) {
      const lift = lifts[row]?.[expert] ?? 0;
      const share = shares[row]?.[expert] ?? 0;
      const height = (lift / most) * full;
      total++;
      if (lift === 0) idle++;
      if (lift > worst.lift) worst = { layer, expert, lift };
      const gap = step > 3 ? 1 : 0;
      marks.push({ type: 'rect', x: px(left + expert * step), y: px(base - height), width: px(Math.max(0.5, step - gap)), height: px(height), fill: 'accent' }); // prettier-ignore
      cells.push({
        id: `${layer}/${expert}`,
        row,
        column: expert,
        x: px(left + expert * step),
        y: px(y0),
        width: px(step),
        height: px(rowHeight),
        label: `L${layer}·E${expert}: ${(100 * share).toFixed(1)} % of the layer’s tokens, ${lift.toFixed(2)} × an even share`,
      });
      rows.push([layer, expert, counts[expert] ?? 0, Number(share.toFixed(6)), Number(lift.toFixed(4))]);
    }
    const even = px(base - full / most);
    marks.push({
      type: 'line',
      x1: left,
      y1: even,
      x2: right,
      y2: even,
      stroke: 'ink',
      strokeWidth: 1,
      dash: '3 3',
    });
  });
  const height = Math.round(expertLoadHeightEm(layers.length) * fontSize);
  marks.push({ type: 'text', x: right, y: px(height - fontSize * 0.8), text: 'experts, by index', anchor: 'end', fill: 'inkSoft' }); // prettier-ignore
  return {
    name: 'expert-load',
    title:
      total === 0
        ? 'No expert has been used yet'
        : `L${worst.layer}·E${worst.expert} takes ${worst.lift.toFixed(1)} × an even share${idle > 0 ? `; ${idle} of ${total} experts take nothing` : ''}`,
    subtitle: `Share of each layer’s tokens that its experts took in step ${spec.step}, in multiples of an even share (dashed); one scale to ${most.toFixed(1)} ×`,
    size: { ...size, height },
    marks,
    cells,
    plot: {
      kind: 'bars',
      bars: 'expert',
      barsLabel: 'expert',
      isLying: false,
      perRow: 1,
      panels: layers.map(({ layer }) => ({
        title: `L${layer}, load ÷ even share`,
        limits: [0, most],
        series: [{ label: 'lift', value: { column: 'lift' }, where: { layer }, paint: 'accent' }],
        reference: { value: 1, label: 'even share' },
      })),
    },
    table: { columns: ['layer', 'expert', 'tokens', 'share', 'lift'], rows },
    legend: [{ label: 'even share', fill: 'none', stroke: 'ink' }],
  };
}
