import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../src/model/checkpoint.ts';
import { OrtSession } from '../../../src/model/ort/session.ts';
import { fixtureFiles } from '../../helpers/checkpoint.ts';
import { maxAbsDifference, readReference } from '../../helpers/reference.ts';

describe('onnxruntime on the same checkpoint', () => {
  it.each(['dense', 'dense-yarn', 'dense-sliding', 'moe', 'moe-unnormalised'])(
    'gives the logits of the PyTorch reference: %s',
    async (variant) => {
      const reference = await readReference(variant);
      const folder = resolve(import.meta.dirname, '../../fixtures/models', reference.model);
      const config = JSON.parse(readFileSync(resolve(folder, 'config.json'), 'utf8')) as object;
      const checkpoint = await openCheckpoint(
        fixtureFiles(reference.model, {
          'config.json': JSON.stringify({ ...config, ...reference.overrides }),
        }),
      );
      const session = await OrtSession.create(checkpoint, { maxPositions: 128, threads: 1 });
      const ids = [...reference.tensors.get('ids')!.data];
      const expected = reference.tensors.get('logits')!.data;
      expect(maxAbsDifference(await session.forward(ids), expected)).toBeLessThan(2e-4);

      // The cache: a prefix at once, the rest token by token.
      session.reset();
      const rows = [await session.forward(ids.slice(0, 40))];
      for (const id of ids.slice(40)) rows.push(await session.forward([id]));
      expect(maxAbsDifference(Float32Array.from(rows.flatMap((row) => [...row])), expected)).toBeLessThan(
        2e-4,
      );
      await session.release();
    },
  );
});
