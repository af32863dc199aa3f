import { throwIfCancelled } from '../core/errors.ts';
import { greedySampling } from '../gpu/kernels/sampling.ts';
import type { HostGenerateOptions, HostResult, ModelHost } from '../model/host.ts';
import type { OrtModel } from '../model/ort/host.ts';
import type { GeneratedToken } from '../model/session.ts';
import type { RuntimeCheck, RuntimeReply } from './engineApi.ts';

type Generate = (
  ids: ArrayLike<number>,
  options: HostGenerateOptions,
) => AsyncGenerator<GeneratedToken, HostResult<null> | void, void>;

/** Tokens of a greedy reply with their times; throws what the runtime fails with. */
async function timedReply(
  generate: Generate,
  prompt: ArrayLike<number>,
  maxNewTokens: number,
  signal: AbortSignal,
): Promise<RuntimeReply> {
  const ids: number[] = [];
  const startMs = performance.now();
  let firstMs = startMs;
  const running = generate(prompt, { maxNewTokens, sampling: greedySampling, ignoreStops: true, signal });
  for (;;) {
    const step = await running.next();
    if (step.done) {
      if (step.value && !step.value.ok) throw step.value.error;
      break;
    }
    if (ids.length === 0) firstMs = performance.now();
    ids.push(step.value.token);
  }
  const endMs = performance.now();
  const rate = (count: number, ms: number): number => (ms > 0 ? (1000 * count) / ms : 0);
  return {
    ids,
    promptTokensPerSecond: rate(prompt.length, firstMs - startMs),
    tokensPerSecond: rate(ids.length - 1, endMs - firstMs),
  };
}

export type CheckNumbers = Pick<
  RuntimeCheck,
  'engine' | 'onnxruntime' | 'maxDifference' | 'maxLogit' | 'firstDifference'
> & { readonly rows: readonly Omit<RuntimeCheck['rows'][number], 'text'>[] };

/**
 * Runs the prompt and a greedy reply on both runtimes (once to warm up, once timed), then the prompt and the engine's
 * reply through both, comparing the logits of every step. Both conversations are lost.
 */
export async function checkRuntimes(
  host: ModelHost,
  other: OrtModel,
  prompt: Uint32Array,
  maxNewTokens: number,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<CheckNumbers> {
  const session = host.session!;
  const total = 4 + maxNewTokens;
  const ours: Generate = (ids, options) => host.generate(ids, options);
  const theirs: Generate = (ids, options) => other.generate(ids, options);
  const replies: RuntimeReply[] = [];
  for (const [index, generate] of [ours, theirs].entries()) {
    for (const count of [Math.min(2, maxNewTokens), maxNewTokens]) {
      session.reset();
      other.reset();
      replies[index] = await timedReply(generate, prompt, count, signal);
      onProgress(2 * index + (count === maxNewTokens ? 2 : 1), total);
    }
  }
  const [engine, onnxruntime] = replies as [RuntimeReply, RuntimeReply];
  session.reset();
  other.reset();
  const rows: { position: number; token: number; difference: number }[] = [];
  let maxLogit = 0;
  let firstDifference: RuntimeCheck['firstDifference'] = null;
  for (let step = 0; step < engine.ids.length; step++) {
    throwIfCancelled(signal, 'checking');
    const next = step === 0 ? prompt : [engine.ids[step - 1]!];
    const own = await session.nextLogits(next);
    const witness = await other.nextLogits(next, signal);
    let difference = 0;
    for (let i = 0; i < own.length; i++) {
      difference = Math.max(difference, Math.abs(own[i]! - witness[i]!));
      maxLogit = Math.max(maxLogit, Math.abs(witness[i]!));
    }
    rows.push({ position: prompt.length + step, token: engine.ids[step]!, difference });
    const [a, b] = [engine.ids[step]!, onnxruntime.ids[step]];
    if (firstDifference === null && b !== undefined && a !== b) {
      firstDifference = { index: step, engine: a, onnxruntime: b, gap: Math.abs(witness[a]! - witness[b]!) };
    }
    onProgress(5 + step, total);
  }
  return {
    engine,
    onnxruntime,
    rows,
    maxDifference: rows.reduce((most, { difference }) => Math.max(most, difference), 0),
    maxLogit,
    firstDifference,
  };
}
