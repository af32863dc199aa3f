import { dataWords, type ComparisonSpec } from '../common/comparison.ts';
import { px, type ChartCell, type ChartGeometry, type ChartSize, type Mark, type PaintName } from '../common/geometry.ts'; // prettier-ignore
import { shortNumber, meanOf } from '../common/numbers.ts';

/** Shares of attention that are measured apart; the rest of the context is what remains to 1. */
export interface LayerComposition {
  readonly name: string;
  /** By layer. */
  readonly sink: readonly (number | null)[];
  readonly gold: readonly (number | null)[];
  readonly distractor: readonly (number | null)[];
}

const parts = ['sink', 'gold', 'distractor', 'other'] as const;
const fills: Readonly<Record<(typeof parts)[number], PaintName | 'hatch'>> = {
  sink: 'ghost',
  gold: 'ink',
  distractor: 'hatch',
  other: 'surface',
};

/** What attention is made of by layer: a full bar a layer and subject, parts in a fixed order. */
export function layoutComposition(
  spec: ComparisonSpec,
  subjects: readonly LayerComposition[],
  size: ChartSize,
): ChartGeometry {
  const { fontSize } = size;
  const layers = Math.max(0, ...subjects.map(({ sink }) => sink.length));
  const left = Math.round(fontSize * 3);
  const right = Math.round(size.width - fontSize * 1.2);
  const top = Math.round(fontSize * 2);
  const bar = Math.max(5, Math.round(fontSize * (layers > 16 ? 0.55 : 0.95)));
  const rowHeight = Math.round(bar * subjects.length + fontSize * (layers > 16 ? 0.35 : 0.7));
  const marks: Mark[] = [{ type: 'text', x: 0, y: px(fontSize), text: 'layer', fill: 'inkSoft' }];
  const cells: ChartCell[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const y0 = top + layer * rowHeight;
    marks.push({ type: 'text', x: left - Math.round(fontSize * 0.6), y: px(y0 + (bar * subjects.length) / 2 + fontSize * 0.35), text: String(layer), anchor: 'end', fill: 'inkFaint' }); // prettier-ignore
    subjects.forEach((subject, row) => {
      const values = { sink: subject.sink[layer] ?? null, gold: subject.gold[layer] ?? null, distractor: subject.distractor[layer] ?? null }; // prettier-ignore
      const known = (values.sink ?? 0) + (values.gold ?? 0) + (values.distractor ?? 0);
      // Sinks that lie in a piece are counted twice; the bar then ends at 1.
      const scale = known > 1 ? 1 / known : 1;
      let from = 0;
      parts.forEach((part, column) => {
        const share = part === 'other' ? Math.max(0, 1 - known * scale) : (values[part] ?? 0) * scale;
        const x0 = left + from * (right - left);
        const width = share * (right - left);
        from += share;
        if (width < 0.3) return;
        marks.push({ type: 'rect', x: px(x0), y: px(y0 + row * bar), width: px(width), height: bar - 1, fill: fills[part], stroke: 'axis', strokeWidth: 0.6 }); // prettier-ignore
        cells.push({ id: `${layer}:${row}:${part}`, target: { layer }, row: layer * subjects.length + row, column, x: px(x0), y: px(y0 + row * bar), width: px(width), height: bar, label: `Layer ${layer}, ${subject.name}: ${part} ${(100 * share).toFixed(1)} %` }); // prettier-ignore
      });
    });
  }
  const bottom = top + layers * rowHeight;
  for (const tick of [0, 0.25, 0.5, 0.75, 1]) {
    marks.push({ type: 'text', x: px(left + tick * (right - left)), y: px(bottom + fontSize * 1.1), text: `${tick * 100} %`, anchor: tick === 0 ? 'start' : tick === 1 ? 'end' : 'middle', fill: 'inkFaint' }); // prettier-ignore
  }
  const sinkMean = subjects.map(({ sink }) => meanOf(sink));
  return {
    name: 'composition',
    title: `On average over layers ${subjects.map(({ name }, row) => `${name} gives ${shortNumber(sinkMean[row] ?? null)} of its attention to the sink`).join(', ')}`,
    subtitle: `Shares of attention by layer, mean over heads${subjects.length > 1 ? `; in each pair ${subjects.map(({ name }) => name).join(' above ')}` : ''}; ${dataWords(spec)}`,
    size: { ...size, height: Math.round(bottom + fontSize * 2) },
    marks,
    cells,
    notes: [
      'Other: question, template and what is not a piece. No intervals: read the tests in the other charts.',
    ],
    plot: {
      kind: 'bars',
      bars: 'layer',
      barsLabel: 'layer',
      isLying: true,
      perRow: subjects.length,
      panels: subjects.map(({ name }) => ({
        title: name,
        valueLabel: 'share of attention',
        limits: [0, 1],
        series: (['sink', 'gold', 'distractor'] as const).map((part) => ({ label: part, value: { column: part }, where: { subject: name }, paint: part === 'gold' ? 'ink' : 'ghost', ...(part === 'distractor' ? { style: 'hatched' as const } : {}) })), // prettier-ignore
      })),
    },
    table: {
      columns: ['layer', 'subject', 'sink', 'gold', 'distractor'],
      rows: Array.from({ length: layers }, (_, layer) => subjects.map(({ name, sink, gold, distractor }) => [layer, name, sink[layer] ?? null, gold[layer] ?? null, distractor[layer] ?? null])).flat(), // prettier-ignore
    },
    legend: [
      { label: `sink, first ${spec.sinkTokens} keys`, fill: 'ghost' },
      { label: 'gold', fill: 'ink' },
      { label: 'distractor', fill: 'hatch' },
      { label: 'other', fill: 'surface' },
    ],
  };
}
