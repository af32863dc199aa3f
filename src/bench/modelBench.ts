import { EnvironmentError, messageOf } from '../core/errors.ts';
import { Rng } from '../core/rng.ts';
import { openCheckpoint, type Checkpoint } from '../model/checkpoint.ts';
import { jaxDecoder, ortDecoder, ourDecoder, timedReply, type Decoder, type Reply } from './decoders.ts';
import { memorySource, randomCheckpoint, tinyDenseConfig, tinyMoeConfig } from './randomCheckpoint.ts';
import { oursName, type BenchRow } from './report.ts';
import type { BenchContext } from './runBench.ts';
import { median } from './timing.ts';

const promptTokens = 128;
const decodeTokens = 16;
const contextLength = promptTokens + decodeTokens + 16;

/** The prompt that every engine gets. */
export function benchPrompt(count: number, vocabSize: number): number[] {
  const rng = new Rng('prompt');
  return Array.from({ length: count }, () => rng.nextUint32() % vocabSize);
}

/** A first answer that takes longer than this never comes: some peers hang on some adapters. */
const limitMs = 120_000;

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const message = `no answer within ${limitMs / 1000} s on this adapter`;
    timer = setTimeout(() => reject(new EnvironmentError('peer-hangs', message)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return NaN;
  let worst = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= worst)) worst = difference;
  }
  return worst;
}

/**
 * Prompt and greedy reply on every engine: outputs compared first, then timed in turns. The reference is
 * onnxruntime-web on the CPU, an independent runtime, and every row says how far its logits lie from it.
 */
export async function benchModel(context: BenchContext, suite: 'dense' | 'moe'): Promise<BenchRow[]> {
  const checkpoint = await randomCheckpoint(
    `tiny-${suite}`,
    suite === 'dense' ? tinyDenseConfig : tinyMoeConfig,
  );
  const { engine, ortName } = context;
  return benchDecoders(context, suite, checkpoint, [
    () => ortDecoder(checkpoint, contextLength, 'wasm', 'onnxruntime-web WASM, 1 thread'),
    () => ourDecoder(engine, checkpoint, contextLength, oursName),
    () => ortDecoder(checkpoint, contextLength, 'webgpu', ortName),
    ...(suite === 'dense' ? [() => jaxDecoder(checkpoint, promptTokens)] : []),
  ]);
}

/** The model in the box on the two runtimes that the page has, the second with all threads it can get. */
export async function benchBox(context: BenchContext): Promise<BenchRow[]> {
  const checkpoint = await openCheckpoint({
    name: 'world-moe-3m',
    open: async (fileName) => {
      const bytes = await context.readBox(fileName);
      return bytes && memorySource(fileName, bytes);
    },
  });
  const threads = globalThis.crossOriginIsolated ? navigator.hardwareConcurrency : 1;
  const named = `onnxruntime-web WASM, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return benchDecoders(context, 'box', checkpoint, [
    () => ortDecoder(checkpoint, contextLength, 'wasm', named, threads),
    () => ourDecoder(context.engine, checkpoint, contextLength, oursName),
  ]);
}

async function benchDecoders(
  context: BenchContext,
  suite: 'dense' | 'moe' | 'box',
  checkpoint: Checkpoint,
  makers: readonly (() => Promise<Decoder>)[],
): Promise<BenchRow[]> {
  const { lane, repeats } = context;
  const prompt = benchPrompt(promptTokens, checkpoint.config.vocabSize);
  const decoders: Decoder[] = [];
  for (const make of makers) {
    try {
      decoders.push(await make());
      context.progress(`${suite}: ${decoders.at(-1)!.name} loaded`);
    } catch (error) {
      context.absent(messageOf(error));
    }
  }
  const [reference] = decoders;
  if (!reference) return [];
  const logits = new Map<string, Float32Array>();
  const replies = new Map<string, Reply[]>();
  const expected = (await timedReply(reference, prompt, decodeTokens)).tokens;
  const checks = new Map<string, { difference: number; correct: boolean }>();
  for (const decoder of [...decoders]) {
    let tokens: readonly number[];
    try {
      logits.set(decoder.name, await inTime(decoder.lastLogits(prompt)));
      // Also the warm-up.
      ({ tokens } = await inTime(timedReply(decoder, prompt, decodeTokens)));
    } catch (error) {
      context.absent(`${suite}: ${decoder.name}: ${messageOf(error)}`);
      decoders.splice(decoders.indexOf(decoder), 1);
      continue;
    }
    const difference = largestDifference(logits.get(decoder.name)!, logits.get(reference.name)!);
    context.progress(`${suite}: ${decoder.name} replied`);
    const same = tokens.join() === expected.slice(0, decoder.promptOnly ? 1 : expected.length).join();
    checks.set(decoder.name, { difference, correct: difference < 2e-4 && same });
    replies.set(decoder.name, []);
  }
  for (let round = 0; round < repeats; round++) {
    context.progress(`${suite}: round ${round + 1} of ${repeats}`);
    for (const decoder of decoders) {
      replies.get(decoder.name)!.push(await timedReply(decoder, prompt, decodeTokens));
    }
  }
  const rows: BenchRow[] = [];
  for (const part of ['prefill', 'decode'] as const) {
    for (const { name, runsOn, promptOnly } of decoders) {
      if (part === 'decode' && promptOnly) continue;
      const all = replies.get(name)!;
      const times = all.map((reply) => (part === 'prefill' ? reply.prefillMs : reply.decodeMsPerToken));
      const medianMs = median(times);
      const last = all.at(-1)!;
      rows.push({
        suite,
        lane,
        test: part === 'prefill' ? `prefill ${promptTokens}` : 'decode',
        engine: name,
        runsOn,
        medianMs,
        minMs: Math.min(...times),
        rate: ((part === 'prefill' ? promptTokens : 1) * 1000) / medianMs,
        unit: 'tokens/s',
        counts: runsOn === 'cpu' ? null : part === 'prefill' ? last.prefillCounts : last.decodeCounts,
        ...checks.get(name)!,
        note: name === reference.name ? 'reference' : '',
      });
    }
  }
  for (const decoder of decoders) await decoder.release();
  return rows;
}
