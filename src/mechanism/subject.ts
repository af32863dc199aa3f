import { InputError } from '../core/errors.ts';
import { headNumbers } from '../gpu/kernels/attentionStatistics.ts';
import { queryClass } from '../gpu/kernels/routingStatistics.ts';
import type {
  AttentionRow,
  AttentionStatistic,
  MechanismSubject,
  PieceRole,
  PositionalDensity,
  RouterSummary,
  RoutingRow,
  RoutingShare,
  SubjectKind,
  TokenRole,
} from './document.ts';
import { expertLoad, jensenShannon } from './load.ts';
import { tokenClasses, type ItemMeasurement, type SubjectMeasurement } from './measure.ts';
import { binStart, histogramBins, massWithin } from './segments.ts';

/** Who was measured. */
export interface SubjectName {
  readonly name: string;
  readonly kind: SubjectKind;
  readonly adapterSha256?: string;
  readonly step?: number;
}

/** Densities of all heads are kept up to this many numbers; beyond it their mean by layer. */
const mostDensityNumbers = 2_000_000;

/** Seven significant digits: more than f32 sums hold, and a third of the characters. */
function rounded(value: number): number {
  return Number(value.toPrecision(7));
}

const roundedOrNull = (value: number | null): number | null => (value === null ? null : rounded(value));

/** Sum and the number it is divided by, of one statistic on one item; null where the item has none. */
interface Part {
  readonly sum: number;
  readonly count: number;
}

/** The parts of every statistic of one head on one item. */
type HeadParts = Readonly<Record<AttentionStatistic, Part | null>>;

/** An item with the position segments that lie in its pieces of each role; null without such pieces. */
interface PlacedItem {
  readonly m: ItemMeasurement;
  readonly gold: readonly number[] | null;
  readonly distractor: readonly number[] | null;
}

function place(m: ItemMeasurement): PlacedItem {
  const of = (role: PieceRole): number[] | null => {
    const pieces = m.item.evidence.filter((piece) => piece.role === role);
    if (pieces.length === 0) return null;
    return (m.segments?.positions ?? []).flatMap((start, s) =>
      pieces.some((piece) => start >= piece.start && start < piece.end) ? [s] : [],
    );
  };
  return { m, gold: of('gold'), distractor: of('distractor') };
}

function fullParts(placed: PlacedItem, layer: number, head: number, sinkTokens: number): HeadParts {
  const { m } = placed;
  const sums = m.attention[layer]!;
  const at = head * m.width;
  const { positions } = m.segments!;
  const count = sums[at + 7]!;
  const of = (column: number): Part => ({ sum: sums[at + column]!, count });
  const ofSegments = (segments: readonly number[] | null): Part | null =>
    segments && { sum: segments.reduce((sum, s) => sum + sums[at + headNumbers + s]!, 0), count };
  return {
    meanDistance: of(0),
    sinkExcludedDistance: { sum: sums[at + 1]!, count: sums[at + 5]! },
    relativeDistance: of(2),
    entropy: of(3),
    normalizedEntropy: of(4),
    sinkMass: { sum: massWithin(sums, at + headNumbers, positions, 0, sinkTokens), count },
    goldMass: ofSegments(placed.gold),
    distractorMass: ofSegments(placed.distractor),
    retrievalScore: m.copySteps > 0 ? { sum: sums[at + 6]!, count: m.copySteps } : null,
  };
}

function coreParts({ m, gold }: PlacedItem, layer: number, head: number): HeadParts {
  const sums = m.attention[layer]!;
  const at = head * m.width;
  const of = (column: number): Part => ({ sum: sums[at + column]!, count: sums[at + 5]! });
  return {
    meanDistance: of(0),
    sinkExcludedDistance: null,
    relativeDistance: of(1),
    entropy: of(2),
    normalizedEntropy: of(3),
    sinkMass: null,
    goldMass: gold && of(4),
    distractorMass: null,
    retrievalScore: null,
  };
}

/** Pooled over the query tokens of all items that have the statistic. */
function pooled(parts: readonly (Part | null)[]): number | null {
  let sum = 0;
  let count = 0;
  for (const part of parts) {
    sum += part?.sum ?? 0;
    count += part?.count ?? 0;
  }
  return count > 0 ? rounded(sum / count) : null;
}

function attentionRow(
  measured: SubjectMeasurement,
  placed: readonly PlacedItem[],
  layer: number,
  head: number,
): AttentionRow {
  const { items, options } = measured;
  const isFull = options.statistics === 'full';
  const parts = placed.map((item) =>
    isFull ? fullParts(item, layer, head, options.sinkTokens) : coreParts(item, layer, head),
  );
  const row = (name: AttentionStatistic): number | null => pooled(parts.map((part) => part[name]));
  const perItem = (name: AttentionStatistic): (number | null)[] => parts.map((part) => pooled([part[name]]));
  const names = Object.keys(parts[0]!) as AttentionStatistic[];
  const values = Object.fromEntries(names.map((name) => [name, row(name)])) as Record<
    AttentionStatistic,
    number | null
  >;
  const total = items.reduce((sum, { queryTokens }) => sum + queryTokens, 0);
  /** Mass of one item at distances [from, to). */
  const massOf = (m: ItemMeasurement, from: number, to: number): number => {
    const at = head * m.width + headNumbers + m.segments!.positions.length;
    return massWithin(m.attention[layer]!, at, m.segments!.distances, from, to);
  };
  const between = (from: number, to: number): number =>
    rounded(items.reduce((sum, m) => sum + massOf(m, from, to), 0) / total);
  const farOf = (m: ItemMeasurement, threshold: number): number | null =>
    pooled([{ sum: massOf(m, threshold + 1, Infinity), count: m.queryTokens }]);
  const bins = Math.max(...items.map(({ item }) => histogramBins(item.ids.length)));
  return {
    layer,
    head,
    ...values,
    longRangeMass: isFull ? options.thresholds.map((t) => between(t + 1, Infinity)) : [],
    distanceHistogram: isFull
      ? Array.from({ length: bins }, (_, b) => (b === 0 ? between(0, 1) : between(2 ** (b - 1), 2 ** b)))
      : [],
    perItem: {
      ...Object.fromEntries(
        names.filter((name) => values[name] !== null).map((name) => [name, perItem(name)]),
      ),
      ...(isFull ? { longRangeMass: options.thresholds.map((t) => items.map((m) => farOf(m, t))) } : {}),
    },
  };
}

/** [layers, heads, pieces] of one item. */
function evidenceMass(m: ItemMeasurement, heads: number): number[] {
  return m.attention.flatMap((sums) =>
    Array.from({ length: heads }, (_, head) =>
      m.item.evidence.map(({ start, end }) =>
        rounded(
          massWithin(sums, head * m.width + headNumbers, m.segments!.positions, start, end) / m.queryTokens,
        ),
      ),
    ).flat(),
  );
}

function densityOf(measured: SubjectMeasurement): PositionalDensity | null {
  const { items, options, config } = measured;
  const { bins } = options;
  const heads = config.numAttentionHeads;
  if (options.statistics === 'core' || bins === 0) return null;
  const perHead = config.numHiddenLayers * heads * bins * items.length <= mostDensityNumbers;
  const values = items.map((m) => {
    const tokens = m.item.ids.length;
    return m.attention.flatMap((sums) => {
      const rows = Array.from({ length: heads }, (_, head) =>
        Array.from({ length: bins }, (_, b) => {
          const [from, to] = [binStart(b, bins, tokens), binStart(b + 1, bins, tokens)];
          const at = head * m.width + headNumbers;
          return massWithin(sums, at, m.segments!.positions, from, to) / m.queryTokens;
        }),
      );
      const kept = perHead
        ? rows
        : [rows[0]!.map((_, b) => rows.reduce((sum, row) => sum + row[b]!, 0) / heads)];
      return kept.flat().map(rounded);
    });
  });
  return { bins, perHead, values };
}

/** Times chosen and Σ gate of one expert over some classes, with the number of tokens in them. */
interface Choices {
  chosen: number;
  gate: number;
  tokens: number;
}

const classIndex = Object.fromEntries(tokenClasses.map((name, index) => [name, index])) as Record<
  (typeof tokenClasses)[number],
  number
>;
const classesOfRole: Readonly<Record<TokenRole, readonly number[]>> = {
  template: [classIndex.template],
  context: [classIndex.context, classIndex.gold, classIndex.distractor],
  question: [classIndex.question],
  rationale: [classIndex.rationale],
  answer: [classIndex.answer],
};

function routingRows(measured: SubjectMeasurement, layer: number): RoutingRow[] {
  const { items, config } = measured;
  const { numExperts, numExpertsPerTok } = config.moe!;
  /** Tokens of each class by item, from the choices themselves: every token chooses k experts. */
  const tokens = items.map((m) => {
    const sums = m.routing[layer]!.sums;
    return Array.from({ length: queryClass + 1 }, (_, c) => {
      let chosen = 0;
      for (let e = 0; e < numExperts; e++) chosen += sums[(c * numExperts + e) * 2]!;
      return Math.round(chosen / numExpertsPerTok);
    });
  });
  const kinds = [...new Set(items.map(({ item }) => item.kind))];
  const roles = Object.keys(classesOfRole) as TokenRole[];
  return Array.from({ length: numExperts }, (_, expert) => {
    const over = (classes: readonly number[], kind?: string): Choices => {
      const total: Choices = { chosen: 0, gate: 0, tokens: 0 };
      items.forEach((m, index) => {
        if (kind !== undefined && m.item.kind !== kind) return;
        for (const c of classes) {
          const at = (c * numExperts + expert) * 2;
          total.chosen += m.routing[layer]!.sums[at]!;
          total.gate += m.routing[layer]!.sums[at + 1]!;
          total.tokens += tokens[index]![c]!;
        }
      });
      return total;
    };
    const share = ({ chosen, gate, tokens: count }: Choices): RoutingShare => ({
      frequency: count > 0 ? rounded(chosen / count) : null,
      weight: count > 0 ? rounded(gate / count) : null,
    });
    const all = share(over([queryClass]));
    const perItem = items.map((m, index) => {
      const at = (queryClass * numExperts + expert) * 2;
      const sums = m.routing[layer]!.sums;
      return share({ chosen: sums[at]!, gate: sums[at + 1]!, tokens: tokens[index]![queryClass]! });
    });
    return {
      layer,
      expert,
      frequency: all.frequency ?? 0,
      weight: all.weight ?? 0,
      perItem: {
        frequency: perItem.map(({ frequency }) => frequency),
        weight: perItem.map(({ weight }) => weight),
      },
      byKind: Object.fromEntries(kinds.map((kind) => [kind, share(over([queryClass], kind))])),
      byTokenRole: Object.fromEntries(roles.map((role) => [role, share(over(classesOfRole[role]))])),
      byEvidenceRole: {
        gold: share(over([classIndex.gold])),
        distractor: share(over([classIndex.distractor])),
      },
    };
  });
}

/** mean over sampled query tokens of |TopK ∩ TopK of the base| / k; null where the base lacks the layer. */
function saturation(measured: SubjectMeasurement, base: SubjectMeasurement, layer: number): number | null {
  const k = measured.config.moe!.numExpertsPerTok;
  let shared = 0;
  let choices = 0;
  measured.items.forEach((m, index) => {
    const own = m.routing[layer]!.choices;
    const other = base.items[index]?.routing[layer]?.choices;
    if (!other || other.length !== own.length) return;
    for (let at = 0; at < own.length; at += k) {
      const before = other.subarray(at, at + k);
      for (let j = 0; j < k; j++) if (before.includes(own[at + j]!)) shared++;
    }
    choices += own.length;
  });
  return choices > 0 ? rounded(shared / choices) : null;
}

function routerSummary(
  measured: SubjectMeasurement,
  layer: number,
  rows: readonly RoutingRow[],
  base: SubjectMeasurement | null,
): RouterSummary {
  const { items, config } = measured;
  const { numExperts } = config.moe!;
  const load = expertLoad(rows.map(({ frequency }) => frequency));
  const queries = items.reduce((sum, { queryTokens }) => sum + queryTokens, 0);
  const entropy = items.reduce((sum, m) => sum + m.routing[layer]!.entropy, 0);
  const pairs = measured.pairs[layer]!;
  const square = (part: number): number[] =>
    Array.from(pairs.subarray(part * numExperts ** 2, (part + 1) * numExperts ** 2), (count) =>
      rounded(count / queries),
    );
  const kinds = Object.keys(rows[0]!.byKind).sort();
  const divergence: { a: string; b: string; value: number }[] = [];
  kinds.forEach((a, index) => {
    for (const b of kinds.slice(index + 1)) {
      const of = (kind: string): number[] => rows.map(({ byKind }) => byKind[kind]?.frequency ?? 0);
      const value = jensenShannon(of(a), of(b));
      if (value !== null) divergence.push({ a, b, value: rounded(value) });
    }
  });
  return {
    layer,
    gini: rounded(load.gini),
    maxOverMean: rounded(load.maxOverMean),
    effectiveExperts: rounded(load.effectiveExperts),
    routerEntropy: queries > 0 ? rounded(entropy / queries) : null,
    saturationAgainstBase: base && roundedOrNull(saturation(measured, base, layer)),
    kindDivergence: divergence,
    coActivation: square(0),
    coActivationRankAdjacent: square(1),
  };
}

/** Throws unless two subjects were measured on identical tokens. */
function checkSameItems(base: SubjectMeasurement, other: SubjectMeasurement, name: string): void {
  const differs = base.items.findIndex((m, index) => m.item.hash !== other.items[index]?.item.hash);
  if (differs < 0 && base.items.length === other.items.length) return;
  throw new InputError('different-tokens', `"${name}" was measured on other tokens than the base`, {
    where: base.items[differs]?.item.id ?? 'the list of items',
    expected: `${base.items.length} items of equal hash`,
    actual: `${other.items.length} items`,
    advice: 'use one tokenizer, chat template and data file for all subjects',
  });
}

/**
 * The subject of a document from what was measured. `base` is the measurement of the base on the same items (for the
 * saturation); throws `InputError` when its tokens differ.
 */
export function subjectOf(
  name: SubjectName,
  measured: SubjectMeasurement,
  base: SubjectMeasurement | null = null,
): MechanismSubject {
  const { config, options, items } = measured;
  if (base) checkSameItems(base, measured, name.name);
  const layers = config.layers.map((_, layer) => layer);
  const heads = Array.from({ length: config.numAttentionHeads }, (_, head) => head);
  const placed = items.map(place);
  const routing: RoutingRow[] = [];
  const summaries: RouterSummary[] = [];
  for (const layer of layers) {
    if (!measured.pairs[layer]) continue;
    const rows = routingRows(measured, layer);
    routing.push(...rows);
    summaries.push(routerSummary(measured, layer, rows, base));
  }
  return {
    ...name,
    attention: layers.flatMap((layer) => heads.map((head) => attentionRow(measured, placed, layer, head))),
    routing,
    routerSummary: summaries,
    evidenceMass: options.statistics === 'full' ? items.map((m) => evidenceMass(m, heads.length)) : [],
    density: densityOf(measured),
  };
}
