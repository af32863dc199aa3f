import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../src/model/checkpoint.ts';
import { OrtHost } from '../../../src/model/ort/host.ts';
import { greedySampling } from '../../../src/gpu/kernels/sampling.ts';
import { ModelSession } from '../../../src/model/session.ts';
import {
  embedDocuments,
  hiddenFromEngine,
  hiddenFromOrt,
  type HiddenStates,
} from '../../../src/workers/engineEmbed.ts';
import { bytesSource } from '../../helpers/checkpoint.ts';
import { OrtSession } from '../../../src/model/ort/session.ts';
import { engineDevice, fixtureCheckpoint, loadFixture } from '../../helpers/engine.ts';
import { gpuSkipReason } from '../../helpers/gpu.ts';
import { maxAbsDifference, readReference } from '../../helpers/reference.ts';

describe('our engine beside onnxruntime', () => {
  it.for(['dense', 'dense-yarn', 'dense-sliding', 'moe', 'moe-unnormalised'])(
    'the same checkpoint gives the same logits: %s',
    async (variant, context) => {
      const engine = await engineDevice();
      if (!engine) return context.skip(gpuSkipReason);
      const reference = await readReference(variant);
      const ids = [...reference.tensors.get('ids')!.data];
      const checkpoint = await fixtureCheckpoint(reference.model, reference.overrides);
      const other = await OrtSession.create(checkpoint, { maxPositions: 128, threads: 1 });
      const ours = await loadFixture(engine, reference.model, reference.overrides);
      expect(maxAbsDifference(await ours.allLogits(ids), await other.forward(ids))).toBeLessThan(2e-4);
      ours.destroy();
      await other.release();

      const last = await OrtSession.create(checkpoint, {
        maxPositions: 128,
        threads: 1,
        lastLogitsOnly: true,
      });
      const logits = reference.tensors.get('logits')!;
      const expected = logits.data.slice(-logits.shape.at(-1)!);
      expect(maxAbsDifference(await last.forward(ids), expected)).toBeLessThan(2e-4);
      await last.release();
      engine.destroy();
    },
  );

  it('the model in the box gives the same logits and the same reply, in chunks and on a shared prefix', async (context) => {
    const engine = await engineDevice();
    if (!engine) return context.skip(gpuSkipReason);
    const folder = new URL('../../../public/models/world-moe-3m/', import.meta.url);
    const checkpoint = await openCheckpoint({
      name: 'world-moe-3m',
      open: (name) =>
        Promise.resolve(
          name === 'generation_config.json' || !existsSync(new URL(name, folder))
            ? null
            : bytesSource(name, new Uint8Array(readFileSync(new URL(name, folder)))),
        ),
    });
    const load = { weightType: 'f32', kvType: 'f32', contextLength: 256, chunkTokens: 48 } as const;
    const host = new OrtHost((model) => OrtSession.open(model, { threads: 1 }));
    const loaded = await host.load(checkpoint, load);
    if (!loaded.ok) throw loaded.error;
    const other = loaded.value;
    const ours = await ModelSession.load(engine, checkpoint, load);
    const prompt = Array.from({ length: 120 }, (_, t) => (t * 131 + 7) % 2000);
    const reply = async (model: { generate: typeof ours.generate }, ids: number[]): Promise<number[]> => {
      const tokens: number[] = [];
      const sampling = { ...greedySampling, temperature: 0.9, topP: 0.95, seed: 3 };
      for await (const { token } of model.generate(ids, { maxNewTokens: 12, sampling })) tokens.push(token);
      return tokens;
    };
    for (const ids of [prompt, [...prompt.slice(0, 70), 5, 6, 7]]) {
      expect(await reply(other, ids)).toEqual(await reply(ours, ids));
    }
    other.reset();
    const difference = maxAbsDifference(await ours.lastLogits(prompt), await other.nextLogits(prompt));
    expect(difference).toBeLessThan(2e-4);
    // Texts as vectors: several packed into one pass there, one by one here.
    const documents = [prompt.slice(0, 20), prompt.slice(30, 37), prompt.slice(50, 90)].map((ids) => Uint32Array.from(ids)); // prettier-ignore
    const vectors = (hiddenOf: HiddenStates): Promise<Float32Array> =>
      embedDocuments(documents, checkpoint.config.hiddenSize, 48, hiddenOf, new AbortController().signal, () => undefined); // prettier-ignore
    const packed = await vectors(hiddenFromEngine(ours));
    expect(packed.some((value) => Math.abs(value) > 0.05)).toBe(true);
    expect(maxAbsDifference(packed, await vectors(hiddenFromOrt(other)))).toBeLessThan(1e-5);
    ours.destroy();
    await host.unload();
    engine.destroy();
  });
});
