import { describe, expect, it } from 'vitest';
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
});
