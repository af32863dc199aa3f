import type { BufferRange } from '../buffers.ts';
import type { Rows } from '../tensors.ts';

/** How the next token is drawn. Filters apply in this order: penalty, temperature, top-k, top-p, min-p. */
export interface SamplingOptions {
  /** 0: the most probable token (ties to the lowest id). */
  readonly temperature: number;
  /** 0: off; at most 1024. */
  readonly topK: number;
  /** 1: off. */
  readonly topP: number;
  /** 0: off. */
  readonly minP: number;
  /** 1: off. Logits of seen tokens are divided (positive) or multiplied (negative) by it. */
  readonly repetitionPenalty: number;
  /** The draw depends only on (seed, step, row). */
  readonly seed: number;
  /** How many of the most probable tokens to report, 0 … 20. */
  readonly topLogprobs: number;
}

/** Inputs of `sampleTokens`: one token per row of logits. */
export interface SampleTokens {
  /** [R, V] */
  readonly logits: Rows;
  readonly options: SamplingOptions;
  /** Number of the draw, so that equal logits at two steps draw independently. */
  readonly step: number;
  /** Bit set u32 [⌈V/32⌉] of tokens already in the text; needed for a penalty; the drawn token is added to it. */
  readonly seen?: BufferRange | null;
  /** u32 [R]: the tokens, in the form `embedTokens` takes. */
  readonly tokens: BufferRange;
  /** For the host: per row `sampleRecordWords(topLogprobs)` words, see `readSample`. */
  readonly record: BufferRange;
}
