import { beforeAll, describe, expect, it } from 'vitest';
import type { JsonValue } from '../../src/core/json.ts';
import type { EngineDevice } from '../../src/gpu/device.ts';
import { GpuValidationError } from '../../src/gpu/errors.ts';
import { openAdapter, type Adapter } from '../../src/model/adapter.ts';
import type { Checkpoint } from '../../src/model/checkpoint.ts';
import { ModelSession } from '../../src/model/session.ts';
import { loadTokenizer } from '../../src/tokenizer/loadTokenizer.ts';
import { readTrainConfig, trainerOptionsOf } from '../../src/train/config.ts';
import { mergedWeights } from '../../src/train/mergedWeights.ts';
import { openTrainer } from '../../src/train/openTrainer.ts';
import { planTrainer } from '../../src/train/plan.ts';
import { prepareTraining, trainPrepared, type TrainResult } from '../../src/train/training.ts';
import { withChoices } from '../gpu/harness.ts';
import { bytesSource, fixtureFiles } from '../helpers/checkpoint.ts';
import { fixtureCheckpoint, smallLoad } from '../helpers/engine.ts';
import { gpuSkipReason, testEngine } from '../helpers/gpu.ts';
import { maxAbsDifference } from '../helpers/reference.ts';
import { exampleLine, MemoryRunFolder } from './helpers.ts';

const data = new TextEncoder().encode(
  Array.from({ length: 4 }, (_, i) => exampleLine(`e${i}`, 4 + i)).join('\n'),
);
const config: { [key: string]: JsonValue } = {
  rank: 4, expertRank: 2, useRslora: true, learningRate: 0.01, schedule: 'constant', epochs: null, maxLength: 256, evalShare: 0.25, keepBest: false,
}; // prettier-ignore

async function train(
  engine: EngineDevice,
  checkpoint: Checkpoint,
  steps: number,
  folder = new MemoryRunFolder(),
  beforeStep = (): void => undefined,
): Promise<TrainResult> {
  const prepared = await prepareTraining({
    config: readTrainConfig({ ...config, steps }),
    checkpoint,
    tokenizer: loadTokenizer(checkpoint.tokenizerJson ?? '', 'tiny'),
    source: bytesSource('data.jsonl', data),
  });
  return trainPrepared(prepared, {
    folder,
    version: 'test',
    now: () => new Date(0),
    openTrainer: async ({ checkpoint: base, options }, kernels) => {
      const trainer = await openTrainer(engine, base, options, {}, kernels);
      const step: typeof trainer.step = (...request) => {
        beforeStep();
        return trainer.step(...request);
      };
      return { ...trainer, step };
    },
  });
}

/** Whole runs, in the file of the trainer's tests: on its device every kernel is compiled already. */
export function describeTraining(): void {
  describe('training the tiny MoE model on its experts too', () => {
    let engine: EngineDevice | null = null;
    let checkpoint: Checkpoint;
    let whole: TrainResult;
    beforeAll(async () => {
      engine = await testEngine();
      checkpoint = await fixtureCheckpoint('tiny-moe');
      if (engine) whole = await train(engine, checkpoint, 4);
    });

    it('gives the same bytes again, and from a checkpoint halfway', async (context) => {
      if (!engine) return context.skip(gpuSkipReason);
      const folder = new MemoryRunFolder();
      await train(engine, checkpoint, 2, folder);
      const resumed = await train(engine, checkpoint, 4, folder);
      const again = await train(engine, checkpoint, 4);
      for (const { files, record } of [resumed, again]) {
        expect(files).toEqual(whole.files);
        expect(record.adapter).toEqual(whole.record.adapter);
      }
      const losses = whole.record.heldOut.map(({ loss }) => loss);
      expect(losses.at(-1)).toBeLessThan(losses[0]!);
    });

    it('can be started again after the GPU failed in the middle of a run', async (context) => {
      if (!engine) return context.skip(gpuSkipReason);
      const device = engine;
      const before = device.buffers.allocatedBytes;
      const folder = new MemoryRunFolder();
      const failing = train(device, checkpoint, 4, folder, () => {
        device.device.createBuffer({ size: 16, usage: 0 });
      });
      await expect(failing).rejects.toThrow(GpuValidationError);
      expect(folder.text('run.json')).toMatch(/"end": "failed"/);
      expect(device.buffers.allocatedBytes).toBe(before);
      expect((await train(device, checkpoint, 4)).files).toEqual(whole.files);
    });

    it('goes on with its own kernels on an adapter whose choices have changed since', async (context) => {
      if (!engine) return context.skip(gpuSkipReason);
      const { choices } = engine;
      const folder = new MemoryRunFolder();
      await train(engine, checkpoint, 2, folder);
      await withChoices(engine, { matmul: 'shared', attention: 'thread', rowThreads: 64 }, async () => {
        const changed = engine!.choices;
        const resumed = await train(engine!, checkpoint, 4, folder);
        expect(resumed.files).toEqual(whole.files);
        expect(resumed.record.device?.choices).toEqual(choices);
        expect(engine!.choices).toBe(changed);
      });
    });

    it('takes rows longer than the positions of the model when their examples are not: positions begin anew', (context) => {
      if (!engine) return context.skip(gpuSkipReason);
      const { maxPositionEmbeddings: positions } = checkpoint.config;
      const maxLength = positions + 64;
      const options = { ...trainerOptionsOf(readTrainConfig({ ...config, steps: 1 }), 'f32'), maxLength };
      expect(planTrainer(engine, checkpoint, options).plan.problems).toHaveLength(1);
      expect(
        planTrainer(engine, checkpoint, { ...options, longestExample: positions }).plan.problems,
      ).toEqual([]);
    });

    it('writes PEFT files that load with their names checked, and merged weights with the same logits', async (context) => {
      if (!engine) return context.skip(gpuSkipReason);
      const files = new Map<string, Uint8Array>([
        ['adapter_config.json', new TextEncoder().encode(whole.files!['adapter_config.json'])],
        ['adapter_model.safetensors', whole.files!['adapter_model.safetensors']],
      ]);
      const adapter = await openAdapter(
        {
          name: 'adapter',
          open: (name) => Promise.resolve(files.has(name) ? bytesSource(name, files.get(name)!) : null),
        },
        checkpoint,
      );
      const trained = whole.outcome.adapter!.adapter;
      expect([...adapter.pairs.keys()].sort()).toEqual([...trained.pairs.keys()].sort());
      const logits = async (base: Checkpoint, given: Adapter | null): Promise<Float32Array> => {
        const session = await ModelSession.load(engine!, base, smallLoad, given ? { adapter: given } : {});
        const all = await session.allLogits([5, 17, 99, 200, 31]);
        session.destroy();
        return all;
      };
      const expected = await logits(checkpoint, trained);
      expect(maxAbsDifference(await logits(checkpoint, adapter), expected)).toBeLessThan(1e-4);
      expect(maxAbsDifference(await logits(checkpoint, null), expected)).toBeGreaterThan(1e-2);
      const pieces: Uint8Array[] = [];
      for await (const piece of mergedWeights(checkpoint, trained)) pieces.push(piece);
      const merged = new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer());
      const { openCheckpoint } = await import('../../src/model/checkpoint.ts');
      const reread = await openCheckpoint(
        fixtureFiles('tiny-moe', { 'model.safetensors.index.json': null, 'model.safetensors': merged }),
      );
      // Rounded once to the checkpoint's own bf16.
      expect(maxAbsDifference(await logits(reread, null), expected)).toBeLessThan(0.1);
    });
  });
}
