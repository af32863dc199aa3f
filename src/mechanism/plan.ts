import { EnvironmentError } from '../core/errors.ts';
import type { BufferRange, Buffers } from '../gpu/buffers.ts';
import type { EngineDevice } from '../gpu/device.ts';
import { attention, goldBitsBytes } from '../gpu/kernels/attention.ts';
import { attentionStatistics, headNumbers, sumAttentionRows } from '../gpu/kernels/attentionStatistics.ts';
import { routingClasses, routingStatistics } from '../gpu/kernels/routingStatistics.ts';
import type { PipelineRequest } from '../gpu/pipelineCache.ts';
import { createRows, rowStride } from '../gpu/tensors.ts';
import type { ModelConfig } from '../model/config.ts';
import { KvCache } from '../model/kvCache.ts';
import { countingBuffers, PlanSink, type LoadOptions } from '../model/planner.ts';
import type { QuerySet } from './document.ts';
import { defaultSinkTokens, defaultThresholds } from './definitions.ts';
import { queryPositions, type MeasuredItem } from './items.ts';
import { planSegments } from './segments.ts';

/** What is measured and how. */
export interface MechanismOptions {
  readonly queries: QuerySet;
  /** `core`: distance, entropy and gold mass alone, computed on the way through attention. */
  readonly statistics: 'core' | 'full';
  readonly sinkTokens: number;
  readonly thresholds: readonly number[];
  /** Bins of the density along the context; 0 for none. */
  readonly bins: number;
}

export const defaultMechanismOptions: MechanismOptions = {
  queries: 'answer',
  statistics: 'full',
  sinkTokens: defaultSinkTokens,
  thresholds: defaultThresholds,
  bins: 64,
};

/** The largest that any item needs. */
export interface MechanismSizes {
  readonly tokens: number;
  readonly queries: number;
  /** Numbers of a row of attention sums. */
  readonly width: number;
}

/** Buffers of a measurement on one session. Per layer where it says so. */
export interface MechanismBuffers {
  /** f32 [chunk, H]; null when computed on the way. */
  readonly logSumExp: BufferRange | null;
  /** f32 [chunk, H, 4] of the fused statistics; null otherwise. */
  readonly rowStatistics: BufferRange | null;
  readonly goldBits: BufferRange | null;
  /** u32 [chunk]: rows that are queries, for the fused sums. */
  readonly rowFlags: BufferRange | null;
  /** u32 [queries, 2] */
  readonly queries: BufferRange;
  readonly segments: BufferRange;
  /** u32 [tokens] */
  readonly marks: BufferRange;
  /** By layer: f32 [H, width]. */
  readonly sums: readonly BufferRange[];
  /** By MoE layer; null without. */
  readonly routing: RoutingBuffers | null;
}

interface RoutingBuffers {
  /** u32 [chunk] */
  readonly classes: BufferRange;
  /** By layer, null for dense ones: f32 [8, E, 2]; f32 [1]; u32 [2, E, E]; u32 [sampled queries, k]. */
  readonly layers: readonly (RoutingLayerBuffers | null)[];
}

interface RoutingLayerBuffers {
  readonly sums: BufferRange;
  readonly entropy: BufferRange;
  readonly pairs: BufferRange;
}

/** What the items of a run need at most. */
export function sizesOf(items: readonly MeasuredItem[], options: MechanismOptions): MechanismSizes {
  let tokens = 1;
  let queries = 1;
  let width = headNumbers;
  for (const item of items) {
    tokens = Math.max(tokens, item.ids.length);
    // One more than the queries: the position before the answer may be a copy step.
    queries = Math.max(queries, queryPositions(item, options.queries).length + 1);
    if (options.statistics === 'core') continue;
    const { positions, distances } = planSegments(item, options);
    width = Math.max(width, headNumbers + positions.length + distances.length);
  }
  return { tokens, queries, width };
}

/** Makes the buffers (owned by the caller). With counting buffers this is the memory plan. */
export function createMechanismBuffers(
  buffers: Buffers,
  config: ModelConfig,
  chunkTokens: number,
  sizes: MechanismSizes,
  options: MechanismOptions,
): MechanismBuffers {
  const make = (name: string, sizeBytes: number): BufferRange =>
    buffers.range(`mechanism/${name}`, sizeBytes);
  const heads = config.numAttentionHeads;
  const isFull = options.statistics === 'full';
  return {
    logSumExp: isFull ? make('log-sum-exp', chunkTokens * heads * 4) : null,
    rowStatistics: isFull ? null : make('row statistics', chunkTokens * heads * 16),
    goldBits: isFull ? null : make('gold bits', goldBitsBytes(sizes.tokens)),
    rowFlags: isFull ? null : make('row flags', chunkTokens * 4),
    queries: make('queries', sizes.queries * 8),
    segments: make('segments', sizes.width * 4),
    marks: make('marks', (sizes.tokens + 1) * 4),
    sums: config.layers.map((_, layer) => make(`attention sums of layer ${layer}`, heads * sizes.width * 4)),
    routing: config.moe && {
      classes: make('token classes', chunkTokens * 4),
      layers: config.layers.map(({ mlp }, layer) => {
        if (mlp !== 'moe') return null;
        const { numExperts } = config.moe!;
        return {
          sums: make(`routing sums of layer ${layer}`, routingClasses * numExperts * 8),
          entropy: make(`router entropy of layer ${layer}`, 16),
          pairs: make(`expert pairs of layer ${layer}`, 2 * numExperts ** 2 * 4),
        };
      }),
    },
  };
}

/** Every buffer, in a fixed order. */
export function buffersOf(b: MechanismBuffers): BufferRange[] {
  const layers = b.routing?.layers.filter((layer) => layer !== null) ?? [];
  const routing = layers.flatMap(({ sums, entropy, pairs }) => [sums, entropy, pairs]);
  const optional = [b.logSumExp, b.rowStatistics, b.goldBits, b.rowFlags];
  return [
    ...optional.filter((range) => range !== null),
    b.queries,
    b.segments,
    b.marks,
    ...b.sums,
    ...(b.routing ? [b.routing.classes] : []),
    ...routing,
  ];
}

/** What a measurement takes beside the loaded model. */
export interface MechanismPlan {
  /** Linear in the longest item (its marks and list of queries); the rest is set by model, chunk and segments. */
  readonly bufferBytes: number;
  /** Bounded whatever the length: records of a batch of queries, partial counts. */
  readonly scratchBytes: number;
  readonly pipelines: readonly PipelineRequest[];
}

/** Plans by making the buffers and recording the kernels without a GPU, so that plan and run cannot drift apart. */
export function planMechanism(
  engine: EngineDevice,
  config: ModelConfig,
  load: LoadOptions,
  sizes: MechanismSizes,
  options: MechanismOptions,
): MechanismPlan {
  const { buffers } = countingBuffers();
  const chunk = Math.min(load.chunkTokens, load.contextLength);
  const made = createMechanismBuffers(buffers, config, chunk, sizes, options);
  const bufferBytes = buffers.allocatedBytes;
  const sink = new PlanSink(engine, buffers);
  const { numAttentionHeads: numHeads, headDim } = config;
  const cache = new KvCache(buffers, config, load.kvType, load.contextLength, engine.maxBindingBytes);
  cache.reserve(load.contextLength);
  const windows = new Set(config.layers.map(({ slidingWindow }) => slidingWindow ?? 0));
  const rows = createRows(buffers, 'q', chunk, numHeads * headDim);
  for (const window of windows) {
    const inputs = {
      q: rows,
      numHeads,
      kv: cache.layout,
      pages: cache.pagesOf(0, load.contextLength),
      firstToken: load.contextLength - chunk,
      scale: 1,
      window,
    };
    const sums = made.sums[0]!;
    if (made.rowStatistics && made.goldBits && made.rowFlags) {
      const statistics = { out: made.rowStatistics, goldBits: made.goldBits };
      attention(sink, { ...inputs, out: rows, statistics });
      const { firstToken } = inputs;
      sumAttentionRows(sink, {
        statistics: made.rowStatistics,
        rows: chunk,
        numHeads,
        firstToken,
        window,
        flags: made.rowFlags,
        sums,
      });
    } else {
      for (const queryCount of [1, Math.min(chunk, sizes.queries)]) {
        attentionStatistics(sink, {
          ...inputs,
          logSumExp: made.logSumExp!,
          queries: made.queries,
          firstQuery: 0,
          queryCount,
          segments: made.segments,
          positionSegments: sizes.width - headNumbers,
          distanceSegments: 0,
          sinkTokens: options.sinkTokens,
          marks: made.marks,
          wantsBest: true,
          sums,
        });
      }
    }
  }
  const routed = made.routing?.layers.find((layer) => layer !== null);
  if (made.routing && routed && config.moe) {
    routingStatistics(sink, {
      tokens: chunk,
      experts: config.moe.numExperts,
      perToken: config.moe.numExpertsPerTok,
      indices: made.queries,
      weights: made.queries,
      logits: createRows(buffers, 'logits', chunk, config.moe.numExperts),
      classes: made.routing.classes,
      ...routed,
      hasQueries: true,
    });
  }
  return { bufferBytes, scratchBytes: sink.scratchBytes, pipelines: [...sink.pipelines.values()] };
}

/** Throws when an item does not fit the session's context or a buffer the adapter. */
export function checkFits(
  engine: EngineDevice,
  config: ModelConfig,
  contextLength: number,
  sizes: MechanismSizes,
): void {
  if (sizes.tokens > contextLength) {
    throw new EnvironmentError('context-too-short', 'An item is longer than the loaded context', {
      expected: `at most ${contextLength} tokens`,
      actual: `${sizes.tokens} tokens`,
      advice: 'load the model with a longer context, or leave the longest items out',
    });
  }
  const largest = Math.max(
    config.numAttentionHeads * sizes.width * 4,
    rowStride(sizes.tokens + 1) * 4,
    2 * (config.moe?.numExperts ?? 0) ** 2 * 4,
  );
  if (largest > engine.maxBindingBytes) {
    throw new EnvironmentError(
      'mechanism-too-large',
      'A measurement buffer is larger than the adapter allows',
      {
        expected: `at most ${engine.maxBindingBytes} bytes`,
        actual: `${largest} bytes`,
        advice: 'measure items with fewer pieces of evidence, or fewer bins',
      },
    );
  }
}
