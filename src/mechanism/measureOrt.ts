import { assert } from '../core/assert.ts';
import { headNumbers } from '../gpu/kernels/attentionStatistics.ts';
import { queryBit, queryClass, routingClasses } from '../gpu/kernels/routingStatistics.ts';
import type { ModelConfig } from '../model/config.ts';
import type { OrtModel } from '../model/ort/host.ts';
import { copySteps, queryPositions, tokensIn, type MeasuredItem } from './items.ts';
import {
  classesOf,
  measureEach,
  sampleOf,
  type ItemHandlers,
  type ItemMeasurement,
  type MeasureHandlers,
  type SubjectMeasurement,
} from './measure.ts';
import type { MechanismOptions } from './plan.ts';
import { planSegments, type Segments } from './segments.ts';

/** What a query row needs to know of its item. */
interface RowContext {
  readonly item: MeasuredItem;
  readonly gold: Uint8Array;
  readonly segments: Segments | null;
  readonly sinkTokens: number;
  readonly isMeasured: ReadonlySet<number>;
  readonly isCopy: ReadonlySet<number>;
}

/** Adds the weights p of the query at `own` to a head's sums, as shaders/mechanism/attention_statistics* does. */
function addRow(
  context: RowContext,
  p: Float32Array,
  own: number,
  window: number,
  sums: Float64Array,
  at: number,
): void {
  const { item, gold, segments, sinkTokens } = context;
  const first = window > 0 ? Math.max(0, own + 1 - window) : 0;
  if (segments && context.isCopy.has(own)) {
    let best = first;
    for (let j = first + 1; j <= own; j++) if (p[j]! > p[best]!) best = j;
    if (gold[best] && item.ids[best] === item.ids[own + 1]) sums[at + 6]! += 1;
  }
  if (!context.isMeasured.has(own)) return;
  let total = 0;
  let far = 0;
  let surprise = 0;
  let beyond = 0;
  let beyondFar = 0;
  let goldMass = 0;
  for (let j = first; j <= own; j++) {
    const mass = p[j]!;
    if (mass === 0) continue;
    total += mass;
    far += mass * (own - j);
    surprise -= mass * Math.log(mass);
    if (gold[j]) goldMass += mass;
    if (j >= sinkTokens) {
      beyond += mass;
      beyondFar += mass * (own - j);
    }
  }
  total = Math.max(total, 1e-30);
  const distance = far / total;
  const entropy = surprise / total + Math.log(total);
  const visible = window > 0 ? Math.min(own + 1, window) : own + 1;
  const normalized = entropy / Math.log(Math.max(visible, 2));
  const relative = distance / Math.max(own, 1);
  if (!segments) {
    [distance, relative, entropy, normalized, goldMass / total, 1].forEach(
      (value, n) => (sums[at + n]! += value),
    );
    return;
  }
  sums[at]! += distance;
  if (beyond > 0) sums[at + 1]! += beyondFar / beyond;
  sums[at + 2]! += relative;
  sums[at + 3]! += entropy;
  sums[at + 4]! += normalized;
  if (beyond > 0) sums[at + 5]! += 1;
  sums[at + 7]! += 1;
  const { positions, distances } = segments;
  const positionAt = at + headNumbers;
  const distanceAt = positionAt + positions.length;
  let position = 0;
  let nearest = distances.length - 1;
  for (let j = first; j <= own; j++) {
    while (position + 1 < positions.length && positions[position + 1]! <= j) position++;
    while (nearest > 0 && distances[nearest]! > own - j) nearest--;
    const mass = p[j]! / total;
    sums[positionAt + position]! += mass;
    sums[distanceAt + nearest]! += mass;
  }
}

/** What the router of one layer chose over an item. */
class LayerRouting {
  readonly sums: Float64Array;
  readonly choices: number[] = [];
  entropy = 0;

  constructor(
    private readonly moe: NonNullable<ModelConfig['moe']>,
    private readonly pairs: Uint32Array,
  ) {
    this.sums = new Float64Array(routingClasses * moe.numExperts * 2);
  }

  /** One token: its scores of all experts, its class, and whether its choices are kept. */
  add(scores: Float32Array, tokenClass: number, isSampled: boolean): void {
    const { numExperts, numExpertsPerTok, normTopkProb } = this.moe;
    let peak = -Infinity;
    for (const score of scores) peak = Math.max(peak, score);
    let total = 0;
    let product = 0;
    for (const score of scores) {
      total += Math.exp(score - peak);
      product += Math.exp(score - peak) * (score - peak);
    }
    // Falling gate, lower experts first among equals.
    const chosen = Array.from(scores.keys())
      .sort((a, b) => scores[b]! - scores[a]! || a - b)
      .slice(0, numExpertsPerTok);
    const gates = chosen.map((expert) => Math.exp(scores[expert]! - peak) / total);
    const held = normTopkProb ? gates.reduce((sum, gate) => sum + gate, 0) : 1;
    const isQuery = (tokenClass & queryBit) !== 0;
    const classes = isQuery ? [tokenClass & 7, queryClass] : [tokenClass & 7];
    chosen.forEach((expert, n) => {
      for (const c of classes) {
        this.sums[(c * numExperts + expert) * 2]! += 1;
        this.sums[(c * numExperts + expert) * 2 + 1]! += gates[n]! / held;
      }
    });
    if (isSampled) this.choices.push(...chosen);
    if (!isQuery) return;
    this.entropy += Math.log(total) - product / total;
    const square = numExperts ** 2;
    chosen.forEach((a, i) =>
      chosen.forEach((b, j) => {
        this.pairs[a * numExperts + b]! += 1;
        if (Math.abs(i - j) < 2) this.pairs[square + a * numExperts + b]! += 1;
      }),
    );
  }
}

async function measureItem(
  model: OrtModel,
  item: MeasuredItem,
  options: MechanismOptions,
  pairs: readonly (Uint32Array | null)[],
  handlers: ItemHandlers,
): Promise<ItemMeasurement> {
  const { config } = model.checkpoint;
  const { numAttentionHeads: heads } = config;
  const isFull = options.statistics === 'full';
  const positions = queryPositions(item, options.queries);
  const copies = isFull ? copySteps(item) : [];
  const segments = isFull ? planSegments(item, options) : null;
  const width = headNumbers + (segments ? segments.positions.length + segments.distances.length : 0);
  const context: RowContext = {
    item,
    gold: tokensIn(item, 'gold'),
    segments,
    sinkTokens: options.sinkTokens,
    isMeasured: new Set(positions),
    isCopy: new Set(copies),
  };
  const listed = [...new Set([...positions, ...copies])].sort((a, b) => a - b);
  const classes = classesOf(item, positions);
  const sampled = new Set(sampleOf(positions));
  const sums = config.layers.map(() => new Float64Array(heads * width));
  const routing = config.layers.map((layer, index) =>
    layer.mlp === 'moe' ? new LayerRouting(config.moe!, pairs[index]!) : null,
  );
  const routers = routing.flatMap((layer, index) => (layer ? [`router_${index}`] : []));
  const weights = config.layers.map((_, index) => `attention_weights_${index}`);
  const queriesIn = (first: number, count: number): number[] =>
    listed.filter((t) => t >= first && t < first + count);
  model.reset();
  await model.prefill(
    item.ids,
    (first, count) => (queriesIn(first, count).length > 0 ? [...routers, ...weights] : routers),
    {
      ...(handlers.signal ? { signal: handlers.signal } : {}),
      onProgress: handlers.onProgress,
      onChunk: (outputs, first, count) => {
        const total = first + count;
        const queries = queriesIn(first, count);
        config.layers.forEach(({ slidingWindow }, layer) => {
          const p = outputs[`attention_weights_${layer}`];
          if (p) {
            for (const own of queries) {
              for (let head = 0; head < heads; head++) {
                const at = (head * count + own - first) * total;
                addRow(
                  context,
                  p.subarray(at, at + total),
                  own,
                  slidingWindow ?? 0,
                  sums[layer]!,
                  head * width,
                );
              }
            }
          }
          const scores = outputs[`router_${layer}`];
          const own = routing[layer];
          if (!scores || !own) return;
          const { numExperts } = config.moe!;
          for (let t = 0; t < count; t++) {
            const row = scores.subarray(t * numExperts, (t + 1) * numExperts);
            own.add(row, classes[first + t]!, sampled.has(first + t));
          }
        });
      },
    },
  );
  return {
    item,
    queryTokens: positions.length,
    copySteps: copies.length,
    segments,
    attention: sums.map((values) => Float32Array.from(values)),
    width,
    routing: routing.map(
      (layer) =>
        layer && {
          sums: Float32Array.from(layer.sums),
          entropy: layer.entropy,
          choices: Uint16Array.from(layer.choices),
        },
    ),
  };
}

/**
 * `measureMechanism` from what an ONNX graph gives out: the attention weights of a chunk of tokens at a time, all layers.
 * Heap grows with chunk × length; the model must have been loaded for measuring. The conversation is lost.
 */
export async function measureOrtMechanism(
  model: OrtModel,
  items: readonly MeasuredItem[],
  options: MechanismOptions,
  handlers: MeasureHandlers = {},
): Promise<SubjectMeasurement> {
  const { config } = model.checkpoint;
  assert(items.length > 0, 'there is nothing to measure');
  const square = 2 * (config.moe?.numExperts ?? 0) ** 2;
  const pairs = config.layers.map(({ mlp }) => (mlp === 'moe' ? new Uint32Array(square) : null));
  const done = await measureEach(items, handlers, (item, itemHandlers) =>
    measureItem(model, item, options, pairs, itemHandlers),
  );
  model.reset();
  return { config, options, items: done, pairs };
}
