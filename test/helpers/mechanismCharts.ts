import { layoutCoActivation } from '../../src/charts/coActivation/layout.ts';
import { layoutComposition } from '../../src/charts/composition/layout.ts';
import type { ComparisonSpec, MetricSpec } from '../../src/charts/common/comparison.ts';
import type { ChartGeometry, ChartSize } from '../../src/charts/common/geometry.ts';
import { layoutDistanceSpectrum } from '../../src/charts/distanceSpectrum/layout.ts';
import { layoutEvidenceLift } from '../../src/charts/evidenceLift/layout.ts';
import { layoutEvidenceTrack } from '../../src/charts/evidenceTrack/layout.ts';
import { layoutExpertMap } from '../../src/charts/expertMap/layout.ts';
import { layoutFilmstrip } from '../../src/charts/filmstrip/layout.ts';
import { layoutHeadScatter } from '../../src/charts/headScatter/layout.ts';
import { layoutHeadTriptych } from '../../src/charts/headTriptych/layout.ts';
import { layoutLayerLine } from '../../src/charts/layerLine/layout.ts';
import { layoutLayerPanels } from '../../src/charts/layerPanels/layout.ts';
import { layoutLoadCurve } from '../../src/charts/loadCurve/layout.ts';
import { layoutMovers } from '../../src/charts/movers/layout.ts';
import { layoutRidgeline } from '../../src/charts/ridgeline/layout.ts';
import { layoutTaskStrips } from '../../src/charts/taskStrips/layout.ts';
import type { MechanismDocument } from '../../src/mechanism/document.ts';
import { metricSpec } from '../../src/ui/views/mechanism/metricNames.ts';
import type { DocumentSummary } from '../../src/workers/mechanismApi.ts';
import { makeFilmstrip, makeFrame, makePairs, makeTrack, type ChosenSubjects } from '../../src/workers/mechanismFrame.ts'; // prettier-ignore

/** What the view has chosen of a generated document. */
export function chosenOf(document: MechanismDocument): ChosenSubjects {
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

/** Base, adapter and control of a generated document. */
export const request = { documentId: 'generated', baseline: 'base', comparison: 'ACC', control: 'agent-SFT' };

/** All charts of a document, as the view makes them. */
export function chartsOf(document: MechanismDocument, size: ChartSize): Record<string, ChartGeometry> {
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
  const apart = summary.change!.kindDivergence;
  const { metric: share } = makeFrame(chosen, { ...request, metric: 'goldShareOfEvidence' });
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
    tasks: layoutTaskStrips({ comparison, by: group.by }, { layer: 0, experts: routing.experts, perToken: routing.perToken, tasks: group.names, baseline: group.baseline.slice(0, group.names.length * routing.experts), comparison: group.comparison!.slice(0, group.names.length * routing.experts), divergenceBaseline: group.divergenceBaseline[0]!, divergenceComparison: group.divergenceComparison![0]!, divergenceTest: { low: apart.low[0]!, high: apart.high[0]!, isClear: apart.clear[0]! } }, size), // prettier-ignore
    curve: layoutLoadCurve({ comparison, layer: 0, perToken: routing.perToken }, [{ name: 'base', condition: 'baseline', frequency: routing.baseline.slice(0, routing.experts), gini: summary.baseline.gini[0]!, maxOverMean: summary.baseline.maxOverMean[0]!, effectiveExperts: summary.baseline.effectiveExperts[0]! }], size), // prettier-ignore
    panels: layoutLayerPanels({ comparison, layers: routing.layers, name: 'router-summary' }, [
      { key: 'gini', title: 'Gini of the load', unit: '0 is even', domain: [0, 1], series: [{ name: 'base', condition: 'baseline', values: summary.baseline.gini }, { name: 'ACC', condition: 'comparison', values: summary.comparison!.gini }], change: summary.change!.gini, overControl: summary.overControl!.gini }, // prettier-ignore
      { key: 'saturation', title: 'Choices kept from the base', unit: 'share', series: [{ name: 'ACC', condition: 'comparison', values: summary.comparison!.saturation }] }, // prettier-ignore
    ], size), // prettier-ignore
    goldShare: layoutLayerLine(
      { comparison, metric: metricSpec(share, null), changes: share.layers.change!.values, clearLayers: share.layers.change!.clear },
      [
        { name: 'base', condition: 'baseline', ...share.layers.baseline, heads: share.baseline, overReference: share.chance!.over.baseline },
        { name: 'ACC', condition: 'comparison', ...share.layers.comparison!, heads: share.comparison!, overReference: share.chance!.over.comparison! },
      ],
      size,
    ), // prettier-ignore
    pairs: layoutCoActivation(comparison, { layer: 0, experts: pairs.experts, together: pairs.allPairs, variant: 'all pairs', subject: 'base' }, size), // prettier-ignore
    filmstrip: layoutFilmstrip({ comparison, layer: 1, what: 'experts', label: 'routing load', unit: '', perToken: routing.perToken }, makeFilmstrip(document, 1, 'relativeDistance').frames.map(({ name, step, experts }) => ({ name, step, values: experts })), size), // prettier-ignore
  };
}
