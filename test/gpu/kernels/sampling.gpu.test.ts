import { describe, expect, it } from 'vitest';
import { Rng } from '../../../src/core/rng.ts';
import type { EngineDevice } from '../../../src/gpu/device.ts';
import {
  checkSampling,
  greedySampling,
  readSample,
  sampleRecordWords,
  sampleTokens,
  type Sample,
  type SamplingOptions,
} from '../../../src/gpu/kernels/sampling.ts';
import { sampleLogits } from '../../../src/model/sampleLogits.ts';
import { engineModes, gpuSkipReason, hasGpu, testEngine } from '../../helpers/gpu.ts';
import { Harness } from '../harness.ts';
import { randomMatrix, type Matrix } from '../reference/numbers.ts';

/** Draws `steps` times from the same logits. */
async function draw(
  h: Harness,
  logits: Matrix,
  options: SamplingOptions,
  steps = 1,
  seen: readonly number[] | null = null,
): Promise<Sample[]> {
  const rows = h.rows(logits);
  const words = sampleRecordWords(options.topLogprobs);
  const tokens = h.empty('tokens', logits.rows * 4);
  const record = h.empty('record', logits.rows * words * 4);
  const bits = new Uint32Array(Math.ceil(logits.cols / 32));
  for (const token of seen ?? []) bits[token >> 5] = bits[token >> 5]! | (1 << (token & 31));
  const samples: Sample[] = [];
  for (let step = 0; step < steps; step++) {
    const set = seen ? h.bytes('seen', bits) : null;
    sampleTokens(h.recorder, { logits: rows, options, step, seen: set, tokens, record });
    const [bytes] = await h.recorder.read(record);
    for (let row = 0; row < logits.rows; row++) {
      samples.push(readSample(bytes!, options.topLogprobs, row));
    }
  }
  return samples;
}

const logSoftmax = (row: Float64Array): number[] => {
  const peak = Math.max(...row);
  const total = Math.log(row.reduce((sum, x) => sum + Math.exp(x - peak), 0)) + peak;
  return [...row].map((x) => x - total);
};

describe.skipIf(!hasGpu)(hasGpu ? 'sampling' : `sampling (${gpuSkipReason})`, () => {
  for (const mode of engineModes) {
    it(`takes the most probable, ties to the lowest id, with log-probabilities: ${mode.name}`, async () => {
      const engine = (await testEngine(mode.options)) as EngineDevice;
      const h = new Harness(engine);
      for (const vocab of [1, 3, 65, 1000]) {
        const logits = randomMatrix('logits', 3, vocab);
        if (vocab > 3) logits.data[vocab - 1] = logits.data[1] = 9;
        const n = Math.min(vocab, 5);
        const samples = await draw(h, logits, { ...greedySampling, topLogprobs: n });
        samples.forEach((sample, row) => {
          const logprobs = logSoftmax(logits.data.subarray(row * vocab, (row + 1) * vocab));
          const order = logprobs.map((_, i) => i).sort((a, b) => logprobs[b]! - logprobs[a]! || a - b);
          expect(sample.token).toBe(order[0]);
          expect(sample.top.map((entry) => entry.token)).toEqual(order.slice(0, n));
          for (const { token, logprob } of [sample, ...sample.top]) {
            expect(Math.abs(logprob - logprobs[token]!)).toBeLessThan(1e-5);
          }
        });
      }
      h.dispose();
    });

    it(`keeps what top-k, top-p and min-p keep, and draws by probability: ${mode.name}`, async () => {
      const engine = (await testEngine(mode.options)) as EngineDevice;
      const h = new Harness(engine);
      const logits = randomMatrix('logits', 1, 127, 1.5);
      const at = (temperature: number): number[] => logSoftmax(logits.data.map((x) => x / temperature));
      const order = at(1)
        .map((_, i) => i)
        .sort((a, b) => logits.data[b]! - logits.data[a]!);
      const nucleus = (p: number, temperature: number, from: number[]): number[] => {
        const mass = from.map((i) => Math.exp(at(temperature)[i]!));
        const total = mass.reduce((sum, x) => sum + x, 0);
        let sum = 0;
        return from.filter((_, i) => {
          const open = sum < p * total;
          sum += mass[i]!;
          return open;
        });
      };
      const base = { ...greedySampling, temperature: 0.8, seed: 5 };
      const cases: [SamplingOptions, number[]][] = [
        [{ ...base, topK: 7 }, order.slice(0, 7)],
        [{ ...base, topP: 0.6 }, nucleus(0.6, 0.8, order)],
        [{ ...base, topK: 20, topP: 0.5 }, nucleus(0.5, 0.8, order.slice(0, 20))],
        [{ ...base, minP: 0.2 }, order.filter((i) => Math.exp(at(0.8)[i]! - at(0.8)[order[0]!]!) >= 0.2)],
      ];
      for (const [options, allowed] of cases) {
        const samples = await draw(h, logits, options, 150);
        const seen = new Set(samples.map((sample) => sample.token));
        expect([...seen].filter((token) => !allowed.includes(token))).toEqual([]);
        // The most probable third of what is allowed turns up in 150 draws.
        const likely = allowed.slice(0, Math.ceil(allowed.length / 3));
        expect(likely.filter((token) => !seen.has(token))).toEqual([]);
        const again = await draw(h, logits, options, 3);
        expect(again).toEqual(samples.slice(0, 3));
      }
      const free = await draw(h, logits, { ...base, temperature: 1 }, 400);
      const share = free.filter((sample) => sample.token === order[0]).length / 400;
      const expected = Math.exp(at(1)[order[0]!]!);
      expect(Math.abs(share - expected)).toBeLessThan(4 * Math.sqrt((expected * (1 - expected)) / 400));
      h.dispose();
    });
  }

  it('punishes repetition and remembers what it drew', async () => {
    const engine = (await testEngine()) as EngineDevice;
    const h = new Harness(engine);
    const logits: Matrix = { rows: 1, cols: 4, data: Float64Array.from([4, 3.9, -1, 3]) };
    const options = { ...greedySampling, repetitionPenalty: 1.5 };
    expect((await draw(h, logits, options, 1, []))[0]!.token).toBe(0);
    expect((await draw(h, logits, options, 1, [0]))[0]!.token).toBe(1);
    expect((await draw(h, logits, options, 1, [0, 1]))[0]!.token).toBe(3);
    const seen = h.uints([0]);
    const tokens = h.empty('tokens', 4);
    const record = h.empty('record', 8);
    const drawn: number[] = [];
    for (let step = 0; step < 3; step++) {
      sampleTokens(h.recorder, { logits: h.rows(logits), options, step, seen, tokens, record });
      drawn.push((await h.recorder.readUints(tokens))[0]!);
    }
    expect(drawn).toEqual([0, 1, 3]);
    h.dispose();
  });

  it('draws the same with and without subgroups', async () => {
    const logits = randomMatrix('logits', 1, 1000);
    const options = {
      ...greedySampling,
      temperature: 1,
      topP: 0.9,
      topK: 500,
      seed: new Rng(1).nextUint32(),
    };
    const results = [];
    for (const mode of engineModes) {
      const h = new Harness((await testEngine(mode.options)) as EngineDevice);
      results.push((await draw(h, logits, options, 20)).map((sample) => sample.token));
      h.dispose();
    }
    expect(results[0]).toEqual(results[1]);
  });

  it('draws on the CPU what it draws on the GPU', async () => {
    const h = new Harness((await testEngine()) as EngineDevice);
    const logits = randomMatrix('logits', 1, 1000, 2);
    const row = Float32Array.from(logits.data);
    const base = { ...greedySampling, temperature: 0.7, seed: 11, topLogprobs: 3 };
    for (const changes of [{ temperature: 0 }, {}, { topK: 40 }, { topP: 0.8 }, { topK: 9, minP: 0.1 }]) {
      const options = { ...base, ...changes };
      const gpu = await draw(h, logits, options, 24);
      gpu.forEach((sample, step) => {
        const own = sampleLogits(row, options, step);
        expect(own.token).toBe(sample.token);
        expect(own.top.map(({ token }) => token)).toEqual(sample.top.map(({ token }) => token));
        expect(Math.abs(own.logprob - sample.logprob)).toBeLessThan(1e-4);
      });
    }
    const punished = { ...greedySampling, repetitionPenalty: 1.5 };
    const [gpu] = await draw(h, logits, punished, 1, [row.indexOf(Math.max(...row))]);
    const seen = new Set([row.indexOf(Math.max(...row))]);
    expect(sampleLogits(row, punished, 0, seen).token).toBe(gpu!.token);
    h.dispose();
  });
});

describe('checkSampling', () => {
  it('names the option that cannot be used', () => {
    expect(() => checkSampling({ ...greedySampling, topP: 0 })).toThrow(/topP.*above 0/);
    expect(() => checkSampling({ ...greedySampling, topLogprobs: 21 })).toThrow(/topLogprobs/);
    expect(() => checkSampling(greedySampling)).not.toThrow();
  });
});
