import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import type { EngineDevice } from '../../src/gpu/device.ts';
import type { BufferRange } from '../../src/gpu/buffers.ts';
import { ModelSession } from '../../src/model/session.ts';
import { engineDevice } from '../helpers/engine.ts';
import { adapterName, gpuSkipReason } from '../helpers/gpu.ts';
import { hashedCheckpoint } from '../helpers/hashedCheckpoint.ts';
import { maxAbsDifference, readReference } from '../helpers/reference.ts';

describe('a layer at the shapes of a released model, on the limits that every device has', () => {
  let engine: EngineDevice | null = null;
  beforeAll(async () => {
    engine = await engineDevice({ raisedLimits: false });
  }, 60_000);
  afterAll(() => engine?.destroy());

  it.for([
    // The embedding, which is the head too, takes 297 MiB.
    ['0.6b', 'f16', 'weights/embedding'],
    // The 128 experts' gate and up rows take 216 MiB.
    ['30b-a3b', 'int4', 'weights/layer 0/experts gate up'],
  ] as const)(
    'Qwen3-%s in %s: hidden states, routing and logits as in PyTorch, with %s in several bindings',
    { timeout: 600_000 },
    async ([variant, weightType, splitLabel], context) => {
      if (!engine) return context.skip(gpuSkipReason);
      if (variant === '30b-a3b' && adapterName !== 'lavapipe') {
        return context.skip('604 million weights are loaded once, on the faster of the software adapters');
      }
      const reference = await readReference(`shape-${variant}`);
      const { config } = reference as unknown as { config: JsonObject };
      const tensor = (name: string): Float32Array | Int32Array => reference.tensors.get(name)!.data;
      const checkpoint = await hashedCheckpoint(`Qwen3-${variant}`, config);
      const ids = [...tensor('ids')];
      const buffers: { label: string; size: number }[] = [];
      const create = engine.device.createBuffer.bind(engine.device);
      engine.device.createBuffer = (descriptor) => {
        buffers.push({ label: descriptor.label ?? '', size: descriptor.size });
        return create(descriptor);
      };
      const session = await ModelSession.load(engine, checkpoint, {
        weightType,
        kvType: 'f32',
        contextLength: ids.length,
        chunkTokens: ids.length,
        logitRows: ids.length,
      });
      engine.device.createBuffer = create;
      const parts = buffers.filter(({ label }) => label.startsWith(splitLabel));
      expect(parts.length).toBeGreaterThan(1);
      expect(Math.max(...buffers.map(({ size }) => size))).toBeLessThanOrEqual(256 * 2 ** 20);

      const copies: BufferRange[] = [];
      const keep = (source: BufferRange): void => {
        const copy = engine!.buffers.range('test/copy', source.size);
        session.recorder.copy(source, copy);
        copies.push(copy);
      };
      const logits = await session.allLogits(ids, undefined, {
        afterRouter: (_layer, indices, weights) => {
          keep(indices);
          keep(weights);
        },
        afterLayer: (_layer, hidden) => keep(hidden.range),
      });
      const hidden = await session.recorder.readFloats(copies.pop()!);
      const expected = tensor('hidden');
      expect(maxAbsDifference(hidden.subarray(0, expected.length), expected)).toBeLessThan(5e-5);
      if (copies.length > 0) {
        const pairs = tensor('router_indices').length;
        const indices = await session.recorder.readUints(copies[0]!);
        expect([...indices.subarray(0, pairs)]).toEqual([...tensor('router_indices')]);
        const weights = await session.recorder.readFloats(copies[1]!);
        expect(maxAbsDifference(weights.subarray(0, pairs), tensor('router_weights'))).toBeLessThan(1e-5);
      }
      const { vocabSize } = checkpoint.config;
      const rows = tensor('logit_rows');
      const some = Float32Array.from(
        { length: ids.length * rows.length },
        (_, i) => logits[Math.floor(i / rows.length) * vocabSize + rows[i % rows.length]!]!,
      );
      const largest = Math.max(...tensor('logits').map(Math.abs));
      expect(maxAbsDifference(some, tensor('logits')) / largest).toBeLessThan(1e-5);
      for (const copy of copies) engine.buffers.destroy(copy.buffer);
      session.destroy();
    },
  );
});
