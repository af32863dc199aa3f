import { InputError } from '../../core/errors.ts';
import { assert } from '../../core/assert.ts';
import source from '../../../shaders/forward/sample.wgsl?raw';
import type { BufferRange } from '../buffers.ts';
import { defineKernel, type KernelSink } from '../kernel.ts';
import type { Rows } from '../tensors.ts';
import { reduceModule } from './common.ts';

/** How the next token is drawn. Filters apply in this order: penalty, temperature, top-k, top-p, min-p. */
export interface SamplingOptions {
  /** 0: the most probable token (ties to the lowest id). */
  readonly temperature: number;
  /** 0: off. Tokens equal to the last one kept are kept too. */
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

export const sampleKernel = defineKernel({
  name: 'forward/sample',
  source,
  bindings: { logits: 'read', seen: 'read_write', tokens: 'read_write', record: 'read_write' },
  params: {
    vocab: 'u32',
    logitStart: 'u32',
    logitStride: 'u32',
    temperature: 'f32',
    topK: 'u32',
    topP: 'f32',
    minP: 'f32',
    penalty: 'f32',
    hasSeen: 'u32',
    seed: 'u32',
    step: 'u32',
    topLogprobs: 'u32',
  },
});

/** The most probable token, nothing else. */
export const greedySampling: SamplingOptions = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  seed: 0,
  topLogprobs: 0,
};

/** Throws `InputError` naming the first option out of range. */
export function checkSampling(options: SamplingOptions): void {
  const need = (name: keyof SamplingOptions, ok: boolean, expected: string): void => {
    if (!ok) {
      throw new InputError('sampling-option', `sampling option ${name} cannot be used`, {
        expected,
        actual: String(options[name]),
      });
    }
  };
  const within = (value: number, low: number, high: number): boolean => value >= low && value <= high;
  need('temperature', within(options.temperature, 0, 100), '0 to 100');
  need(
    'topK',
    Number.isInteger(options.topK) && within(options.topK, 0, 0xffffffff),
    'a whole number, 0 for off',
  );
  need('topP', options.topP > 0 && options.topP <= 1, 'above 0, up to 1');
  need('minP', within(options.minP, 0, 1), '0 to 1');
  need('repetitionPenalty', within(options.repetitionPenalty, 0.01, 100), '0.01 to 100, 1 for off');
  need('seed', Number.isInteger(options.seed), 'a whole number');
  need(
    'topLogprobs',
    Number.isInteger(options.topLogprobs) && within(options.topLogprobs, 0, 20),
    'a whole number, 0 to 20',
  );
}

/** u32 words of one row's record. */
export function sampleRecordWords(topLogprobs: number): number {
  return 2 + 2 * topLogprobs;
}

/** Draws a token per row, see `SampleTokens`. */
export function sampleTokens(sink: KernelSink, input: SampleTokens): void {
  const { engine } = sink;
  const { logits, options, seen } = input;
  checkSampling(options);
  const penalised = options.repetitionPenalty !== 1;
  assert(!penalised || (seen !== null && seen !== undefined), 'a repetition penalty needs the seen tokens');
  assert(!seen || logits.rows === 1, 'seen tokens are those of one sequence');
  const passes = 3 + options.topLogprobs + (options.temperature > 0 ? 12 : 0);
  sink.dispatch({
    kernel: sampleKernel,
    variant: {
      overrides: { WORKGROUP_SIZE: engine.facts.software ? 16 : 256 },
      modules: { reduce: reduceModule(engine) },
    },
    buffers: {
      logits: logits.range,
      seen: seen ?? engine.nullOutput,
      tokens: input.tokens,
      record: input.record,
    },
    params: {
      vocab: logits.cols,
      logitStart: logits.start,
      logitStride: logits.stride,
      temperature: options.temperature,
      topK: options.topK,
      topP: options.topP,
      minP: options.minP,
      penalty: options.repetitionPenalty,
      hasSeen: seen ? 1 : 0,
      seed: options.seed >>> 0,
      step: input.step >>> 0,
      topLogprobs: options.topLogprobs,
    },
    workgroups: logits.rows,
    cost: { flops: passes * logits.rows * logits.cols * 4, bytes: passes * logits.rows * logits.cols * 4 },
  });
}

/** One drawn token as the host sees it. */
export interface Sample {
  readonly token: number;
  /** Natural log of its probability under the raw logits. */
  readonly logprob: number;
  /** The most probable tokens, in falling order. */
  readonly top: readonly { readonly token: number; readonly logprob: number }[];
}

/** Decodes row `row` of a record that was read back. */
export function readSample(record: ArrayBuffer, topLogprobs: number, row = 0): Sample {
  const words = sampleRecordWords(topLogprobs);
  const uints = new Uint32Array(record, row * words * 4, words);
  const floats = new Float32Array(record, row * words * 4, words);
  const top = Array.from({ length: topLogprobs }, (_, n) => ({
    token: uints[2 + 2 * n] ?? 0,
    logprob: floats[3 + 2 * n] ?? 0,
  }));
  return { token: uints[0] ?? 0, logprob: floats[1] ?? 0, top };
}
