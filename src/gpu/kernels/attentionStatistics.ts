import { assert } from '../../core/assert.ts';
import rowsSumSource from '../../../shaders/mechanism/attention_rows_sum.wgsl?raw';
import statisticsSource from '../../../shaders/mechanism/attention_statistics.wgsl?raw';
import sumSource from '../../../shaders/mechanism/attention_statistics_sum.wgsl?raw';
import type { BufferRange } from '../buffers.ts';
import { defineKernel, type KernelSink } from '../kernel.ts';
import { kvPageSections, kvRowVectors, type KvLayout, type KvPage, type Rows } from '../tensors.ts';
import { checkShape, sureLanes, vectors } from './common.ts';

/** Numbers of a record, and of a row of sums, before the segments. */
export const headNumbers = 8;

/** Flags of a query: counted in the averages; the next token is one to be copied from a gold piece. */
export const queryMeasured = 1;
export const queryCopies = 2;

/**
 * Inputs of `attentionStatistics`: for chosen rows of a pass, where each head's attention goes, summed over the rows.
 * Runs after the pass's attention over the same cache.
 */
export interface QueryStatistics {
  /** [T, H·D], as attention took it. */
  readonly q: Rows;
  readonly numHeads: number;
  readonly kv: KvLayout;
  readonly pages: readonly KvPage[];
  /** Cache token of row 0 of q. */
  readonly firstToken: number;
  readonly scale: number;
  readonly window: number;
  /** f32 [T, H] of the same attention. */
  readonly logSumExp: BufferRange;
  /** u32 [queries, 2]: row of q, ascending, and flags. */
  readonly queries: BufferRange;
  /** The queries [first, first + count) of the list are those of this pass. */
  readonly firstQuery: number;
  readonly queryCount: number;
  /** u32: first token of each position segment (0 first), then first distance of each distance segment (0 first). */
  readonly segments: BufferRange;
  readonly positionSegments: number;
  readonly distanceSegments: number;
  readonly sinkTokens: number;
  /** u32 per cache token: its id, bit 31 where it lies in a gold piece. */
  readonly marks: BufferRange;
  /** Whether some query is a copy step: the key with the largest score is then looked for. */
  readonly wantsBest: boolean;
  /**
   * f32 [H, 8 + position + distance segments], added to: distance, sink-excluded distance, relative distance, entropy,
   * normalised entropy, queries with keys beyond the sink, copy hits, queries, then masses by segment.
   */
  readonly sums: BufferRange;
}

export const attentionStatisticsKernel = defineKernel({
  name: 'mechanism/attention_statistics',
  source: statisticsSource,
  bindings: {
    q: 'read',
    page: 'read',
    logSumExp: 'read',
    queries: 'read',
    segments: 'read',
    records: 'read_write',
  },
  params: {
    rows: 'u32',
    heads: 'u32',
    kvHeads: 'u32',
    firstToken: 'u32',
    firstQuery: 'u32',
    pageFirst: 'u32',
    keyCount: 'u32',
    splits: 'u32',
    keysPerSplit: 'u32',
    firstSlice: 'u32',
    window: 'u32',
    scale: 'f32',
    qStart: 'u32',
    qStride: 'u32',
    keyScaleSection: 'u32',
    vectors: 'u32',
    sinkTokens: 'u32',
    positionSegments: 'u32',
    distanceSegments: 'u32',
    wantsBest: 'u32',
  },
});

export const attentionStatisticsSumKernel = defineKernel({
  name: 'mechanism/attention_statistics_sum',
  source: sumSource,
  bindings: { records: 'read', queries: 'read', marks: 'read', sums: 'read_write' },
  params: {
    rows: 'u32',
    heads: 'u32',
    firstToken: 'u32',
    firstQuery: 'u32',
    window: 'u32',
    width: 'u32',
    slices: 'u32',
  },
});

export const attentionRowsSumKernel = defineKernel({
  name: 'mechanism/attention_rows_sum',
  source: rowsSumSource,
  bindings: { statistics: 'read', flags: 'read', sums: 'read_write' },
  params: {
    rows: 'u32',
    heads: 'u32',
    firstToken: 'u32',
    window: 'u32',
  },
});

/** Records of a batch take at most this much: queries beyond it go in further batches. */
const recordBytes = 8 * 2 ** 20;
const threads = 32;
const minKeys = 256;

/** Statistics of chosen queries in full, see `QueryStatistics`. Reads K once more for these queries only. */
export function attentionStatistics(sink: KernelSink, input: QueryStatistics): void {
  const { engine } = sink;
  const { q, numHeads, kv, firstToken, queryCount, window, sums } = input;
  const { headDim, numKeyValueHeads } = kv;
  checkShape('attentionStatistics q', q, q.rows, numHeads * headDim);
  const width = headNumbers + input.positionSegments + input.distanceSegments;
  assert(sums.size >= numHeads * width * 4, 'sums are too small');
  if (queryCount === 0) return;

  const group = numHeads / numKeyValueHeads;
  const lanes = sureLanes(engine);
  const variant = {
    overrides: { WORKGROUP_SIZE: threads },
    constants: { D4: headDim <= 64 ? 16 : headDim <= 128 ? 32 : 64 },
    modules: {
      kv: `kv_${kv.type}.wgsl`,
      keys: lanes === 0 ? 'keys_plain.wgsl' : lanes === 4 ? 'keys_lanes4.wgsl' : 'keys_lanes8.wgsl',
    },
  };
  const tokens = firstToken + q.rows;
  const oldest = window > 0 ? Math.max(firstToken - window + 1, 0) : 0;
  const pages = input.pages
    .map((page) => ({ page, keyCount: Math.min(page.capacity, tokens - page.firstToken) }))
    .filter(({ page, keyCount }) => keyCount > 0 && page.firstToken + keyCount > oldest);
  const splitsOf = (keyCount: number, rows: number): number => {
    const tiles = Math.ceil((rows * group) / threads) * numKeyValueHeads;
    const wanted = Math.ceil(engine.choices.attentionWorkgroups / tiles);
    return Math.max(1, Math.min(wanted, Math.floor(keyCount / minKeys)));
  };
  const slicesOf = (rows: number): number =>
    pages.reduce((sum, { keyCount }) => sum + splitsOf(keyCount, rows), 0);
  // Fewer rows to a batch never need fewer slices than are counted here.
  const perRow = slicesOf(1) * numHeads * width * 4;
  const batchRows = Math.max(1, Math.min(queryCount, Math.floor(recordBytes / perRow)));

  for (let done = 0; done < queryCount; done += batchRows) {
    const rows = Math.min(batchRows, queryCount - done);
    const slices = slicesOf(rows);
    const records = sink.scratch('attention records', slices * rows * numHeads * width * 4);
    const firstQuery = input.firstQuery + done;
    let slice = 0;
    for (const { page, keyCount } of pages) {
      const splits = splitsOf(keyCount, rows);
      const sections = kvPageSections(kv, page.capacity);
      sink.dispatch({
        kernel: attentionStatisticsKernel,
        variant,
        buffers: {
          q: q.range,
          page: page.range,
          logSumExp: input.logSumExp,
          queries: input.queries,
          segments: input.segments,
          records,
        },
        params: {
          rows,
          heads: numHeads,
          kvHeads: numKeyValueHeads,
          firstToken,
          firstQuery,
          pageFirst: page.firstToken,
          keyCount,
          splits,
          keysPerSplit: Math.ceil(keyCount / splits / 8) * 8,
          firstSlice: slice,
          window,
          scale: input.scale,
          qStart: vectors(q).start,
          qStride: vectors(q).stride,
          keyScaleSection: sections.keyScale * 4,
          vectors: headDim / 4,
          sinkTokens: input.sinkTokens,
          positionSegments: input.positionSegments,
          distanceSegments: input.distanceSegments,
          wantsBest: input.wantsBest ? 1 : 0,
        },
        workgroups: Math.ceil((rows * group) / threads) * numKeyValueHeads * splits,
        cost: {
          flops: 2 * rows * numHeads * keyCount * headDim,
          bytes: keyCount * numKeyValueHeads * kvRowVectors(kv) * 16 + 4 * rows * numHeads * headDim,
        },
      });
      slice += splits;
    }
    sink.dispatch({
      kernel: attentionStatisticsSumKernel,
      variant: { overrides: { WORKGROUP_SIZE: engine.choices.flatThreads } },
      buffers: { records, queries: input.queries, marks: input.marks, sums },
      params: { rows, heads: numHeads, firstToken, firstQuery, window, width, slices },
      workgroups: Math.ceil((numHeads * width) / engine.choices.flatThreads),
      cost: {
        flops: 4 * slices * rows * numHeads * width,
        bytes: 8 * slices * rows * numHeads * width,
      },
    });
  }
}

/** Sums over rows of what `attention` computed on the way, added to `sums` f32 [H, 8], see the shader. */
export function sumAttentionRows(
  sink: KernelSink,
  input: {
    /** f32 [T, H, 4] of `AttentionStatistics`. */
    readonly statistics: BufferRange;
    readonly rows: number;
    readonly numHeads: number;
    readonly firstToken: number;
    readonly window: number;
    /** u32 [T]: 1 where the row counts. */
    readonly flags: BufferRange;
    readonly sums: BufferRange;
  },
): void {
  const { rows, numHeads: heads, statistics, flags, sums } = input;
  sink.dispatch({
    kernel: attentionRowsSumKernel,
    variant: {},
    buffers: { statistics, flags, sums },
    params: { rows, heads, firstToken: input.firstToken, window: input.window },
    workgroups: heads,
    cost: { flops: 16 * rows * heads, bytes: 16 * rows * heads },
  });
}
