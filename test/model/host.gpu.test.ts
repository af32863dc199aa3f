import { afterEach, describe, expect, it } from 'vitest';
import type { EngineDevice } from '../../src/gpu/device.ts';
import { ModelHost, type HostResult, type RecoveryEvent } from '../../src/model/host.ts';
import { planModel } from '../../src/model/planner.ts';
import { greedySampling } from '../../src/gpu/kernels/sampling.ts';
import { engineDevice, fixtureCheckpoint, smallLoad } from '../helpers/engine.ts';
import { gpuSkipReason, nodeGpu } from '../helpers/gpu.ts';
import { readReference } from '../helpers/reference.ts';

interface Opened {
  readonly host: ModelHost;
  readonly devices: EngineDevice[];
  readonly events: RecoveryEvent[];
}

const hosts: ModelHost[] = [];
afterEach(() => {
  for (const host of hosts.splice(0)) host.close();
});

async function openHost(): Promise<Opened | null> {
  if (!(await nodeGpu())) return null;
  const devices: EngineDevice[] = [];
  const events: RecoveryEvent[] = [];
  const host = new ModelHost({
    openDevice: async () => {
      const device = await engineDevice();
      devices.push(device!);
      return device!;
    },
    onRecovery: (event) => events.push(event),
  });
  hosts.push(host);
  return { host, devices, events };
}

/** Collects a reply; `after` runs when that many tokens have come. */
async function reply(
  host: ModelHost,
  prompt: readonly number[],
  count: number,
  after?: { readonly tokens: number; readonly run: () => void },
): Promise<{ tokens: number[]; outcome: HostResult<null> }> {
  const tokens: number[] = [];
  const running = host.generate(prompt, { maxNewTokens: count, sampling: greedySampling, ignoreStops: true });
  for (;;) {
    const step = await running.next();
    if (step.done) return { tokens, outcome: step.value };
    tokens.push(step.value.token);
    if (tokens.length === after?.tokens) after.run();
  }
}

describe('a model that outlives its device', () => {
  it('goes on after a loss in the middle of a reply, with the tokens an undisturbed run gives', async (context) => {
    const opened = await openHost();
    if (!opened) return context.skip(gpuSkipReason);
    const { host, devices, events } = opened;
    const reference = await readReference('moe');
    const loaded = await host.load(await fixtureCheckpoint('tiny-moe'), smallLoad);
    expect(loaded.ok).toBe(true);
    const { tokens, outcome } = await reply(host, reference.greedyPrompt, 24, {
      tokens: 9,
      run: () => devices[0]!.device.destroy(),
    });
    expect(outcome.ok).toBe(true);
    expect(tokens).toEqual(reference.greedyTokens.slice(0, 24));
    expect(events.map(({ phase }) => phase)).toEqual(['lost', 'recovered']);
    expect(devices).toHaveLength(2);
  });

  it('rebuilds itself after a loss between replies and still knows the conversation', async (context) => {
    const opened = await openHost();
    if (!opened) return context.skip(gpuSkipReason);
    const { host, devices } = opened;
    const reference = await readReference('moe');
    await host.load(await fixtureCheckpoint('tiny-moe'), smallLoad);
    const first = await reply(host, reference.greedyPrompt, 8);
    devices[0]!.device.destroy();
    await devices[0]!.lost;
    const more = await reply(host, [...reference.greedyPrompt, ...first.tokens], 8);
    expect([...first.tokens, ...more.tokens]).toEqual(reference.greedyTokens.slice(0, 16));
  });

  it('gives a plan that fits along with one that does not', async (context) => {
    const opened = await openHost();
    if (!opened) return context.skip(gpuSkipReason);
    const checkpoint = await fixtureCheckpoint('tiny-moe');
    const tooLong = { ...smallLoad, contextLength: 81_920 };
    const failed = await opened.host.load(checkpoint, tooLong);
    if (failed.ok) throw new Error('expected a failure');
    expect(failed.error.code).toBe('does-not-fit');
    expect(failed.plan?.options.contextLength).toBe(81_920);
    expect(failed.advice?.options).toMatchObject({ weightType: 'f32', contextLength: 40_960 });
    expect(failed.advice?.problems).toEqual([]);
    const again = await opened.host.load(checkpoint, { ...tooLong, contextLength: 256 });
    expect(again.ok).toBe(true);
  });

  it('plans buffers that a kernel can bind, where larger ones could be made', async (context) => {
    const engine = await engineDevice();
    if (!engine) return context.skip(gpuSkipReason);
    Object.defineProperty(engine, 'maxBindingBytes', { value: 2 ** 19 });
    const checkpoint = await fixtureCheckpoint('tiny-moe');
    const problems = (chunkTokens: number): readonly string[] =>
      planModel(engine, checkpoint, { ...smallLoad, contextLength: 4096, chunkTokens }).memory.problems;
    expect(problems(64)).toEqual([]);
    expect(problems(4096)[0]).toMatch(/largest buffer/);
    engine.destroy();
  });

  it('reports an allocation that the GPU refuses with the plan, and stays usable', async (context) => {
    const opened = await openHost();
    if (!opened) return context.skip(gpuSkipReason);
    const { host } = opened;
    const engine = await host.engine();
    const checkpoint = await fixtureCheckpoint('tiny-moe');
    const { device } = engine;
    const create = device.createBuffer.bind(device);
    // A full GPU cannot be had here: an allocation behind the weights asks for more than any device allows.
    let refused = false;
    device.createBuffer = (descriptor) => {
      if (!refused && descriptor.label?.startsWith('rope')) {
        refused = true;
        engine.buffers.create('too large', Number.MAX_SAFE_INTEGER);
      }
      return create(descriptor);
    };
    const failed = await host.load(checkpoint, smallLoad);
    if (failed.ok) throw new Error('expected a failure');
    expect(failed.error.code).toBe('gpu-out-of-memory');
    expect(failed.plan?.totalBytes).toBeGreaterThan(0);
    expect(failed.advice!.totalBytes).toBeLessThan(failed.plan!.totalBytes);
    expect(engine.buffers.bytesByGroup().map(({ group }) => group)).toEqual(['null']);
    expect((await host.load(checkpoint, smallLoad)).ok).toBe(true);
  });

  it('answers again after memory ran out while the cache grew', async (context) => {
    const opened = await openHost();
    if (!opened) return context.skip(gpuSkipReason);
    const { host } = opened;
    const { device } = await host.engine();
    const reference = await readReference('moe');
    await host.load(await fixtureCheckpoint('tiny-moe'), smallLoad);
    const create = device.createBuffer.bind(device);
    // As WebGPU does it: the buffer is void, and the event says why.
    device.createBuffer = (descriptor) => {
      if (!descriptor.label?.startsWith('kv/layer 1')) return create(descriptor);
      device.createBuffer = create;
      device.pushErrorScope('validation');
      const buffer = create({ ...descriptor, usage: 0 });
      void device.popErrorScope();
      const error = new (class GPUOutOfMemoryError extends Error {})('full');
      device.dispatchEvent(Object.assign(new Event('uncapturederror'), { error }));
      return buffer;
    };
    const full = await reply(host, reference.greedyPrompt, 8);
    expect(full.outcome).toMatchObject({ ok: false, error: { code: 'gpu-out-of-memory' } });
    const { tokens, outcome } = await reply(host, reference.greedyPrompt, 8);
    expect(outcome.ok).toBe(true);
    expect(tokens).toEqual(reference.greedyTokens.slice(0, 8));
  });
});
