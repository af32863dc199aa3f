import type { JsonObject } from '../core/json.ts';
import type { EngineDevice } from '../gpu/device.ts';
import { greedySampling } from '../gpu/kernels/sampling.ts';
import { ModelSession } from '../model/session.ts';
import { benchPrompt } from './modelBench.ts';
import { randomCheckpoint } from './randomCheckpoint.ts';
import { oursName, type BenchRow, type ContextMemory } from './report.ts';
import type { BenchContext } from './runBench.ts';
import { median } from './timing.ts';
import { webGpuCounts } from './webgpuCounters.ts';

/** 2 layers, hidden 64, 2 heads of 32 on one key/value head: small enough that 32k tokens run on two CPU cores. */
export const longContextConfig: JsonObject = {
  model_type: 'qwen3',
  hidden_act: 'silu',
  attention_bias: false,
  rms_norm_eps: 1e-6,
  rope_theta: 1e6,
  max_position_embeddings: 40960,
  vocab_size: 512,
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 32,
  intermediate_size: 128,
  tie_word_embeddings: true,
};

const decodeTokens = 12;

/** Bytes of each buffer made on the device while `action` runs, largest first. */
export async function largestBuffer<T>(
  engine: EngineDevice,
  action: () => Promise<T>,
): Promise<{ result: T; largestBytes: number }> {
  const { device } = engine;
  const create = device.createBuffer.bind(device);
  let largestBytes = 0;
  device.createBuffer = (descriptor) => {
    largestBytes = Math.max(largestBytes, descriptor.size);
    return create(descriptor);
  };
  try {
    return { result: await action(), largestBytes };
  } finally {
    device.createBuffer = create;
  }
}

/** A prompt of `tokens` tokens read at once and a short reply, in a session made for that length. */
export async function runContextLength(
  engine: EngineDevice,
  tokens: number,
): Promise<{
  prefillMs: number;
  decodeMs: number[];
  perToken: Record<string, number>;
  memory: ContextMemory;
}> {
  const checkpoint = await randomCheckpoint('long-context', longContextConfig);
  const ids = benchPrompt(tokens, checkpoint.config.vocabSize);
  engine.scratch.clear();
  const idle = engine.buffers.allocatedBytes;
  const { result, largestBytes } = await largestBuffer(engine, async () => {
    const session = await ModelSession.load(engine, checkpoint, {
      weightType: 'f32',
      kvType: 'f32',
      contextLength: tokens + decodeTokens,
      chunkTokens: 512,
    });
    const decodeMs: number[] = [];
    const started = performance.now();
    let last = started;
    let prefillMs = 0;
    let counts = webGpuCounts();
    for await (const { position } of session.generate(ids, {
      maxNewTokens: decodeTokens,
      sampling: greedySampling,
    })) {
      const now = performance.now();
      if (position === tokens) {
        prefillMs = now - started;
        counts = webGpuCounts();
      } else decodeMs.push(now - last);
      last = now;
    }
    const after = webGpuCounts();
    const perToken = Object.fromEntries(
      (Object.keys(counts) as (keyof typeof counts)[]).map((key) => [
        key,
        (after[key] - counts[key]) / Math.max(1, decodeMs.length),
      ]),
    );
    const { memory } = session.plan;
    const allocatedBytes = engine.buffers.allocatedBytes - idle;
    session.destroy();
    return { prefillMs, decodeMs, perToken, plan: memory, allocatedBytes };
  });
  return {
    prefillMs: result.prefillMs,
    decodeMs: result.decodeMs,
    perToken: result.perToken,
    memory: {
      tokens,
      plannedBytes: result.plan.totalBytes,
      allocatedBytes: result.allocatedBytes,
      kvBytes: result.plan.kvBytes,
      largestBufferBytes: largestBytes,
    },
  };
}

/** Time, speed and memory at 1k, 2k, 4k … tokens; ours alone. */
export async function benchContext(
  context: BenchContext,
): Promise<{ rows: BenchRow[]; memory: ContextMemory[] }> {
  const rows: BenchRow[] = [];
  const memory: ContextMemory[] = [];
  await runContextLength(context.engine, 512);
  for (let tokens = 1024; tokens <= context.maxContext; tokens *= 2) {
    context.progress(`context of ${tokens} tokens`);
    const run = await runContextLength(context.engine, tokens);
    memory.push(run.memory);
    const row = (test: string, medianMs: number, minMs: number, count: number): BenchRow => ({
      suite: 'context',
      lane: context.lane,
      test,
      engine: oursName,
      runsOn: 'gpu',
      medianMs,
      minMs,
      rate: (count * 1000) / medianMs,
      unit: 'tokens/s',
      counts: null,
      difference: NaN,
      correct: true,
      note: '',
    });
    rows.push(
      row(`${tokens} tokens prefill`, run.prefillMs, run.prefillMs, tokens),
      row(`${tokens} tokens decode`, median(run.decodeMs), Math.min(...run.decodeMs), 1),
    );
  }
  return { rows, memory };
}
