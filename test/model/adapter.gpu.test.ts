import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EngineDevice } from '../../src/gpu/device.ts';
import { openAdapter } from '../../src/model/adapter.ts';
import type { CheckpointFiles } from '../../src/model/checkpoint.ts';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { ModelSession } from '../../src/model/session.ts';
import { bytesSource } from '../helpers/checkpoint.ts';
import { engineDevice, fixtureCheckpoint, smallLoad } from '../helpers/engine.ts';
import { gpuSkipReason } from '../helpers/gpu.ts';
import { readReference, type ReferenceRun } from '../helpers/reference.ts';

/** The adapter of a training fixture as the PEFT folder that it would be saved as. */
function peftFolder(reference: ReferenceRun, config: Record<string, unknown> = {}): CheckpointFiles {
  const tensors = [...reference.tensors]
    .filter(([name]) => name.startsWith('model.'))
    .map(([name, { shape, data }]) => ({
      name: `base_model.model.${name}`,
      shape,
      data: Float32Array.from(data),
    }));
  const adapterConfig = JSON.stringify({
    peft_type: 'LORA',
    r: 4,
    lora_alpha: 8,
    use_rslora: false,
    ...config,
  });
  const files = new Map([
    ['adapter_config.json', new TextEncoder().encode(adapterConfig)],
    ['adapter_model.safetensors', writeSafetensors(tensors)],
  ]);
  return {
    name: 'adapter',
    open: (file) => Promise.resolve(files.has(file) ? bytesSource(file, files.get(file)!) : null),
  };
}

/** Mean cross-entropy of the labels that are not -100. */
function lossOf(logits: Float32Array, labels: ArrayLike<number>, vocabulary: number): number {
  let sum = 0;
  let count = 0;
  for (let t = 0; t < labels.length; t++) {
    if (labels[t]! < 0) continue;
    const row = logits.subarray(t * vocabulary, (t + 1) * vocabulary);
    const most = row.reduce((a, b) => Math.max(a, b));
    const total = row.reduce((a, b) => a + Math.exp(b - most), 0);
    sum += most + Math.log(total) - row[labels[t]!]!;
    count++;
  }
  return sum / count;
}

describe('a PEFT adapter merged while loading', () => {
  let engine: EngineDevice | null = null;
  beforeAll(async () => {
    engine = await engineDevice();
  });
  afterAll(() => engine?.destroy());

  it.for(['dense', 'moe'])(
    'gives the loss that PyTorch has with the adapter: %s',
    async (variant, context) => {
      if (!engine) return context.skip(gpuSkipReason);
      const reference = await readReference(`train-${variant}`);
      const expected = (reference as unknown as { loss: number }).loss;
      const checkpoint = await fixtureCheckpoint(reference.model);
      const adapter = await openAdapter(peftFolder(reference), checkpoint);
      const ids = [...reference.tensors.get('ids')!.data];
      const labels = [...reference.tensors.get('labels')!.data];
      const losses: number[] = [];
      for (const handlers of [{}, { adapter }]) {
        const session = await ModelSession.load(engine, checkpoint, smallLoad, handlers);
        losses.push(lossOf(await session.allLogits(ids), labels, checkpoint.config.vocabSize));
        session.destroy();
      }
      expect(losses[1]).toBeCloseTo(expected, 4);
      expect(Math.abs(losses[0]! - expected)).toBeGreaterThan(1e-3);
    },
  );

  it('is refused, with what differs, when it fits another model or is of another kind', async () => {
    const reference = await readReference('train-moe');
    const [dense, moe] = [await fixtureCheckpoint('tiny-dense'), await fixtureCheckpoint('tiny-moe')];
    await expect(openAdapter(peftFolder(reference), dense)).rejects.toThrow(/does not fit this checkpoint/);
    await expect(openAdapter(peftFolder(reference, { r: 8 }), moe)).rejects.toThrow(/expected A \[8, 64\]/);
    await expect(openAdapter(peftFolder(reference, { use_dora: true }), moe)).rejects.toThrow(/DoRA/);
  });
});
