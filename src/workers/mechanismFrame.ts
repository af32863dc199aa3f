import {
  attentionStatistics,
  type AttentionStatistic,
  type MechanismDocument,
  type MechanismSubject,
  type RoutingRow,
  type RoutingShare,
} from '../mechanism/document.ts';
import { ItemBootstrap, type ItemDifference } from '../mechanism/bootstrap.ts';
import { compareCells, counting, isClaimed, weightsOf, type Cell, type CellComparison } from '../mechanism/compare.ts'; // prettier-ignore
import { compareLoad, loadSummaries, summaryValue } from '../mechanism/compareLoad.ts';
import { definitions } from '../mechanism/definitions.ts';
import { pooledOver, readerOf } from '../mechanism/headMetrics.ts';
import type {
  ChanceNumbers,
  ChangeNumbers,
  DocumentSummary,
  FilmstripFrame,
  FrameRequest,
  LayerNumbers,
  LoadChanges,
  MechanismFrame,
  MetricFrame,
  PairsFrame,
  RouterNumbers,
  RoutingFrame,
  RoutingGroup,
  TrackFrame,
  TrackRequest,
} from './mechanismApi.ts';

/** The subjects that a request names, found and checked. */
export interface ChosenSubjects {
  readonly document: MechanismDocument;
  readonly summary: DocumentSummary;
  readonly baseline: MechanismSubject;
  readonly comparison: MechanismSubject | null;
  readonly control: MechanismSubject | null;
  readonly problem: string | null;
}

type Cells = (number | null)[];
type CellItems = (readonly (number | null)[] | undefined)[];
/** By cell of a map: the pooled value and the values by item. */
interface CellValues {
  readonly values: Cells;
  readonly items: CellItems;
}

/** Metrics of the switch: the statistics of a head, gold's share, and the long-range mass at each threshold. */
export function metricsOf(document: MechanismDocument, { attention }: MechanismSubject): string[] {
  const { settings } = document;
  const statistics: readonly string[] = [...attentionStatistics, 'goldShareOfEvidence'];
  const named = statistics.filter((name) => {
    const read = readerOf(document, name);
    return attention.some((row) => read.value(row) !== null);
  });
  const hasLong = attention.some((row) => row.longRangeMass.length > 0);
  const long = hasLong ? settings.thresholds.map((threshold) => `longRangeMass:${threshold}`) : [];
  // Without sinks first: raw distance is mostly the sink's.
  const order: readonly string[] = ['sinkExcludedDistance', 'relativeDistance', 'meanDistance'];
  const rank = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
  return [...named, ...long].sort((a, b) => rank(a) - rank(b));
}

/** Distances that the long-range mass can be told for: those measured, and 2^n - 1 from the histogram. */
function thresholdsOf({ settings }: MechanismDocument, { attention }: MechanismSubject): number[] {
  const bins = Math.max(0, ...attention.map(({ distanceHistogram }) => distanceHistogram.length));
  const hasLong = attention.some((row) => row.longRangeMass.length > 0);
  const found = new Set(hasLong ? settings.thresholds : []);
  // The last bin may begin beyond the longest item.
  for (let bin = 1; bin < bins; bin++) found.add(2 ** (bin - 1) - 1);
  return [...found].sort((a, b) => a - b);
}

function headCells(document: MechanismDocument, subject: MechanismSubject, metric: string): CellValues {
  // prettier-ignore
  const { layers, heads } = document.model;
  const values: Cells = new Array<number | null>(layers * heads).fill(null);
  const items: CellItems = new Array<undefined>(layers * heads).fill(undefined);
  const read = readerOf(document, metric);
  for (const row of subject.attention) {
    const cell = row.layer * heads + row.head;
    values[cell] = read.value(row);
    items[cell] = read.perItem(row);
  }
  return { values, items };
}

function mean(values: readonly (number | null | undefined)[]): number | null {
  let sum = 0;
  let count = 0;
  for (const value of values) {
    if (value == null) continue;
    sum += value;
    count++;
  }
  return count === 0 ? null : sum / count;
}

/** Means over the heads of each layer, with their per-item values. */
function layerCells({ values, items }: CellValues, layers: number, heads: number): CellValues {
  // prettier-ignore
  const means: Cells = [];
  const meanItems: CellItems = [];
  for (let layer = 0; layer < layers; layer++) {
    means.push(mean(values.slice(layer * heads, (layer + 1) * heads)));
    const rows = items.slice(layer * heads, (layer + 1) * heads).filter((row) => row !== undefined);
    const count = rows[0]?.length ?? 0;
    meanItems.push(rows.length === 0 ? undefined : Array.from({ length: count }, (_, item) => mean(rows.map((row) => row[item])))); // prettier-ignore
  }
  return { values: means, items: meanItems };
}

/** 95 % intervals of one subject's means: the bootstrap against zero. */
function levelNumbers({ values, items }: CellValues, bootstrap: ItemBootstrap): LayerNumbers {
  const intervals = items.map((row) => {
    const zeros = row?.map((value) => (value === null ? null : 0)) ?? [];
    return bootstrap.difference(zeros, row ?? []).interval;
  });
  const low = intervals.map((interval) => interval?.[0] ?? null);
  return { mean: values, low, high: intervals.map((interval) => interval?.[1] ?? null) };
}

/** Ends of the intervals. */
function endsOf(
  differences: readonly (ItemDifference | null)[],
): Pick<ChangeNumbers, 'low' | 'high' | 'hasIntervals'> {
  return {
    low: differences.map((each) => each?.interval?.[0] ?? null),
    high: differences.map((each) => each?.interval?.[1] ?? null),
    hasIntervals: differences.some((each) => each?.interval != null),
  };
}

/** The differences themselves; null where no item has both sides. */
function meansOf(differences: readonly (ItemDifference | null)[]): Cells {
  return differences.map((each) => (each === null || Number.isNaN(each.mean) ? null : each.mean));
}

interface Changes {
  /** comparison − baseline; clear where it may be claimed, that is, against the control too. */
  readonly change: ChangeNumbers;
  readonly overControl: ChangeNumbers | null;
}

/** Differences of a map's cells with what may be claimed of them. */
function changesOf(
  bootstrap: ItemBootstrap,
  before: CellValues,
  after: CellValues,
  control: CellValues | null,
): Changes {
  const cellsOf = ({ values, items }: CellValues): Cell[] => values.map((value, index) => ({ layer: 0, index, value, perItem: items[index] ?? [] })); // prettier-ignore
  // All three are maps of one shape, so every cell is found and their order stays.
  const { cells } = compareCells(bootstrap, cellsOf(before), cellsOf(after), control && cellsOf(control));
  const numbers = (
    from: CellValues,
    differences: readonly (ItemDifference | null)[],
    clear: boolean[],
  ): ChangeNumbers => ({
    values: after.values.map((value, cell) => (value === null || from.values[cell] == null ? null : value - from.values[cell])), // prettier-ignore
    ...endsOf(differences),
    clear,
  });
  return {
    change: numbers(before, cells.map(({ difference }) => difference), cells.map(isClaimed)), // prettier-ignore
    overControl: control && numbers(control, cells.map(({ againstControl }) => againstControl), cells.map(({ differsFromControl }) => differsFromControl)), // prettier-ignore
  };
}

/** What gold's share of evidence is when attention ignores roles, and each subject's layers against it. */
function chanceOf(
  { items }: MechanismDocument,
  metric: string,
  bootstrap: ItemBootstrap,
  layers: Readonly<Record<'baseline' | 'comparison' | 'control', CellValues | null>>,
): ChanceNumbers | null {
  if (metric !== 'goldShareOfEvidence') return null;
  const measured = layers.baseline?.items.find((row) => row !== undefined);
  // Gold's share of the tokens counts where gold's share of attention does: in items with pieces of both roles.
  const shares = items.map(({ goldTokenShare }, item) => measured?.[item] == null ? null : (goldTokenShare ?? null)); // prettier-ignore
  const value = pooledOver(items, shares);
  if (value === null) return null;
  const over = (cells: CellValues): ChangeNumbers => {
    const differences = cells.items.map((row) => bootstrap.difference(shares, row ?? []));
    return { values: meansOf(differences), ...endsOf(differences), clear: counting(differences) };
  };
  const { baseline, comparison, control } = layers;
  return {
    value,
    over: {
      baseline: over(baseline!),
      comparison: comparison && over(comparison),
      control: control && over(control),
    },
  };
}

function metricFrame(
  { document, baseline, comparison, control }: ChosenSubjects,
  metric: string,
): MetricFrame {
  const { layers, heads } = document.model;
  const bootstrap = new ItemBootstrap(weightsOf(document, metric));
  const cellsOf = (subject: MechanismSubject | null): CellValues | null =>
    subject ? headCells(document, subject, metric) : null;
  const base = headCells(document, baseline, metric);
  const after = cellsOf(comparison);
  const control_ = cellsOf(control);
  const byLayer = {
    baseline: layerCells(base, layers, heads),
    comparison: after && layerCells(after, layers, heads),
    control: control_ && layerCells(control_, layers, heads),
  };
  const changes = after && changesOf(bootstrap, base, after, control_);
  const layerChanges =
    byLayer.comparison && changesOf(bootstrap, byLayer.baseline, byLayer.comparison, byLayer.control);
  const definition = document.definitions[metric.split(':')[0]!] ?? definitions[metric.split(':')[0]!];
  return {
    key: metric,
    baseline: base.values,
    comparison: after?.values ?? null,
    control: control_?.values ?? null,
    change: changes?.change ?? null,
    overControl: changes?.overControl ?? null,
    layers: {
      baseline: levelNumbers(byLayer.baseline, bootstrap),
      comparison: byLayer.comparison && levelNumbers(byLayer.comparison, bootstrap),
      control: byLayer.control && levelNumbers(byLayer.control, bootstrap),
      change: layerChanges?.change ?? null,
    },
    chance: chanceOf(document, metric, bootstrap, byLayer),
    formula: definition?.formula ?? 'not defined in the document',
    unit: definition?.unit.split(/[,;]/)[0] ?? '',
    source: definition?.source ?? 'not given',
  };
}

/** Jensen-Shannon divergence in nats of two loads, each normalised to 1. */
function divergence(a: readonly (number | null)[], b: readonly (number | null)[]): number | null {
  const total = (row: readonly (number | null)[]): number =>
    row.reduce<number>((sum, value) => sum + (value ?? 0), 0);
  const [ta, tb] = [total(a), total(b)];
  if (ta === 0 || tb === 0) return null;
  let sum = 0;
  for (let e = 0; e < a.length; e++) {
    const [p, q] = [(a[e] ?? 0) / ta, (b[e] ?? 0) / tb];
    const m = (p + q) / 2;
    if (p > 0) sum += 0.5 * p * Math.log(p / m);
    if (q > 0) sum += 0.5 * q * Math.log(q / m);
  }
  return Math.max(0, sum);
}

function routingCells(
  subject: MechanismSubject | null,
  layers: readonly number[],
  experts: number,
): CellValues | null {
  // prettier-ignore
  if (!subject || subject.routing.length === 0) return null;
  const rowOf = new Map(layers.map((layer, row) => [layer, row]));
  const values: Cells = new Array<number | null>(layers.length * experts).fill(null);
  const items: CellItems = new Array<undefined>(layers.length * experts).fill(undefined);
  for (const { layer, expert, frequency, perItem } of subject.routing) {
    const row = rowOf.get(layer);
    if (row === undefined) continue;
    values[row * experts + expert] = frequency;
    items[row * experts + expert] = perItem.frequency;
  }
  return { values, items };
}

const groupings = [
  { by: 'agent kind', of: (row: RoutingRow) => row.byKind },
  { by: 'token role', of: (row: RoutingRow) => row.byTokenRole },
  { by: 'evidence role', of: (row: RoutingRow) => row.byEvidenceRole },
] as const;

function routingGroups(
  baseline: MechanismSubject,
  comparison: MechanismSubject | null,
  layers: readonly number[],
  experts: number,
): RoutingGroup[] {
  // prettier-ignore
  const rowOf = new Map(layers.map((layer, row) => [layer, row]));
  return groupings.flatMap(({ by, of }): RoutingGroup[] => {
    const names = [...new Set(baseline.routing.flatMap((row) => Object.keys(of(row))))];
    if (names.length === 0) return [];
    const read = (subject: MechanismSubject): Cells => {
      const values: Cells = new Array<number | null>(layers.length * names.length * experts).fill(null);
      for (const row of subject.routing) {
        const at = rowOf.get(row.layer);
        if (at === undefined) continue;
        const shares: Readonly<Record<string, RoutingShare | undefined>> = of(row);
        names.forEach((name, index) => {
          values[(at * names.length + index) * experts + row.expert] = shares[name]?.frequency ?? null;
        });
      }
      return values;
    };
    const divergences = (values: Cells): Cells =>
      layers.map((_, row) => {
        const strip = (index: number) => values.slice((row * names.length + index) * experts, (row * names.length + index + 1) * experts); // prettier-ignore
        const pairs: (number | null)[] = [];
        for (let a = 0; a < names.length; a++) for (let b = a + 1; b < names.length; b++) pairs.push(divergence(strip(a), strip(b))); // prettier-ignore
        return mean(pairs);
      });
    const before = read(baseline);
    const after = comparison ? read(comparison) : null;
    return [{ by, names, baseline: before, comparison: after, divergenceBaseline: divergences(before), divergenceComparison: after ? divergences(after) : null }]; // prettier-ignore
  });
}

function routerNumbers(subject: MechanismSubject, layers: readonly number[], experts: number): RouterNumbers {
  const byLayer = new Map(subject.routerSummary.map((row) => [row.layer, row]));
  const pick = (read: (row: MechanismSubject['routerSummary'][number]) => number | null): Cells => layers.map((layer) => { const row = byLayer.get(layer); return row ? read(row) : null; }); // prettier-ignore
  return {
    normalizedEntropy: pick(({ routerEntropy }) =>
      routerEntropy === null ? null : routerEntropy / Math.log(experts),
    ),
    gini: pick(({ gini }) => gini),
    maxOverMean: pick(({ maxOverMean }) => maxOverMean),
    effectiveExperts: pick(({ effectiveExperts }) => effectiveExperts),
    saturation: pick(({ saturationAgainstBase }) => saturationAgainstBase),
    kindDivergence: pick((row) => summaryValue(row, 'kindDivergence')),
  };
}

/** Differences of the load's summaries in the order of `layers`. */
function loadChanges(
  document: MechanismDocument,
  layers: readonly number[],
  subjects: Parameters<typeof compareLoad>[1],
): { readonly change: LoadChanges; readonly overControl: LoadChanges | null } {
  const found = compareLoad(document, subjects);
  const changesBy = (
    differenceOf: (cell: CellComparison) => ItemDifference | null,
    isClear: (cell: CellComparison) => boolean,
  ): LoadChanges =>
    Object.fromEntries(
      loadSummaries.map((name) => {
        const cells = layers.map((layer) => found[name].find((cell) => cell.layer === layer));
        const differences = cells.map((cell) => (cell ? differenceOf(cell) : null));
        return [name, { values: meansOf(differences), ...endsOf(differences), clear: cells.map((cell) => cell !== undefined && isClear(cell)) }]; // prettier-ignore
      }),
    ) as unknown as LoadChanges;
  return {
    change: changesBy(({ difference }) => difference, isClaimed),
    overControl:
      subjects.control &&
      changesBy(({ againstControl }) => againstControl, ({ differsFromControl }) => differsFromControl), // prettier-ignore
  };
}

/** The last routing frame of a document: thousands of experts, the same for every metric of the heads. */
const routingFrames = new WeakMap<
  MechanismDocument,
  { of: readonly unknown[]; frame: RoutingFrame | null }
>();

function routingFrame(chosen: ChosenSubjects): RoutingFrame | null {
  const of = [chosen.baseline, chosen.comparison, chosen.control];
  const held = routingFrames.get(chosen.document);
  if (held?.of.every((subject, index) => subject === of[index])) return held.frame;
  const frame = makeRoutingFrame(chosen);
  routingFrames.set(chosen.document, { of, frame });
  return frame;
}

function makeRoutingFrame({ document, baseline, comparison, control }: ChosenSubjects): RoutingFrame | null {
  const { experts, expertsPerToken } = document.model;
  if (experts === null || expertsPerToken === null) return null;
  const layers = [...new Set(baseline.routing.map(({ layer }) => layer))].sort((a, b) => a - b);
  const base = routingCells(baseline, layers, experts);
  if (!base) return null;
  const after = routingCells(comparison, layers, experts);
  const control_ = routingCells(control, layers, experts);
  const bootstrap = new ItemBootstrap(weightsOf(document, 'frequency'));
  const changes = after && changesOf(bootstrap, base, after, control_);
  const tested = after && comparison && loadChanges(document, layers, { baseline, comparison, control });
  const strip = (values: Cells, row: number): Cells => values.slice(row * experts, (row + 1) * experts);
  const numbers = (subject: MechanismSubject | null): RouterNumbers | null => subject && subject.routing.length > 0 ? routerNumbers(subject, layers, experts) : null; // prettier-ignore
  return {
    layers,
    experts,
    perToken: expertsPerToken,
    baseline: base.values,
    comparison: after?.values ?? null,
    control: control_?.values ?? null,
    change: changes?.change ?? null,
    overControl: changes?.overControl ?? null,
    divergence: after
      ? layers.map((_, row) => divergence(strip(base.values, row), strip(after.values, row)))
      : null,
    groups: routingGroups(baseline, after ? comparison : null, layers, experts),
    summary: {
      baseline: routerNumbers(baseline, layers, experts),
      comparison: numbers(comparison),
      control: numbers(control),
      change: tested?.change ?? null,
      overControl: tested?.overControl ?? null,
    },
  };
}

function perLayer(document: MechanismDocument, subject: MechanismSubject, metric: AttentionStatistic): Cells {
  const { layers, heads } = document.model;
  return layerCells(headCells(document, subject, metric), layers, heads).values;
}

function spectrumOf({ document, baseline, comparison }: ChosenSubjects): MechanismFrame['spectrum'] {
  const { layers } = document.model;
  const bins = Math.max(0, ...baseline.attention.map(({ distanceHistogram }) => distanceHistogram.length));
  if (bins === 0) return null;
  const read = (subject: MechanismSubject): Cells => {
    const sums = new Float64Array(layers * bins);
    const counts = new Float64Array(layers);
    for (const { layer, distanceHistogram } of subject.attention) {
      if (distanceHistogram.length === 0) continue;
      counts[layer]! += 1;
      distanceHistogram.forEach((share, bin) => {
        if (bin < bins) sums[layer * bins + bin]! += share;
      });
    }
    return Array.from(sums, (sum, at) => (counts[Math.floor(at / bins)]! > 0 ? sum / counts[Math.floor(at / bins)]! : null)); // prettier-ignore
  };
  return { bins, baseline: read(baseline), comparison: comparison ? read(comparison) : null };
}

/** Words that trace the numbers: document, data, run. */
export function footerOf(summary: DocumentSummary, document: MechanismDocument): string {
  const { program, codeVersion, adapter } = document.run;
  const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
  const version = text(program) ?? text(codeVersion);
  // The engine's facts, or whatever name another program wrote.
  const facts =
    typeof adapter === 'object' && adapter !== null ? (adapter as Readonly<Record<string, unknown>>) : {};
  const device =
    text(adapter) ?? text(facts['description']) ?? text(facts['device']) ?? text(facts['vendor']);
  return [
    `${summary.name} #${summary.id.slice(0, 8)}`,
    `model ${document.model.name}`,
    `items ${summary.itemsHash.slice(0, 8)}`,
    version,
    device === null ? null : `computed on ${device}`,
    summary.isPartial ? 'still measuring' : null,
  ]
    .filter((part) => part !== null)
    .join(' · ');
}

/** Everything the charts of a pair of subjects are made from. */
export function makeFrame(chosen: ChosenSubjects, request: FrameRequest): MechanismFrame {
  const { document, summary, baseline, comparison, control, problem } = chosen;
  const metrics = metricsOf(document, baseline);
  const thresholds = thresholdsOf(document, baseline);
  const isKnown =
    metrics.includes(request.metric) ||
    thresholds.some((threshold) => request.metric === `longRangeMass:${threshold}`);
  const metric = isKnown ? request.metric : (metrics[0] ?? 'meanDistance');
  const distance = mean(perLayer(document, baseline, 'meanDistance'));
  const sink = mean(perLayer(document, baseline, 'sinkMass'));
  const length = mean(document.items.map(({ tokens }) => tokens)) ?? 0;
  // A key of the sink lies about as far back as the item is long.
  const sinkShare =
    distance !== null && sink !== null && distance > 0 ? Math.min(1, (sink * length) / distance) : null;
  return {
    document: summary,
    baseline: baseline.name,
    comparison: comparison?.name ?? null,
    control: control?.name ?? null,
    problem,
    layers: document.model.layers,
    heads: document.model.heads,
    metric: metricFrame(chosen, metric),
    metrics,
    thresholds,
    sinkWarning: sinkShare !== null && sinkShare > 0.5 ? sinkShare : null,
    spectrum: spectrumOf(chosen),
    composition: [baseline, ...(comparison ? [comparison] : [])].map((subject) => ({
      name: subject.name,
      sink: perLayer(document, subject, 'sinkMass'),
      gold: perLayer(document, subject, 'goldMass'),
      distractor: perLayer(document, subject, 'distractorMass'),
    })),
    goldShare: mean(document.items.map(({ goldContextShare }) => goldContextShare ?? null)),
    items: document.items.map(({ id, hash, kind, tokens, queryTokens }) => ({
      id,
      hash,
      kind,
      tokens,
      queryTokens,
    })),
    routing: routingFrame(chosen),
    footer: footerOf(summary, document),
  };
}

/** Mean of the rows of a [layers, heads, width] array that the selection takes. */
function selected(
  values: readonly number[],
  layers: number,
  heads: number,
  width: number,
  layer: number | null,
  head: number | null,
): number[] | null {
  // prettier-ignore
  if (values.length !== layers * heads * width) return null;
  const out = new Array<number>(width).fill(0);
  let count = 0;
  for (let l = 0; l < layers; l++) {
    if (layer !== null && l !== layer) continue;
    for (let h = 0; h < heads; h++) {
      if (head !== null && heads > 1 && h !== head) continue;
      count++;
      for (let at = 0; at < width; at++) out[at]! += values[(l * heads + h) * width + at] ?? 0;
    }
  }
  return count === 0 ? null : out.map((sum) => sum / count);
}

/** Attention of one item along its tokens, and on each of its pieces. */
export function makeTrack(
  { document, baseline, comparison }: ChosenSubjects,
  request: TrackRequest,
): TrackFrame | null {
  // prettier-ignore
  const { itemIndex, layer, head } = request;
  const item = document.items[itemIndex];
  if (!item) return null;
  const { layers, heads } = document.model;
  const density = (subject: MechanismSubject | null): number[] | null => {
    const held = subject?.density;
    const values = held?.values[itemIndex];
    if (!held || !values) return null;
    return selected(values, layers, held.perHead ? heads : 1, held.bins, layer, held.perHead ? head : null);
  };
  const pieceCount = item.evidence.length;
  const side = (
    subject: MechanismSubject | null,
    piece: number,
  ): { share: number; low: number; high: number } | null => {
    const values = subject?.evidenceMass[itemIndex];
    if (!values || values.length !== layers * heads * pieceCount) return null;
    const shares: number[] = [];
    for (let l = 0; l < layers; l++) {
      if (layer !== null && l !== layer) continue;
      for (let h = 0; h < heads; h++) {
        if (head !== null && h !== head) continue;
        shares.push(values[(l * heads + h) * pieceCount + piece]!);
      }
    }
    const share = mean(shares) ?? 0;
    const variance =
      shares.reduce((sum, value) => sum + (value - share) ** 2, 0) / Math.max(1, shares.length - 1);
    const half = shares.length > 1 ? 1.96 * Math.sqrt(variance / shares.length) : 0;
    return { share, low: Math.max(0, share - half), high: share + half };
  };
  const isPerHead = baseline.density?.perHead ?? true;
  return {
    item: item.id,
    kind: item.kind,
    tokens: item.tokens,
    pieces: item.evidence.map(({ id, title, role, start, end }) => ({
      id,
      title: title ?? '',
      role,
      start,
      end,
    })),
    roles: item.roles,
    baseline: density(baseline),
    comparison: density(comparison),
    heads: layer === null ? 'mean over all layers and heads' : head === null ? `layer ${layer}, mean over heads` : isPerHead ? `head L${layer}·H${head}` : `layer ${layer}, mean over heads (single heads were not kept)`, // prettier-ignore
    lifts: item.evidence.map(({ id, role, start, end }, piece) => ({
      id,
      role,
      tokenShare: (end - start) / Math.max(1, item.tokens),
      baseline: side(baseline, piece),
      comparison: side(comparison, piece),
    })),
  };
}

export function makePairs(
  document: MechanismDocument,
  subject: MechanismSubject,
  layer: number,
): PairsFrame | null {
  const row = subject.routerSummary.find((each) => each.layer === layer);
  if (!row || row.coActivation.length === 0) return null;
  return { subject: subject.name, layer, experts: document.model.experts ?? 0, allPairs: row.coActivation, rankAdjacent: row.coActivationRankAdjacent }; // prettier-ignore
}

/** One layer over all subjects, checkpoints in the order of their steps. */
export function makeFilmstrip(document: MechanismDocument, layer: number, metric: string): FilmstripFrame {
  const { heads, experts } = document.model;
  const inOrder = document.subjects
    .map((subject, index) => ({ subject, index }))
    .sort((a, b) => (a.subject.step ?? (a.subject.kind === 'base' ? -1 : Infinity)) - (b.subject.step ?? (b.subject.kind === 'base' ? -1 : Infinity)) || a.index - b.index); // prettier-ignore
  return {
    layer,
    frames: inOrder.map(({ subject }) => {
      const load: Cells = new Array<number | null>(experts ?? 0).fill(null);
      for (const row of subject.routing) if (row.layer === layer) load[row.expert] = row.frequency;
      return { name: subject.name, step: subject.step ?? null, experts: load, heads: headCells(document, subject, metric).values.slice(layer * heads, (layer + 1) * heads) }; // prettier-ignore
    }),
  };
}
