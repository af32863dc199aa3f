import { format } from 'd3-format';
import type { ChartCell, ChartGeometry, ChartSize, Mark } from '../common/geometry.ts';
import { estimateTextWidth, fitLabel, px } from '../common/geometry.ts';
import { codeWords, type FunnelStage } from './stages.ts';

const whole = format(',d');
const percent = format('.0%');

/** Height in multiples of the tick size that shows every stage. */
export function funnelHeightEm(stageCount: number): number {
  return stageCount * 2.3 + 0.6;
}

/**
 * The compile funnel as horizontal bars: solid what is left after each step, hatched what that step lost, with
 * its reasons. Cells `stage:code` are the reasons.
 */
export function layoutFunnel(
  spec: { readonly what: string },
  stages: readonly FunnelStage[],
  size: ChartSize,
): ChartGeometry {
  const { width, fontSize } = size;
  const total = stages[0]?.left ?? 0;
  const kept = stages[stages.length - 1]?.left ?? 0;
  const left = Math.round(fontSize * 10.5);
  const numbers = Math.round(fontSize * 4.5);
  const barSpace = Math.max(40, (width - left - numbers) * 0.56);
  const reasonsAt = left + barSpace + numbers;
  const rowHeight = fontSize * 2.3;
  const barHeight = Math.round(fontSize * 1.25);
  const x = (count: number): number => (total === 0 ? 0 : (count / total) * barSpace);
  const marks: Mark[] = [];
  const cells: ChartCell[] = [];

  stages.forEach((stage, row) => {
    const y = Math.round(row * rowHeight + fontSize * 0.3);
    const baseline = px(y + barHeight / 2 + fontSize * 0.36);
    const lost = stage.lost.reduce((sum, { count }) => sum + count, 0);
    marks.push({
      type: 'text',
      x: left - 8,
      y: baseline,
      text: stage.label,
      anchor: 'end',
      fill: 'ink',
    });
    if (stage.left > 0) {
      marks.push({
        type: 'rect',
        x: left,
        y,
        width: px(Math.max(1, x(stage.left))),
        height: barHeight,
        fill: 'ink',
      });
    }
    if (lost > 0) {
      marks.push({
        type: 'rect',
        x: px(left + x(stage.left)),
        y: y + 0.5,
        width: px(Math.max(2, x(lost))),
        height: barHeight - 1,
        fill: 'hatch',
        stroke: 'inkFaint',
        strokeWidth: 1,
      });
    }
    marks.push({
      type: 'text',
      x: px(left + x(stage.left + lost) + 6),
      y: baseline,
      text: whole(stage.left),
      fill: 'ink',
      weight: 600,
    });
    cells.push({
      id: stage.id,
      row,
      column: 0,
      x: left,
      y,
      width: px(Math.max(24, x(stage.left + lost))),
      height: barHeight,
      label:
        lost === 0
          ? `${stage.label}: ${whole(stage.left)} left`
          : `${stage.label}: ${whole(stage.left)} left, ${whole(lost)} lost`,
    });
    let at = reasonsAt;
    stage.lost.forEach(({ code, count }, index) => {
      const space = width - at;
      if (space < fontSize * 4) return;
      const label = fitLabel(`−${whole(count)} ${codeWords(code)}`, space, fontSize);
      const labelWidth = estimateTextWidth(label, fontSize);
      marks.push({ type: 'text', x: px(at), y: baseline, text: label, fill: 'accent' });
      cells.push({
        id: `${stage.id}:${code}`,
        row,
        column: index + 1,
        x: px(at - 3),
        y: Math.round(y - fontSize * 0.4),
        width: px(labelWidth + 6),
        height: Math.round(fontSize * 2),
        label: `${whole(count)} rejected: ${codeWords(code)}. Open the list`,
      });
      at += labelWidth + fontSize * 1.4;
    });
  });

  const largest = stages
    .flatMap((stage) => stage.lost)
    .reduce<{ code: string; count: number } | null>(
      (best, each) => (best && best.count >= each.count ? best : each),
      null,
    );
  return {
    name: 'compile-funnel',
    title:
      total === 0
        ? 'Nothing was compiled yet'
        : kept === total
          ? `All ${whole(total)} trajectories became examples`
          : `${whole(kept)} of ${whole(total)} trajectories (${percent(kept / total)}) became examples` +
            (largest ? `; most were lost to “${codeWords(largest.code)}” (${whole(largest.count)})` : ''),
    subtitle: `${spec.what} left after each step of compiling; hatched: lost at that step, with reasons`,
    size: { ...size, height: Math.round(funnelHeightEm(stages.length) * fontSize) },
    marks,
    cells,
    plot: {
      kind: 'bars',
      bars: 'step',
      barsLabel: '',
      isLying: true,
      perRow: 1,
      panels: [
        {
          valueLabel: spec.what,
          series: [
            { label: 'left', value: { column: 'left' }, paint: 'ink' },
            { label: 'lost', value: { column: 'lost' }, paint: 'inkFaint', style: 'hatched' },
          ],
        },
      ],
    },
    table: {
      columns: ['step', 'left', 'lost', 'reasons'],
      rows: stages.map((stage) => [
        stage.label,
        stage.left,
        stage.lost.reduce((sum, { count }) => sum + count, 0),
        stage.lost.map(({ code, count }) => `${codeWords(code)}: ${count}`).join('; '),
      ]),
    },
    legend: [],
  };
}
