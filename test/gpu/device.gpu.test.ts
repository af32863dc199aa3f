import { describe, expect, it } from 'vitest';
import { countersSince } from '../../src/gpu/counters.ts';
import { requestEngineDevice, type EngineDevice } from '../../src/gpu/device.ts';
import {
  GpuDeviceLostError,
  GpuOutOfMemoryError,
  GpuValidationError,
  ShaderCompileError,
} from '../../src/gpu/errors.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { matmul } from '../../src/gpu/kernels/matmul.ts';
import { PipelineCollector } from '../../src/gpu/pipelineCache.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { createRows, createWeight, destroyWeight, weightBytes, weightTypes } from '../../src/gpu/tensors.ts';
import { gpuSkipReason, hasGpu, nodeGpu } from '../helpers/gpu.ts';
import { Harness } from './harness.ts';
import { randomMatrix } from './reference/numbers.ts';

const head = `struct Params { workgroupBase: u32, workgroupEnd: u32, count: u32 }
@group(0) @binding(0) var<storage, read_write> out: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;
#include "dispatch.wgsl"
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u) {
  let index = linearWorkgroup(id, count);
`;

/** Writes its own workgroup number. */
const numberKernel = defineKernel({
  name: 'test/number',
  source: `${head} if (index < params.workgroupEnd && index < params.count) { out[index] = index + 1u; } }`,
  bindings: { out: 'read_write' },
  params: { count: 'u32' },
});

const brokenKernel = defineKernel({
  ...numberKernel,
  name: 'test/broken',
  source: `${head} out[0] = nonsense; }`,
});

async function device(options = {}): Promise<EngineDevice> {
  return requestEngineDevice((await nodeGpu())!, options);
}

describe.skipIf(!hasGpu)(hasGpu ? 'engine device' : `engine device (${gpuSkipReason})`, () => {
  it('can behave as if raised limits and optional features were absent', async () => {
    const engine = await device({ f16: false, subgroups: false, timestamps: false, raisedLimits: false });
    expect(engine.features).toEqual({ f16: false, subgroups: false, timestamps: false });
    expect(engine.maxBindingBytes).toBe(128 * 1024 * 1024);
    expect(engine.workgroupStorageBytes).toBe(16384);
    expect(engine.facts.subgroupMinSize).toBe(0);
    engine.destroy();
  });

  it('accounts for every buffer, by label, and for the peak', async () => {
    const engine = await device();
    const before = engine.buffers.allocatedBytes;
    const a = engine.buffers.create('weights/a', 1000);
    const b = engine.buffers.create('weights/b', 16);
    engine.buffers.create('cache/page', 64);
    expect(a.sizeBytes).toBe(1008);
    expect(engine.buffers.allocatedBytes - before).toBe(1008 + 16 + 64);
    expect(engine.buffers.bytesByGroup()).toContainEqual({ group: 'weights', sizeBytes: 1024 });
    engine.buffers.destroy(a);
    engine.buffers.destroy(b);
    expect(engine.buffers.allocatedBytes - before).toBe(64);
    expect(engine.buffers.peakBytes - before).toBe(1088);
    engine.destroy();
  });

  it('predicts the bytes of a weight exactly, and splits it by bindings', async () => {
    const engine = await device();
    for (const type of weightTypes) {
      for (const [rows, cols, limit] of [
        [100, 65, 4096],
        [7, 1000, 1 << 20],
      ] as const) {
        const before = engine.buffers.allocatedBytes;
        const weight = createWeight(engine.buffers, 'weights/w', type, rows, cols, limit);
        expect(engine.buffers.allocatedBytes - before).toBe(weightBytes(type, rows, cols, limit));
        for (const { data } of weight.parts) expect(data.buffer.sizeBytes).toBeLessThanOrEqual(limit);
        destroyWeight(engine.buffers, weight);
        expect(engine.buffers.allocatedBytes).toBe(before);
      }
    }
    engine.destroy();
  });

  it('runs every workgroup once when folded into two dimensions and cut by the time budget', async () => {
    const engine = await device({ submitBudgetMs: 0.01 });
    const h = new Harness(engine);
    const count = 200_000;
    const out = h.empty('numbers', count * 4);
    h.recorder.dispatch({
      kernel: numberKernel,
      variant: {},
      buffers: { out },
      params: { count },
      workgroups: count,
      cost: { flops: 1e5, bytes: 0 },
    });
    const numbers = await h.recorder.readUints(out);
    expect(numbers.every((value, index) => value === index + 1)).toBe(true);
    expect(engine.counters.submits).toBeGreaterThan(3);
    engine.destroy();
  });

  it('makes no buffer and no bind group after the first step, one submit and one readback a step', async () => {
    const engine = await device({ submitBudgetMs: 1000 });
    const h = new Harness(engine);
    const x = h.rows(randomMatrix('x', 3, 64));
    const { weight } = h.weight('f32', randomMatrix('w', 64, 64));
    const step = async (): Promise<void> => {
      const y = { ...createRowsLike(h), range: h.recorder.scratch('y', 3 * 64 * 4) };
      matmul(h.recorder, { x, weight, out: y });
      await h.recorder.read(y.range);
    };
    await step();
    const before = { ...engine.counters };
    await step();
    await step();
    expect(countersSince(before, engine.counters)).toMatchObject({
      dispatches: 2,
      submits: 2,
      readbacks: 2,
      buffersCreated: 0,
      bindGroupsCreated: 0,
      pipelinesCreated: 0,
    });
    engine.destroy();
  });

  it('compiles what a collector saw, in parallel and with progress', async () => {
    const engine = await device();
    const h = new Harness(engine);
    const collector = new PipelineCollector(engine);
    const x = h.rows(randomMatrix('x', 1, 64));
    for (const type of ['f32', 'int8'] as const) {
      const { weight } = h.weight(type, randomMatrix('w', 4, 64));
      matmul(collector, { x, weight, out: h.emptyRows(1, 4) });
    }
    const progress: string[] = [];
    await engine.pipelines.prepare(collector.requests, (done, total) => progress.push(`${done}/${total}`));
    expect(progress).toEqual(['0/2', '1/2', '2/2']);
    expect(engine.counters).toMatchObject({ pipelinesCreated: 2, dispatches: 0 });
    engine.destroy();
  });

  it('reports the line of a kernel that does not compile', async () => {
    const engine = await device();
    const failure = await engine.pipelines
      .prepare([{ kernel: brokenKernel, variant: {} }])
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ShaderCompileError);
    expect((failure as ShaderCompileError).message).toMatch(/test\/broken[\s\S]*nonsense/);
    // Compiled on the spot, the error reaches the next submit.
    const recorder = new Recorder(engine);
    recorder.dispatch({
      kernel: brokenKernel,
      variant: {},
      buffers: { out: engine.nullOutput },
      params: { count: 1 },
      workgroups: 1,
      cost: { flops: 1, bytes: 1 },
    });
    await expect(recorder.readUints(engine.nullOutput)).rejects.toBeInstanceOf(ShaderCompileError);
    engine.destroy();
  });

  it('gives typed errors for invalid calls and for memory that is not there', async () => {
    const engine = await device();
    await expect(
      engine.guard('making a bad buffer', () => engine.device.createBuffer({ size: 16, usage: 0 })),
    ).rejects.toBeInstanceOf(GpuValidationError);
    expect(() => engine.buffers.create('weights/huge', 2 ** 50)).toThrow(GpuOutOfMemoryError);
    await expect(engine.guard('fine', () => 7)).resolves.toBe(7);
    engine.destroy();
  });

  it('frees what a guarded action made before it failed, thrown or told by WebGPU, and nothing else', async () => {
    const engine = await device();
    const { buffers, scratch } = engine;
    const kept = buffers.create('test/kept', 64);
    scratch.take('kept', 64);
    const before = buffers.allocatedBytes;
    const make = (): void => {
      buffers.create('test/made', 1024);
      scratch.take('made', 1024);
    };
    const failures: readonly (() => void)[] = [
      () => engine.device.createBuffer({ size: 16, usage: 0 }),
      () => buffers.create('test/huge', 2 ** 50),
    ];
    for (const fail of failures) {
      await expect(
        engine.guard('test', () => {
          make();
          fail();
        }),
      ).rejects.toThrow();
      expect(buffers.allocatedBytes).toBe(before);
    }
    expect([...scratch.sizes.keys()]).toEqual(['kept']);
    await engine.guard('test', make);
    expect(buffers.allocatedBytes).toBe(before + 2048);
    buffers.destroy(kept);
    engine.destroy();
  });

  it('tells everyone who waits when the device is lost', async () => {
    const engine = await device();
    const h = new Harness(engine);
    const told: Error[] = [];
    engine.onFailure((error) => told.push(error));
    const x = createRows(engine.buffers, 'test/x', 1, 4);
    const waiting = h.recorder.readFloats(x.range).catch((error: unknown) => error);
    engine.device.destroy(); // as a driver reset would, not through engine.destroy()
    expect(await engine.lost).toBeInstanceOf(GpuDeviceLostError);
    await waiting;
    expect(told.at(-1)).toBeInstanceOf(GpuDeviceLostError);
    expect(engine.failure).toBeInstanceOf(GpuDeviceLostError);
    await expect(h.recorder.readFloats(x.range)).rejects.toBeInstanceOf(GpuDeviceLostError);
  });
});

function createRowsLike(h: Harness): ReturnType<typeof createRows> {
  return { range: h.engine.nullRange, rows: 3, cols: 64, stride: 64, start: 0 };
}
