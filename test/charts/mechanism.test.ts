import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { clusterOrder, coActivationLift } from '../../src/charts/coActivation/layout.ts';
import { lineDomain } from '../../src/charts/common/axis.ts';
import type { GridMark } from '../../src/charts/common/geometry.ts';
import { darkPaint, lightPaint } from '../../src/charts/common/palette.ts';
import glyphs from '../../src/charts/common/glyphs.json' with { type: 'json' };
import { asGlyphs, svgDocument } from '../../src/charts/common/paintSvg.ts';
import { spreadLabels } from '../../src/charts/layerLine/layout.ts';
import { seriate } from '../../src/charts/taskStrips/layout.ts';
import { compareAttention, compareRouting, isClaimed } from '../../src/mechanism/compare.ts';
import { makeFrame } from '../../src/workers/mechanismFrame.ts';
import { generatedDocument } from '../helpers/mechanism.ts';
import { chartsOf, chosenOf, request } from '../helpers/mechanismCharts.ts';

const size = { width: 760, height: 300, fontSize: 12 };
/** A column of a paper: 85 mm, letters of 7 points. */
const columnSize = { width: 289, height: 200, fontSize: 9.3 };

const document = generatedDocument({
  layers: 4,
  heads: 4,
  experts: 8,
  perToken: 2,
  items: 12,
  steps: [10, 20],
});
const charts = chartsOf(document, size);
const inColumn = chartsOf(document, columnSize);

describe('charts of a mechanism document', () => {
  it.each(Object.entries(charts))('%s: picture, words and table', (_name, geometry) => {
    expect({
      title: geometry.title,
      subtitle: geometry.subtitle,
      notes: geometry.notes,
      marks: geometry.marks.length,
      texts: geometry.marks.flatMap((mark) => (mark.type === 'text' ? [mark.text] : [])),
      cells: geometry.cells.length,
      firstCell: geometry.cells[0]?.label,
      columns: geometry.table.columns,
      rows: geometry.table.rows.length,
      legend: geometry.legend.map(({ label }) => label),
    }).toMatchSnapshot();
  });

  it.each([...Object.entries(charts), ...Object.entries(inColumn)])(
    '%s: nothing lies outside the picture, no label is cut by its edge',
    (_name, { marks, cells, size: { width, height, fontSize } }) => {
      // prettier-ignore
      for (const mark of marks) {
      if (mark.type === 'text') {
        const length = mark.text.length * fontSize * 0.56;
        const start = mark.anchor === 'end' ? mark.x - length : mark.anchor === 'middle' ? mark.x - length / 2 : mark.x;
        expect([mark.text, start >= -6, start + length <= width + 8, mark.y <= height, mark.y > 0]).toEqual([mark.text, true, true, true, true]); // prettier-ignore
      }
      if (mark.type === 'grid') expect(mark.x + mark.columns * mark.cellWidth).toBeLessThanOrEqual(width + 1);
    }
      for (const cell of cells) {
        expect(Number.isFinite(cell.x + cell.y + cell.width + cell.height)).toBe(true);
        expect(cell.label).not.toMatch(/NaN|undefined|Infinity/);
      }
    },
  );

  it('begins axes of lines at 0 only where values come near it, and tells any doubling of the long-range threshold', () => {
    expect(lineDomain([0.2, 0.6])).toEqual([0, 0.6]);
    expect(lineDomain([90, 96])).toEqual([88, 98]);
    // The reference is in view where it is near, and the ends of what can be measured are not passed.
    expect(lineDomain([0.9, 0.95], { reference: 1, limits: [0, 1] })).toEqual([0.88, 1]);
    expect(lineDomain([0.9, 0.95], { reference: 0.1 })[0]).toBeGreaterThan(0.8);
    const chosen = chosenOf(document);
    const beyond = makeFrame(chosen, { ...request, metric: 'longRangeMass:7' });
    expect(beyond.thresholds).toContain(7);
    const { distanceHistogram } = chosen.baseline.attention[5]!;
    const cell = chosen.baseline.attention[5]!.layer * 4 + chosen.baseline.attention[5]!.head;
    // Bins 0, 1, 2–3 and 4–7 lie within.
    const within = distanceHistogram.slice(0, 4).reduce((sum, share) => sum + share, 0);
    expect(beyond.metric.key).toBe('longRangeMass:7');
    expect(beyond.metric.baseline[cell]! + within).toBeCloseTo(1, 4);
    expect(makeFrame(chosen, { ...request, metric: 'longRangeMass:6' }).metric.key).not.toBe(
      'longRangeMass:6',
    );
  });

  it('claims what was put in, against base and control, and nothing else', () => {
    expect(charts['layerLine']?.title).toMatch(
      /^ACC raises relative distance in 2 of 4 layers, most in layer [23]/,
    );
    const difference = charts['triptych']?.marks.filter((mark): mark is GridMark => mark.type === 'grid')[2];
    const muted = difference?.muted ?? [];
    expect(muted.slice(0, 8)).toEqual(new Array(8).fill(true));
    expect(muted.slice(8)).toEqual(new Array(8).fill(false));
    expect(charts['triptych']?.notes?.[0]).toContain('ACC − base and ACC − agent-SFT both exclude 0, in one direction'); // prettier-ignore
  });

  it('claims the cells that the mechanism layer claims, no other', () => {
    const generated = generatedDocument({ layers: 4, heads: 4, experts: 8, perToken: 2, items: 6 });
    const frame = makeFrame(chosenOf(generated), { ...request, metric: 'relativeDistance' });
    const heads = compareAttention(generated, 'relativeDistance', request);
    const experts = compareRouting(generated, 'frequency', request);
    expect(frame.metric.change?.clear).toEqual(heads.cells.map(isClaimed));
    expect(frame.routing?.change?.clear).toEqual(experts.cells.map(isClaimed));
    expect(heads.claimed).toBeGreaterThan(0);
    expect(experts.claimed).toBeGreaterThan(0);
  });

  it('lays the interval of a load’s change on the line of the base, and tells the change over base and control', () => {
    const { change, overControl, baseline } = makeFrame(chosenOf(document), { ...request, metric: 'relativeDistance' }).routing!.summary; // prettier-ignore
    const { table, cells, marks } = charts['panels']!;
    const row = table.rows.find(([panel, subject, layer]) => panel === 'Gini of the load' && subject === 'ACC' && layer === 2)!; // prettier-ignore
    const at = (column: string): unknown => row[table.columns.indexOf(column)];
    expect(at('band low')).toBeCloseTo(baseline.gini[2]! + change!.gini.low[2]!);
    expect(at('ACC − base high')).toBe(change!.gini.high[2]);
    expect(at('ACC − agent-SFT')).toBe(overControl!.gini.values[2]);
    expect(cells.find(({ label }) => label.startsWith('Gini of the load, ACC, layer 2'))!.label).toMatch(
      /0 is even; ACC − base \+[\d.]+, 95 % \+[\d.]+ to \+[\d.]+; ACC − agent-SFT \+.*; clear$/,
    );
    const texts = marks.flatMap((mark) => (mark.type === 'text' ? [mark.text] : []));
    expect(texts).toEqual(expect.arrayContaining(['clear in 4 of 4 layers', 'no interval']));
    const few = makeFrame(chosenOf(generatedDocument({ layers: 4, heads: 4, experts: 8, perToken: 2, items: 6 })), { ...request, metric: 'relativeDistance' }); // prettier-ignore
    expect(few.routing!.summary.change!.kindDivergence.hasIntervals).toBe(false);
    expect(few.routing!.summary.change!.gini.hasIntervals).toBe(true);
  });

  it('holds gold’s share of the attention on evidence against the share of its tokens, item by item', () => {
    // Gold is a third of the evidence in even items, six tenths in odd ones; a subject that ignores roles has as much.
    const shares = document.items.map((_, item) => (item % 2 === 0 ? 1 / 3 : 0.6));
    const blind = {
      ...document,
      items: document.items.map((item, index) => ({ ...item, goldTokenShare: shares[index]! })),
      subjects: document.subjects.map((subject) => ({
        ...subject,
        attention: subject.attention.map((row) => {
          const goldMass = shares.map((share, item) => 0.2 * share * (subject.name === 'base' ? 1 : 1.5 + 0.01 * item)); // prettier-ignore
          const distractorMass = shares.map((share) => 0.2 * (1 - share));
          return { ...row, perItem: { ...row.perItem, goldMass, distractorMass } };
        }),
      })),
    };
    const { metric, metrics } = makeFrame(chosenOf(blind), { ...request, metric: 'goldShareOfEvidence' });
    expect(metrics).toContain('goldShareOfEvidence');
    const { value, over } = metric.chance!;
    expect(value).toBeCloseTo((1 / 3 + 0.6) / 2);
    expect(metric.layers.baseline.mean[0]).toBeCloseTo(value);
    // Its mean over items varies with them; what lies over the share of the tokens does not.
    expect(metric.layers.baseline.high[0]! - metric.layers.baseline.low[0]!).toBeGreaterThan(0.05);
    expect(over.baseline.values[0]).toBeCloseTo(0);
    expect(over.baseline.high[0]! - over.baseline.low[0]!).toBeCloseTo(0);
    expect(over.comparison!.clear).not.toContain(false);
    expect(charts['goldShare']?.notes?.[1]).toMatch(/^Against the share of gold among the evidence tokens, paired by item: base over it in 4 of 4/); // prettier-ignore
    expect(makeFrame(chosenOf(blind), { ...request, metric: 'goldMass' }).metric.chance).toBeNull();
  });

  it('claims nothing without intervals, and no cause without a control', () => {
    const few = chosenOf(generatedDocument({ layers: 2, heads: 2, experts: 4, perToken: 1, items: 2 }));
    const frame = makeFrame({ ...few, control: null }, { ...request, metric: 'relativeDistance' });
    expect(frame.metric.change?.hasIntervals).toBe(false);
    expect(frame.metric.change?.clear).not.toContain(true);
  });

  it('hatches what was not measured and what was never chosen instead of drawing zero', () => {
    expect(charts['experts']?.legend.map(({ label }) => label)).toContain('never chosen');
    const grid = charts['experts']?.marks.find((mark): mark is GridMark => mark.type === 'grid');
    expect(grid?.values).toContain(null);
  });

  it('spreads labels, orders experts by task, and puts partners side by side', () => {
    expect(spreadLabels([10, 11, 12], 10, 0, 100)).toEqual([10, 20, 30]);
    expect(spreadLabels([95, 96], 10, 0, 100)).toEqual([90, 100]);
    expect(seriate([1, 3, 2, 3, 1, 2], 2, 3)).toEqual([1, 2, 0]);
    const together = { layer: 0, experts: 4, variant: 'all pairs' as const, subject: 'base', together: [0.5, 0.1, 0.4, 0.1, 0.5, 0.5, 0.1, 0.4, 0.4, 0.1, 0.5, 0.1, 0.1, 0.4, 0.1, 0.5] }; // prettier-ignore
    const order = clusterOrder(coActivationLift(together), 4);
    expect(Math.abs(order.indexOf(0) - order.indexOf(2))).toBe(1);
    expect(Math.abs(order.indexOf(1) - order.indexOf(3))).toBe(1);
  });

  it('writes files whose every element is finite, with the words beside the picture', () => {
    const shots = process.env['ACC_SHOTS'];
    for (const [name, geometry] of Object.entries(
      shots
        ? chartsOf(
            generatedDocument({ layers: 12, heads: 8, experts: 16, perToken: 2, items: 12, steps: [10, 20] }),
            size,
          )
        : charts,
    )) {
      // prettier-ignore
      for (const paint of [lightPaint, darkPaint]) {
        const svg = svgDocument(geometry, paint, 'footer', asGlyphs(glyphs));
        expect(svg).not.toMatch(/NaN|undefined|Infinity/);
        // Every letter of every chart has its outline: the file needs no font.
        expect(svg).not.toContain('<text');
        if (!shots) continue;
        mkdirSync(shots, { recursive: true });
        writeFileSync(`${shots}/${name}-${paint.theme}.svg`, svg);
      }
    }
  });
});
