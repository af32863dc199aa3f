import type { EngineDevice } from '../gpu/device.ts';
import { greedySampling } from '../gpu/kernels/sampling.ts';
import type { Checkpoint } from '../model/checkpoint.ts';
import { OrtSession } from '../model/ort/session.ts';
import { loadOrtWebGpu } from '../model/ort/webGpuProvider.ts';
import { ModelSession } from '../model/session.ts';
import { jaxModel, type Tensor } from './jaxModel.ts';
import { webGpuCounts, type WebGpuCounts } from './webgpuCounters.ts';

/** One greedy reply, timed: the prompt up to the first token, then each further token. */
export interface Reply {
  readonly tokens: readonly number[];
  readonly prefillMs: number;
  readonly decodeMsPerToken: number;
  readonly prefillCounts: WebGpuCounts;
  /** Per decoded token. */
  readonly decodeCounts: WebGpuCounts;
}

/** An engine with the checkpoint loaded. */
export interface Decoder {
  readonly name: string;
  readonly runsOn: 'gpu' | 'cpu';
  /** No cache: only the prompt is timed, and `generate` yields the one token after it. */
  readonly promptOnly?: boolean;
  /** Logits [V] after the last token of `ids`, from an empty cache. */
  lastLogits(ids: readonly number[]): Promise<Float32Array>;
  /** Generates `count` + 1 tokens greedily after `ids`, from an empty cache; yields each as it is known. */
  generate(ids: readonly number[], count: number): AsyncIterable<number>;
  release(): Promise<void>;
}

function difference(after: WebGpuCounts, before: WebGpuCounts, times: number): WebGpuCounts {
  const per = (key: keyof WebGpuCounts): number => (after[key] - before[key]) / times;
  return {
    dispatches: per('dispatches'),
    submits: per('submits'),
    readbacks: per('readbacks'),
    buffers: per('buffers'),
    pipelines: per('pipelines'),
  };
}

/** Times one reply of `count` + 1 tokens. */
export async function timedReply(decoder: Decoder, ids: readonly number[], count: number): Promise<Reply> {
  const tokens: number[] = [];
  const before = webGpuCounts();
  const started = performance.now();
  let firstAt = started;
  let atFirst = before;
  for await (const token of decoder.generate(ids, count)) {
    if (tokens.length === 0) {
      firstAt = performance.now();
      atFirst = webGpuCounts();
    }
    tokens.push(token);
  }
  return {
    tokens,
    prefillMs: firstAt - started,
    decodeMsPerToken: (performance.now() - firstAt) / count,
    prefillCounts: difference(atFirst, before, 1),
    decodeCounts: difference(webGpuCounts(), atFirst, count),
  };
}

/** Our engine in f32, the same as its peers. */
export async function ourDecoder(
  engine: EngineDevice,
  checkpoint: Checkpoint,
  contextLength: number,
  name: string,
): Promise<Decoder> {
  const session = await ModelSession.load(engine, checkpoint, {
    weightType: 'f32',
    kvType: 'f32',
    contextLength,
    chunkTokens: Math.min(512, contextLength),
  });
  return {
    name,
    runsOn: 'gpu',
    lastLogits: (ids) => session.lastLogits(ids),
    async *generate(ids, count) {
      session.reset();
      for await (const { token } of session.generate(ids, {
        maxNewTokens: count + 1,
        sampling: greedySampling,
      }))
        yield token;
    },
    release() {
      session.destroy();
      return Promise.resolve();
    },
  };
}

/** The most probable token, ties to the lowest id. */
function argmax(logits: Float32Array): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i;
  return best;
}

/** The dense model in jax-js for prompts of `count` tokens, compiled by it; logits are made of the last row only. */
export async function jaxDecoder(checkpoint: Checkpoint, count: number): Promise<Decoder> {
  const { jax, embed, hidden, logits } = await jaxModel(checkpoint, count);
  const forward = jax.jit((embedded: Tensor): Tensor =>
    logits(hidden(embedded).slice([count - 1, count], [])),
  );
  const lastLogits = async (ids: readonly number[]): Promise<Float32Array> =>
    (await forward(embed(ids)).data()) as Float32Array;
  return {
    name: 'jax-js',
    runsOn: 'gpu',
    promptOnly: true,
    lastLogits,
    async *generate(ids) {
      yield argmax(await lastLogits(ids));
    },
    release: () => Promise.resolve(),
  };
}

/** onnxruntime-web with the cache kept where it computes and only the last row of logits made. */
export async function ortDecoder(
  checkpoint: Checkpoint,
  maxPositions: number,
  provider: 'webgpu' | 'wasm',
  name: string,
  threads = 1,
): Promise<Decoder> {
  const session = await OrtSession.create(checkpoint, {
    maxPositions,
    ...(provider === 'webgpu' ? { loadWebGpu: loadOrtWebGpu } : {}),
    threads,
    lastLogitsOnly: true,
  });
  const { vocabSize } = checkpoint.config;
  const lastRow = (logits: Float32Array): Float32Array => logits.subarray(-vocabSize);
  return {
    name,
    runsOn: provider === 'webgpu' ? 'gpu' : 'cpu',
    async lastLogits(ids) {
      session.reset();
      return lastRow(await session.forward(ids));
    },
    async *generate(ids, count) {
      session.reset();
      let token = argmax(lastRow(await session.forward(ids)));
      yield token;
      for (let step = 0; step < count; step++) {
        token = argmax(lastRow(await session.forward([token])));
        yield token;
      }
    },
    release: () => session.release(),
  };
}
