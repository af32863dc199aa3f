import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { clusterOrder, coActivationLift, layoutCoActivation } from '../../src/charts/coActivation/layout.ts';
import { lineDomain } from '../../src/charts/common/axis.ts';
import { layoutComposition } from '../../src/charts/composition/layout.ts';
import type { ComparisonSpec, MetricSpec } from '../../src/charts/common/comparison.ts';
import type { ChartGeometry, ChartSize, GridMark } from '../../src/charts/common/geometry.ts';
import { darkPaint, lightPaint } from '../../src/charts/common/palette.ts';
import glyphs from '../../src/charts/common/glyphs.json' with { type: 'json' };
import { asGlyphs, svgDocument } from '../../src/charts/common/paintSvg.ts';
import { layoutDistanceSpectrum } from '../../src/charts/distanceSpectrum/layout.ts';
import { layoutEvidenceLift } from '../../src/charts/evidenceLift/layout.ts';
import { layoutEvidenceTrack } from '../../src/charts/evidenceTrack/layout.ts';
import { layoutExpertMap } from '../../src/charts/expertMap/layout.ts';
import { layoutFilmstrip } from '../../src/charts/filmstrip/layout.ts';
import { layoutHeadScatter } from '../../src/charts/headScatter/layout.ts';
import { layoutHeadTriptych } from '../../src/charts/headTriptych/layout.ts';
import { layoutLayerLine, spreadLabels } from '../../src/charts/layerLine/layout.ts';
import { layoutLayerPanels } from '../../src/charts/layerPanels/layout.ts';
import { layoutLoadCurve } from '../../src/charts/loadCurve/layout.ts';
import { layoutMovers } from '../../src/charts/movers/layout.ts';
import { layoutRidgeline } from '../../src/charts/ridgeline/layout.ts';
import { layoutTaskStrips, seriate } from '../../src/charts/taskStrips/layout.ts';
import { compareAttention, compareRouting, isClaimed } from '../../src/mechanism/compare.ts';
import type { MechanismDocument } from '../../src/mechanism/document.ts';
import type { DocumentSummary } from '../../src/workers/mechanismApi.ts';
import { makeFilmstrip, makeFrame, makePairs, makeTrack, type ChosenSubjects } from '../../src/workers/mechanismFrame.ts'; // prettier-ignore
import { generatedDocument } from '../helpers/mechanism.ts';

const size = { width: 760, height: 300, fontSize: 12 };
/** A column of a paper: 85 mm, letters of 7 points. */
const columnSize = { width: 289, height: 200, fontSize: 9.3 };

function chosenOf(document: MechanismDocument): ChosenSubjects {
  const summary: DocumentSummary = {
    id: 'generated', name: 'generated', createdAt: 0, origin: 'file', isPartial: false, model: document.model,
    queries: document.queries, sinkTokens: 4, thresholds: [], itemCount: document.items.length, tokens: 0,
    queryTokens: 60 * document.items.length, itemsHash: 'hash', subjects: [], sizeBytes: 0,
  }; // prettier-ignore
  const find = (name: string) => document.subjects.find((subject) => subject.name === name) ?? null;
  return {
    document,
    summary,
    baseline: find('base')!,
    comparison: find('ACC'),
    control: find('agent-SFT'),
    problem: null,
  };
}

const request = { documentId: 'generated', baseline: 'base', comparison: 'ACC', control: 'agent-SFT' };

/** All charts of a document, as the view makes them. */
function chartsOf(document: MechanismDocument, size: ChartSize): Record<string, ChartGeometry> {
  const chosen = chosenOf(document);
  const frame = makeFrame(chosen, { ...request, metric: 'relativeDistance' });
  const comparison: ComparisonSpec = { model: 'generated-moe', baseline: 'base', comparison: 'ACC', control: 'agent-SFT', items: document.items.length, queryTokens: 60 * document.items.length, queries: 'answer', sinkTokens: 4 }; // prettier-ignore
  const metric: MetricSpec = { key: 'relativeDistance', label: 'relative distance', unit: 'share', formula: frame.metric.formula, source: frame.metric.source, domain: [0, 1], reference: { value: 0.5, label: 'uniform attention' } }; // prettier-ignore
  const { layers, heads, routing } = frame;
  const { change, baseline } = frame.metric;
  const after = frame.metric.comparison;
  if (!change || !after || !routing?.change || !routing.comparison || !frame.spectrum)
    throw new Error('the frame lacks parts');
  const maps = { layers, heads, baseline, comparison: after, change };
  const spectrum = { layers, ...frame.spectrum, sinkBaseline: frame.composition[0]!.sink, sinkComparison: frame.composition[1]!.sink }; // prettier-ignore
  const track = makeTrack(chosen, { ...request, itemIndex: 0, layer: null, head: null })!;
  const pairs = makePairs(document, chosen.baseline, 0)!;
  const group = routing.groups[0]!;
  const layerFrame = frame.metric.layers;
  const scatter = layoutHeadScatter({ comparison, metric, order: 'index' }, maps, size)!;
  const { summary } = routing;
  return {
    layerLine: layoutLayerLine(
      { comparison, metric, changes: layerFrame.change!.values, clearLayers: layerFrame.change!.clear },
      [
        { name: 'base', condition: 'baseline', ...layerFrame.baseline, heads: baseline },
        { name: 'agent-SFT', condition: 'control', ...layerFrame.control!, heads: frame.metric.control! },
        { name: 'ACC', condition: 'comparison', ...layerFrame.comparison!, heads: after },
      ],
      size,
    ),
    triptych: layoutHeadTriptych({ comparison, metric, order: 'baseline' }, maps, size),
    scatter,
    movers: layoutMovers({ comparison, metric, noun: 'head', most: 12, labelOf: (cell) => `L${Math.floor(cell / heads)}·H${cell % heads}`, targetOf: (cell) => ({ layer: Math.floor(cell / heads), head: cell % heads }) }, baseline, after, change, size), // prettier-ignore
    spectrum: layoutDistanceSpectrum(comparison, spectrum, size),
    ridges: layoutRidgeline(comparison, spectrum, size),
    track: layoutEvidenceTrack({ comparison, range: null }, track, size),
    lift: layoutEvidenceLift({ comparison, item: track.item, heads: track.heads }, track.lifts, size),
    composition: layoutComposition(comparison, frame.composition, size),
    experts: layoutExpertMap({ comparison, order: 'baseline' }, routing, size),
    tasks: layoutTaskStrips({ comparison, by: group.by }, { layer: 0, experts: routing.experts, perToken: routing.perToken, tasks: group.names, baseline: group.baseline.slice(0, group.names.length * routing.experts), comparison: group.comparison!.slice(0, group.names.length * routing.experts), divergenceBaseline: group.divergenceBaseline[0]!, divergenceComparison: group.divergenceComparison![0]! }, size), // prettier-ignore
    curve: layoutLoadCurve({ comparison, layer: 0, perToken: routing.perToken }, [{ name: 'base', condition: 'baseline', frequency: routing.baseline.slice(0, routing.experts), gini: summary.baseline.gini[0]!, maxOverMean: summary.baseline.maxOverMean[0]!, effectiveExperts: summary.baseline.effectiveExperts[0]! }], size), // prettier-ignore
    panels: layoutLayerPanels({ comparison, layers: routing.layers, name: 'router-summary' }, [{ key: 'gini', title: 'Gini of the load', unit: '0 is even', series: [{ name: 'base', condition: 'baseline', values: summary.baseline.gini }, { name: 'ACC', condition: 'comparison', values: summary.comparison!.gini }] }], size), // prettier-ignore
    pairs: layoutCoActivation(comparison, { layer: 0, experts: pairs.experts, together: pairs.allPairs, variant: 'all pairs', subject: 'base' }, size), // prettier-ignore
    filmstrip: layoutFilmstrip({ comparison, layer: 1, what: 'experts', label: 'routing load', unit: '', perToken: routing.perToken }, makeFilmstrip(document, 1, 'relativeDistance').frames.map(({ name, step, experts }) => ({ name, step, values: experts })), size), // prettier-ignore
  };
}

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
    expect(charts['triptych']?.notes?.[0]).toContain('ACC − base and ACC − agent-SFT both exclude 0');
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
