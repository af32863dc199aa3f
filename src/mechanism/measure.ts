import { assert } from '../core/assert.ts';
import { InputError, throwIfCancelled } from '../core/errors.ts';
import type { BufferRange } from '../gpu/buffers.ts';
import {
  attentionStatistics,
  headNumbers,
  queryCopies,
  queryMeasured,
  sumAttentionRows,
} from '../gpu/kernels/attentionStatistics.ts';
import { queryBit, routingClasses, routingStatistics } from '../gpu/kernels/routingStatistics.ts';
import type { KernelSink } from '../gpu/kernel.ts';
import type { ModelConfig } from '../model/config.ts';
import type { ForwardHooks } from '../model/forward.ts';
import type { ModelSession } from '../model/session.ts';
import type { TokenRole } from './document.ts';
import { copySteps, queryPositions, tokensIn, type MeasuredItem } from './items.ts';
import {
  buffersOf,
  checkFits,
  createMechanismBuffers,
  planMechanism,
  sizesOf,
  type MechanismBuffers,
  type MechanismOptions,
} from './plan.ts';
import { planSegments, type Segments } from './segments.ts';

/** Classes that tokens are counted in apart; class 7 are the query tokens again. */
export const tokenClasses = [
  'template',
  'context',
  'gold',
  'distractor',
  'question',
  'rationale',
  'answer',
] as const;

/** Sums over one item on one subject, as they come from the GPU. */
export interface ItemMeasurement {
  readonly item: MeasuredItem;
  readonly queryTokens: number;
  readonly copySteps: number;
  /** null with `core` statistics. */
  readonly segments: Segments | null;
  /** By layer: f32 [H, width] (`QueryStatistics.sums`, or `sumAttentionRows` with `core`). */
  readonly attention: readonly Float32Array[];
  /** Numbers of a row of `attention`. */
  readonly width: number;
  /** By layer, null for dense ones. */
  readonly routing: readonly (ItemRouting | null)[];
}

interface ItemRouting {
  /** f32 [8, E, 2]: times chosen and Σ gate by class. */
  readonly sums: Float32Array;
  /** Σ router entropy over the query tokens. */
  readonly entropy: number;
  /** [sampled queries, k]: the chosen experts of `sampleOf` query tokens, by falling gate. */
  readonly choices: Uint16Array;
}

/** What one subject measured over all items. */
export interface SubjectMeasurement {
  readonly config: ModelConfig;
  readonly options: MechanismOptions;
  readonly items: readonly ItemMeasurement[];
  /** By layer, null for dense ones: u32 [2, E, E] over all items. */
  readonly pairs: readonly (Uint32Array | null)[];
}

export interface MeasureHandlers {
  readonly signal?: AbortSignal;
  readonly onItem?: (measurement: ItemMeasurement, done: number, total: number) => void;
  readonly onProgress?: (doneTokens: number, totalTokens: number) => void;
  readonly onKernels?: (done: number, total: number) => void;
}

/** What measuring one item reports: tokens of that item. */
export interface ItemHandlers extends Pick<MeasureHandlers, 'signal'> {
  readonly onProgress: (doneTokens: number) => void;
}

/** Measures items one after another, whatever measures one, and reports tokens of all. */
export async function measureEach(
  items: readonly MeasuredItem[],
  handlers: MeasureHandlers,
  measureOne: (item: MeasuredItem, handlers: ItemHandlers) => Promise<ItemMeasurement>,
): Promise<ItemMeasurement[]> {
  const total = items.reduce((sum, { ids }) => sum + ids.length, 0);
  const done: ItemMeasurement[] = [];
  let doneTokens = 0;
  for (const item of items) {
    throwIfCancelled(handlers.signal, 'measuring');
    const before = doneTokens;
    const measurement = await measureOne(item, {
      ...handlers,
      onProgress: (tokens) => handlers.onProgress?.(before + tokens, total),
    });
    doneTokens += item.ids.length;
    done.push(measurement);
    handlers.onItem?.(measurement, done.length, items.length);
  }
  return done;
}

/** Query tokens of an item whose choices are kept for comparing subjects: at most this many, evenly spread. */
const mostSampled = 1024;

/** The query positions whose choices are kept: all, or 16 runs of 64 neighbours, which copy faster than single ones. */
export function sampleOf(positions: readonly number[]): readonly number[] {
  if (positions.length <= mostSampled) return positions;
  const runs = 16;
  const length = mostSampled / runs;
  return Array.from({ length: runs }, (_, n) => {
    const start = Math.floor((n * (positions.length - length)) / (runs - 1));
    return positions.slice(start, start + length);
  }).flat();
}

const classOfRole: Readonly<Record<TokenRole, number>> = {
  template: 0,
  context: 1,
  question: 4,
  rationale: 5,
  answer: 6,
};

/** [T]: the class of each token, bit 3 where it is a query. */
export function classesOf(item: MeasuredItem, positions: readonly number[]): Uint32Array<ArrayBuffer> {
  const gold = tokensIn(item, 'gold');
  const distractor = tokensIn(item, 'distractor');
  const classes = Uint32Array.from(item.roles, (role, t) =>
    gold[t] ? 2 : distractor[t] ? 3 : classOfRole[role],
  );
  for (const t of positions) classes[t]! |= queryBit;
  return classes;
}

/**
 * Runs every item through the loaded model and gives back sums by item, layer, head and expert; nothing of size T × T
 * exists, and what is read back does not grow with T. Rejects with `CancelledError` after the chunk in which the
 * signal came. The session's conversation is lost.
 */
export async function measureMechanism(
  session: ModelSession,
  items: readonly MeasuredItem[],
  options: MechanismOptions,
  handlers: MeasureHandlers = {},
): Promise<SubjectMeasurement> {
  const { engine, recorder, checkpoint, plan } = session;
  const { config } = checkpoint;
  if (items.length === 0)
    throw new InputError('no-items', 'There is nothing to measure', { expected: 'at least one example' });
  const { contextLength } = plan.memory.options;
  const chunkTokens = Math.min(plan.memory.options.chunkTokens, contextLength);
  const sizes = sizesOf(items, options);
  checkFits(engine, config, contextLength, sizes);
  const { pipelines } = planMechanism(engine, config, plan.memory.options, sizes, options);
  await engine.pipelines.prepare(pipelines, handlers.onKernels, handlers.signal);
  const buffers = await engine.guard('mechanism memory', () =>
    createMechanismBuffers(engine.buffers, config, chunkTokens, sizes, options),
  );
  try {
    const done = await measureEach(items, handlers, (item, itemHandlers) =>
      measureItem(session, buffers, item, options, itemHandlers),
    );
    const layers = buffers.routing?.layers ?? [];
    const held = layers.flatMap((layer) => (layer ? [layer.pairs] : []));
    const read = held.length > 0 ? await recorder.read(...held) : [];
    const size = 2 * (config.moe?.numExperts ?? 0) ** 2;
    const pairs = layers.map((layer) =>
      layer ? new Uint32Array(read[held.indexOf(layer.pairs)]!, 0, size) : null,
    );
    return { config, options, items: done, pairs };
  } finally {
    for (const { buffer } of buffersOf(buffers)) engine.buffers.destroy(buffer);
    session.reset();
  }
}

/** Uploads in whole words, at least one. */
function words(values: readonly number[]): Uint32Array<ArrayBuffer> {
  return Uint32Array.from(values.length > 0 ? values : [0]);
}

/** Writes what the kernels need to know of an item; gives the list of queries by position. */
function uploadItem(
  session: ModelSession,
  buffers: MechanismBuffers,
  item: MeasuredItem,
  positions: readonly number[],
  copies: readonly number[],
  segments: Segments | null,
  chunkTokens: number,
): number[] {
  const { recorder } = session;
  const gold = tokensIn(item, 'gold');
  if (buffers.goldBits) {
    const bits = new Uint32Array(buffers.goldBits.size / 4);
    gold.forEach((inside, t) => {
      if (inside) bits[t >>> 5]! |= 1 << (t & 31);
    });
    recorder.upload(buffers.goldBits, bits);
  }
  const isMeasured = new Set(positions);
  const isCopy = new Set(copies);
  const listed = [...new Set([...positions, ...copies])].sort((a, b) => a - b);
  recorder.upload(
    buffers.queries,
    words(
      listed.flatMap((t) => [
        t % chunkTokens,
        (isMeasured.has(t) ? queryMeasured : 0) | (isCopy.has(t) ? queryCopies : 0),
      ]),
    ),
  );
  recorder.upload(
    buffers.marks,
    item.ids.map((id, t) => (gold[t] ? (id | 0x80000000) >>> 0 : id)),
  );
  if (segments) recorder.upload(buffers.segments, words([...segments.positions, ...segments.distances]));
  for (const range of buffers.sums) recorder.clear(range);
  for (const layer of buffers.routing?.layers ?? []) {
    if (!layer) continue;
    recorder.clear(layer.sums);
    recorder.clear(layer.entropy);
  }
  return listed;
}

async function measureItem(
  session: ModelSession,
  buffers: MechanismBuffers,
  item: MeasuredItem,
  options: MechanismOptions,
  handlers: ItemHandlers,
): Promise<ItemMeasurement> {
  const { recorder, checkpoint, plan } = session;
  const { config } = checkpoint;
  const { options: load } = plan.memory;
  const chunkTokens = Math.min(load.chunkTokens, load.contextLength);
  const isFull = options.statistics === 'full';
  const positions = queryPositions(item, options.queries);
  const copies = isFull ? copySteps(item) : [];
  const segments = isFull ? planSegments(item, options) : null;
  const width = headNumbers + (segments ? segments.positions.length + segments.distances.length : 0);
  session.reset();
  const listed = uploadItem(session, buffers, item, positions, copies, segments, chunkTokens);
  const classes = classesOf(item, positions);
  const choices = new ChoiceReader(session, sampleOf(positions));
  try {
    await session.prefill(item.ids, {
      wantLogits: false,
      ...(handlers.signal ? { signal: handlers.signal } : {}),
      onProgress: handlers.onProgress,
      hooks: (first, count) => {
        const firstQuery = listed.findIndex((t) => t >= first);
        const from = firstQuery < 0 ? listed.length : firstQuery;
        const after = listed.findIndex((t) => t >= first + count);
        const chunk: ChunkQueries = {
          count,
          firstQuery: from,
          queryCount: (after < 0 ? listed.length : after) - from,
          hasQueries: classes.subarray(first, first + count).some((c) => (c & queryBit) !== 0),
        };
        if (buffers.routing) recorder.upload(buffers.routing.classes, classes.slice(first, first + count));
        if (buffers.rowFlags) {
          const flags = classes.slice(first, first + count).map((c) => (c & queryBit ? 1 : 0));
          recorder.upload(buffers.rowFlags, flags);
        }
        return chunkHooks(recorder, config, buffers, options, segments, chunk, (layer, indices) =>
          choices.copy(layer, indices, first, count),
        );
      },
    });
    const layers = buffers.routing?.layers ?? [];
    const routed = layers.flatMap((layer) => (layer ? [layer.sums, layer.entropy] : []));
    const read = await recorder.read(...buffers.sums, ...routed, ...choices.ranges());
    const floats = read.slice(0, buffers.sums.length + routed.length).map((bytes) => new Float32Array(bytes));
    const kept = choices.take(read.slice(buffers.sums.length + routed.length));
    let at = buffers.sums.length;
    return {
      item,
      queryTokens: positions.length,
      copySteps: copies.length,
      segments,
      attention: floats
        .slice(0, buffers.sums.length)
        .map((sums) => sums.slice(0, config.numAttentionHeads * width)),
      width,
      routing: layers.map((layer, index) => {
        if (!layer) return null;
        const sums = floats[at++]!.slice(0, routingClasses * config.moe!.numExperts * 2);
        return { sums, entropy: floats[at++]![0]!, choices: kept.get(index) ?? new Uint16Array(0) };
      }),
    };
  } finally {
    choices.dispose();
  }
}

/** The queries of one pass. */
interface ChunkQueries {
  readonly count: number;
  /** Place in the list of queries, and how many. */
  readonly firstQuery: number;
  readonly queryCount: number;
  readonly hasQueries: boolean;
}

/** Hooks that measure one pass. */
function chunkHooks(
  sink: KernelSink,
  config: ModelConfig,
  buffers: MechanismBuffers,
  options: MechanismOptions,
  segments: Segments | null,
  chunk: ChunkQueries,
  onChoices: (layer: number, indices: BufferRange) => void,
): ForwardHooks {
  const { logSumExp, rowStatistics, goldBits, rowFlags, routing } = buffers;
  const measures = chunk.queryCount > 0;
  return {
    logSumExp: () => (measures ? logSumExp : null),
    attentionStatistics: () =>
      measures && rowStatistics && goldBits ? { out: rowStatistics, goldBits } : null,
    afterAttention(layer, inputs) {
      if (!measures) return;
      const sums = buffers.sums[layer]!;
      if (rowStatistics && rowFlags) {
        const { numHeads, firstToken, window } = inputs;
        sumAttentionRows(sink, {
          statistics: rowStatistics,
          rows: chunk.count,
          numHeads,
          firstToken,
          window,
          flags: rowFlags,
          sums,
        });
        return;
      }
      assert(logSumExp !== null && segments !== null, 'full statistics need segments');
      attentionStatistics(sink, {
        ...inputs,
        logSumExp,
        queries: buffers.queries,
        firstQuery: chunk.firstQuery,
        queryCount: chunk.queryCount,
        segments: buffers.segments,
        positionSegments: segments.positions.length,
        distanceSegments: segments.distances.length,
        sinkTokens: options.sinkTokens,
        marks: buffers.marks,
        wantsBest: true,
        sums,
      });
    },
    afterRouter(layer, indices, weights, logits) {
      const own = routing?.layers[layer];
      if (!routing || !own) return;
      routingStatistics(sink, {
        tokens: chunk.count,
        experts: config.moe!.numExperts,
        perToken: config.moe!.numExpertsPerTok,
        indices,
        weights,
        logits,
        classes: routing.classes,
        sums: own.sums,
        entropy: own.entropy,
        pairs: own.pairs,
        hasQueries: chunk.hasQueries,
      });
      onChoices(layer, indices);
    },
  };
}

/** Keeps the experts that sampled query tokens chose, by layer, on the way to the host. */
class ChoiceReader {
  private readonly rows = new Map<number, BufferRange>();
  private readonly perToken: number;

  constructor(
    private readonly session: ModelSession,
    private readonly positions: readonly number[],
  ) {
    this.perToken = session.checkpoint.config.moe?.numExpertsPerTok ?? 0;
  }

  /** Copies the sampled rows among tokens [first, first + count) of a pass. */
  copy(layer: number, indices: BufferRange, first: number, count: number): void {
    const { recorder, engine } = this.session;
    const rowBytes = this.perToken * 4;
    let to = this.rows.get(layer);
    for (let n = 0; n < this.positions.length;) {
      const t = this.positions[n]!;
      if (t < first || t >= first + count) {
        n++;
        continue;
      }
      // Neighbours go in one copy.
      let length = 1;
      while (this.positions[n + length] === t + length && t + length < first + count) length++;
      if (!to) {
        to = engine.buffers.range(`mechanism/choices of layer ${layer}`, this.positions.length * rowBytes);
        this.rows.set(layer, to);
      }
      const from = { ...indices, offset: indices.offset + (t - first) * rowBytes, size: length * rowBytes };
      const into = { ...to, offset: to.offset + n * rowBytes, size: length * rowBytes };
      recorder.copy(from, into, length * rowBytes);
      n += length;
    }
  }

  ranges(): BufferRange[] {
    return [...this.rows.values()];
  }

  take(read: readonly ArrayBuffer[]): Map<number, Uint16Array> {
    const length = this.positions.length * this.perToken;
    return new Map(
      [...this.rows.keys()].map((layer, index) => [
        layer,
        Uint16Array.from(new Uint32Array(read[index]!, 0, length)),
      ]),
    );
  }

  dispose(): void {
    for (const { buffer } of this.rows.values()) this.session.engine.buffers.destroy(buffer);
    this.rows.clear();
  }
}
