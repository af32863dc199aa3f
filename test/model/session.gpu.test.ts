import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EngineDevice } from '../../src/gpu/device.ts';
import { greedySampling } from '../../src/gpu/kernels/sampling.ts';
import { openCheckpoint } from '../../src/model/checkpoint.ts';
import { readSafetensorsHeader, writeSafetensors } from '../../src/model/safetensors.ts';
import { ModelSession } from '../../src/model/session.ts';
import { decodeFloats } from '../../src/model/tensorData.ts';
import { fixtureFiles } from '../helpers/checkpoint.ts';
import { engineDevice, loadFixture, smallLoad } from '../helpers/engine.ts';
import { gpuSkipReason } from '../helpers/gpu.ts';
import { maxAbsDifference, readReference, type ReferenceRun } from '../helpers/reference.ts';

async function greedy(session: ModelSession, prompt: number[], count: number): Promise<number[]> {
  const tokens: number[] = [];
  for await (const { token } of session.generate(prompt, { maxNewTokens: count, sampling: greedySampling })) {
    tokens.push(token);
  }
  return tokens;
}

function idsOf(reference: ReferenceRun): number[] {
  return [...reference.tensors.get('ids')!.data];
}

describe.each([
  ['subgroups as the adapter has them', {}],
  ['no subgroups, default limits', { subgroups: false, raisedLimits: false }],
])('the engine against the PyTorch reference: %s', (_name, deviceOptions) => {
  let engine: EngineDevice | null = null;
  beforeAll(async () => {
    engine = await engineDevice(deviceOptions);
  });
  afterAll(() => engine?.destroy());

  // The reference generates on past stop tokens, so none may end the reply here.
  const noStops = { eos_token_id: null, generation: null };

  it.for(['dense', 'dense-yarn', 'dense-sliding', 'moe', 'moe-unnormalised'])(
    'logits within 2e-4 and 64 equal greedy tokens in f32: %s',
    async (variant, context) => {
      if (!engine) return context.skip(gpuSkipReason);
      const reference = await readReference(variant);
      const session = await loadFixture(engine, reference.model, { ...reference.overrides, ...noStops });
      const expected = reference.tensors.get('logits')!.data;
      const ids = idsOf(reference);
      expect(maxAbsDifference(await session.allLogits(ids), expected)).toBeLessThan(2e-4);
      session.reset();
      expect(await greedy(session, reference.greedyPrompt, 64)).toEqual(reference.greedyTokens);
      session.destroy();
    },
  );

  it('a head tensor beside a tied embedding changes nothing', async (context) => {
    if (!engine) return context.skip(gpuSkipReason);
    const reference = await readReference('dense');
    const source = (await fixtureFiles('tiny-dense').open('model.safetensors'))!;
    const { tensors } = await readSafetensorsHeader(source);
    const kept = await Promise.all(
      tensors.map(async ({ name, dtype, shape, start, end }) => ({
        name,
        shape,
        data: decodeFloats(dtype, await source.read(start, end)),
      })),
    );
    const { shape, data } = kept.find(({ name }) => name === 'model.embed_tokens.weight')!;
    // Between tensors that are read, so that the loader has to pass over it.
    const head = { name: 'lm_head.weight', shape, data: data.map((value) => -value) };
    const file = writeSafetensors([kept[0]!, head, ...kept.slice(1)]);
    const checkpoint = await openCheckpoint(fixtureFiles('tiny-dense', { 'model.safetensors': file }));
    const session = await ModelSession.load(engine, checkpoint, smallLoad);
    const logits = await session.allLogits(idsOf(reference));
    expect(maxAbsDifference(logits, reference.tensors.get('logits')!.data)).toBeLessThan(2e-4);
    session.destroy();
  });

  it.for(['dense-packed', 'moe-packed'])(
    'packed documents do not see each other: %s',
    async (variant, context) => {
      if (!engine) return context.skip(gpuSkipReason);
      const reference = await readReference(variant);
      const session = await loadFixture(engine, reference.model);
      const logits = await session.allLogits(idsOf(reference), { documentStarts: [0, 17, 37] });
      expect(maxAbsDifference(logits, reference.tensors.get('logits')!.data)).toBeLessThan(2e-4);
      session.destroy();
    },
  );

  it('a prompt gives bit-equal last logits on every run, and near-equal ones in chunks of any size', async (context) => {
    if (!engine) return context.skip(gpuSkipReason);
    const reference = await readReference('moe');
    const ids = idsOf(reference);
    const whole = await loadFixture(engine, 'tiny-moe');
    const once = await whole.lastLogits(ids);
    expect(await whole.lastLogits(ids)).toEqual(once);
    whole.destroy();
    for (const chunkTokens of [1, 7, 32]) {
      const session = await loadFixture(engine, 'tiny-moe', {}, { chunkTokens, logitRows: 1 });
      expect(maxAbsDifference(await session.lastLogits(ids), once)).toBeLessThan(1e-4);
      session.destroy();
    }
  });

  it('memory agrees with its plan within 5 %, and a decoded token costs one submit and one readback', async (context) => {
    if (!engine) return context.skip(gpuSkipReason);
    const before = engine.buffers.allocatedBytes - engine.scratch.sizeBytes;
    const session = await loadFixture(engine, 'tiny-moe', noStops, { contextLength: 160 });
    const prompt = idsOf(await readReference('moe'));
    await greedy(session, prompt, 4);
    const { counters } = await session.counted(() => greedy(session, [...prompt, 5], 9));
    expect(counters.submits).toBe(9);
    expect(counters.readbacks).toBe(9);
    expect(counters.buffersCreated).toBe(0);
    const planned = session.plan.memory.totalBytes;
    const allocated = engine.buffers.allocatedBytes - before;
    expect(Math.abs(allocated - planned) / planned).toBeLessThan(0.05);
    session.destroy();
  });

  it('holds weights and cache in smaller types within the error those types allow', async (context) => {
    if (!engine) return context.skip(gpuSkipReason);
    const reference = await readReference('dense');
    const expected = reference.tensors.get('logits')!.data;
    const errorOf = async (load: Parameters<typeof loadFixture>[3]): Promise<number> => {
      const session = await loadFixture(engine!, 'tiny-dense', {}, load);
      const error = maxAbsDifference(await session.allLogits(idsOf(reference)), expected);
      session.destroy();
      return error;
    };
    expect(await errorOf({ weightType: 'f16' })).toBeLessThan(2e-2);
    expect(await errorOf({ weightType: 'f16', kvType: 'f16' })).toBeLessThan(2e-2);
    expect(await errorOf({ kvType: 'int8' })).toBeLessThan(0.5);
    expect(await errorOf({ weightType: 'int8' })).toBeLessThan(0.5);
    expect(await errorOf({ weightType: 'int4' })).toBeLessThan(6);
  });
});
