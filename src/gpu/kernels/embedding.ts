import source from '../../../shaders/forward/embed.wgsl?raw';
import type { BufferRange } from '../buffers.ts';
import { defineKernel, type KernelSink } from '../kernel.ts';
import { paddedCols, type Rows, type Weight } from '../tensors.ts';
import { checkShape, vectors, weightModule } from './common.ts';

/** Inputs of `embedTokens`: out[t] = table[tokens[t]]. */
export interface EmbedTokens {
  /** u32 [T]; an id outside the table gives a row of zeros. */
  readonly tokens: BufferRange;
  /** [V, C] in any weight type, split over any number of parts. */
  readonly table: Weight;
  /** [T, C] */
  readonly out: Rows;
}

export const embedKernel = defineKernel({
  name: 'forward/embed',
  source,
  bindings: { tokens: 'read', weight: 'read', scales: 'read', out: 'read_write' },
  params: {
    rows: 'u32',
    vectors: 'u32',
    weightVectors: 'u32',
    firstRow: 'u32',
    tableRows: 'u32',
    vocabRows: 'u32',
    outStart: 'u32',
    outStride: 'u32',
  },
});

/** Gathers embedding rows, one dispatch per part of the table; see `EmbedTokens`. */
export function embedTokens(sink: KernelSink, { tokens, table, out }: EmbedTokens): void {
  checkShape('embedTokens out', out, out.rows, table.cols);
  const rowVectors = Math.ceil(table.cols / 4);
  for (const part of table.parts) {
    sink.dispatch({
      kernel: embedKernel,
      variant: { modules: { weights: weightModule(table.type) } },
      buffers: {
        tokens,
        weight: part.data,
        scales: part.scales ?? sink.engine.nullRange,
        out: out.range,
      },
      params: {
        rows: out.rows,
        vectors: rowVectors,
        weightVectors: paddedCols(table.type, table.cols) / 4,
        firstRow: part.firstRow,
        tableRows: part.rows,
        vocabRows: table.rows,
        outStart: vectors(out).start,
        outStride: vectors(out).stride,
      },
      workgroups: Math.ceil((out.rows * rowVectors) / 64),
      cost: { flops: out.rows * table.cols, bytes: 8 * out.rows * table.cols },
    });
  }
}
