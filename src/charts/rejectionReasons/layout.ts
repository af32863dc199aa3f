import { format } from 'd3-format';
import { codeWords } from '../funnel/stages.ts';
import type { ChartCell, ChartGeometry, ChartSize, Mark } from '../common/geometry.ts';
import { fitLabel, px } from '../common/geometry.ts';

export interface ReasonCount {
  readonly stage: string;
  readonly code: string;
  readonly count: number;
}

const whole = format(',d');
const maxReasons = 12;

/** Height in multiples of the tick size that shows every reason. */
export function reasonsHeightEm(reasonCount: number): number {
  return Math.max(1, Math.min(maxReasons, reasonCount)) * 2 + 0.5;
}

/** Reasons of rejection by count, most frequent first. Cells are `stage:code`. */
export function layoutRejectionReasons(
  spec: { readonly total: number },
  reasons: readonly ReasonCount[],
  size: ChartSize,
): ChartGeometry {
  const { width, fontSize } = size;
  const sorted = [...reasons].sort((a, b) => b.count - a.count || (a.code < b.code ? -1 : 1));
  const shown = sorted.slice(0, maxReasons);
  const rejected = sorted.reduce((sum, { count }) => sum + count, 0);
  const top = shown[0];
  const left = Math.min(Math.round(fontSize * 16), Math.round(width * 0.45));
  const space = width - left - fontSize * 4;
  const marks: Mark[] = [];
  const cells: ChartCell[] = [];
  shown.forEach((reason, row) => {
    const y = Math.round(row * fontSize * 2 + fontSize * 0.3);
    const barHeight = Math.round(fontSize * 1.2);
    const length = top ? (reason.count / top.count) * space : 0;
    const baseline = px(y + barHeight / 2 + fontSize * 0.36);
    marks.push(
      {
        type: 'text',
        x: left - 8,
        y: baseline,
        text: fitLabel(codeWords(reason.code), left - 8, fontSize),
        anchor: 'end',
        fill: 'ink',
      },
      {
        type: 'rect',
        x: left,
        y: y + 0.5,
        width: px(Math.max(1, length)),
        height: barHeight - 1,
        fill: 'hatch',
        stroke: 'inkFaint',
        strokeWidth: 1,
      },
      {
        type: 'text',
        x: px(left + length + 6),
        y: baseline,
        text: whole(reason.count),
        fill: 'ink',
        weight: 600,
      },
    );
    cells.push({
      id: `${reason.stage}:${reason.code}`,
      row,
      column: 0,
      x: 0,
      y: Math.round(y - fontSize * 0.3),
      width,
      height: Math.round(fontSize * 1.8),
      label: `${codeWords(reason.code)}: ${whole(reason.count)} rejected. Open the list`,
    });
  });
  return {
    name: 'rejection-reasons',
    title: top
      ? `“${codeWords(top.code)}” is the most frequent of ${whole(sorted.length)} ${sorted.length === 1 ? 'reason' : 'reasons'} (${whole(top.count)} of ${whole(rejected)})`
      : 'No trajectory was rejected',
    subtitle:
      `${whole(rejected)} of ${whole(spec.total)} trajectories rejected, by reason` +
      (sorted.length > shown.length ? `; ${sorted.length - shown.length} rarer ones in the table` : ''),
    size: { ...size, height: Math.round(reasonsHeightEm(reasons.length) * fontSize) },
    marks,
    cells,
    plot: {
      kind: 'bars',
      bars: 'reason',
      barsLabel: '',
      isLying: true,
      perRow: 1,
      panels: [{ valueLabel: 'trajectories rejected', series: [{ label: 'rejected', value: { column: 'count' }, paint: 'inkFaint', style: 'hatched' }] }], // prettier-ignore
    },
    table: {
      columns: ['step', 'reason', 'count'],
      rows: sorted.map((reason) => [reason.stage, codeWords(reason.code), reason.count]),
    },
    legend: [],
  };
}
