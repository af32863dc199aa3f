import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EngineDevice } from '../../src/gpu/device.ts';
import { openAdapter } from '../../src/model/adapter.ts';
import type { CheckpointFiles } from '../../src/model/checkpoint.ts';
import { ModelSession } from '../../src/model/session.ts';
import { engineDevice, fixtureCheckpoint, smallLoad } from '../helpers/engine.ts';
import { gpuSkipReason } from '../helpers/gpu.ts';
import { peftFolder, peftTensors, type Matrix } from '../helpers/peft.ts';
import { readReference, type ReferenceRun } from '../helpers/reference.ts';

const experts = 8;

/**
 * The same change with the experts of a layer in one pair of matrices, as PEFT keeps it for fused tensors: gate and
 * up side by side in rank 8, A [E·r, in] expert by expert, B [out, r·E] direction by direction.
 * `swappedDown`: the down projection as releases wrote it that took [E, out, in] for [E, in, out].
 */
function fusedTensors(tensors: readonly Matrix[], swappedDown: boolean): Matrix[] {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const kept = tensors.filter(({ name }) => !name.includes('.experts.'));
  const fuse = (
    name: string,
    rank: number,
    a: { readonly columns: number; readonly at: (e: number, j: number, i: number) => number },
    b: { readonly rows: number; readonly at: (e: number, j: number, o: number) => number },
  ): void => {
    const matrixA = new Float32Array(experts * rank * a.columns);
    const matrixB = new Float32Array(b.rows * rank * experts);
    for (let e = 0; e < experts; e++) {
      for (let j = 0; j < rank; j++) {
        for (let i = 0; i < a.columns; i++) matrixA[(e * rank + j) * a.columns + i] = a.at(e, j, i);
        for (let o = 0; o < b.rows; o++) matrixB[(o * rank + j) * experts + e] = b.at(e, j, o);
      }
    }
    kept.push({ name: `${name}.lora_A.weight`, shape: [experts * rank, a.columns], data: matrixA });
    kept.push({ name: `${name}.lora_B.weight`, shape: [b.rows, rank * experts], data: matrixB });
  };
  const [hidden, width] = [64, 32];
  for (const layer of [1, 2]) {
    const base = `base_model.model.model.layers.${layer}.mlp.experts`;
    const value = (e: number, projection: string, half: 'A' | 'B', row: number, column: number): number => {
      const { shape, data } = byName.get(`${base}.${e}.${projection}_proj.lora_${half}.weight`)!;
      return data[row * shape[1]! + column]!;
    };
    fuse(
      `${base}.base_layer`,
      8,
      {
        columns: hidden,
        at: (e, j, i) => (j < 4 ? value(e, 'gate', 'A', j, i) : value(e, 'up', 'A', j - 4, i)),
      },
      {
        rows: 2 * width,
        at: (e, j, o) => {
          if (j < 4) return o < width ? value(e, 'gate', 'B', o, j) : 0;
          return o < width ? 0 : value(e, 'up', 'B', o - width, j - 4);
        },
      },
    );
    const downA = { columns: width, at: (e: number, j: number, i: number) => value(e, 'down', 'A', j, i) };
    const downB = { rows: hidden, at: (e: number, j: number, o: number) => value(e, 'down', 'B', o, j) };
    if (swappedDown) fuse(base, 4, { ...downB, columns: hidden }, { ...downA, rows: width });
    else fuse(base, 4, downA, downB);
  }
  return kept;
}

const fusedConfig = {
  target_parameters: ['mlp.experts.gate_up_proj', 'mlp.experts.down_proj'],
  rank_pattern: { 'experts\\.gate_up_proj': 8 },
  alpha_pattern: { 'experts.gate_up_proj': 16 },
};

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

  /** Loss of the fixture's tokens without and with an adapter. */
  async function losses(
    device: EngineDevice,
    reference: ReferenceRun,
    folder: CheckpointFiles,
  ): Promise<readonly number[]> {
    const checkpoint = await fixtureCheckpoint(reference.model);
    const adapter = await openAdapter(folder, checkpoint);
    const ids = [...reference.tensors.get('ids')!.data];
    const labels = [...reference.tensors.get('labels')!.data];
    const found: number[] = [];
    for (const handlers of [{}, { adapter }]) {
      const session = await ModelSession.load(device, checkpoint, smallLoad, handlers);
      found.push(lossOf(await session.allLogits(ids), labels, checkpoint.config.vocabSize));
      session.destroy();
    }
    return found;
  }

  it.for([
    ['dense', 'matrix by matrix', (tensors: Matrix[]) => peftFolder(tensors)],
    ['moe', 'expert by expert', (tensors: Matrix[]) => peftFolder(tensors)],
    ['moe', 'fused experts', (tensors: Matrix[]) => peftFolder(fusedTensors(tensors, false), fusedConfig)],
    [
      'moe',
      'fused experts with swapped axes',
      (tensors: Matrix[]) => peftFolder(fusedTensors(tensors, true), fusedConfig),
    ],
  ] as const)(
    'gives the loss that PyTorch has with the adapter: %s, %s',
    async ([variant, , folder], context) => {
      if (!engine) return context.skip(gpuSkipReason);
      const reference = await readReference(`train-${variant}`);
      const expected = (reference as unknown as { loss: number }).loss;
      const [without, withAdapter] = await losses(engine, reference, folder(peftTensors(reference)));
      expect(withAdapter).toBeCloseTo(expected, 4);
      expect(Math.abs(without! - expected)).toBeGreaterThan(1e-3);
    },
  );

  it('is refused, with what differs, when it fits another model or is of another kind', async () => {
    const tensors = peftTensors(await readReference('train-moe'));
    const [dense, moe] = [await fixtureCheckpoint('tiny-dense'), await fixtureCheckpoint('tiny-moe')];
    await expect(openAdapter(peftFolder(tensors), dense)).rejects.toThrow(/does not fit this checkpoint/);
    for (const [config, message] of [
      [{ r: 8 }, /expected A \[8, 64\]/],
      [{ use_dora: true }, /DoRA/],
      [{ init_lora_weights: 'pissa_niter_16' }, /changed base weights/],
      [{ bias: 'all' }, /changes biases/],
      [{ rank_pattern: { '(.+)+x': 4 } }, /could run for ever/],
      [{ layers_to_transform: [0, 1] }, /expected layers 0, 1.*found layers 0, 1, 2/],
    ] as const) {
      await expect(openAdapter(peftFolder(tensors, config), moe)).rejects.toThrow(message);
    }
    const head = [
      ...tensors,
      ...(['A', 'B'] as const).map((half) => ({
        name: `base_model.model.lm_head.lora_${half}.weight`,
        shape: half === 'A' ? [4, 64] : [moe.config.vocabSize, 4],
        data: new Float32Array(4 * (half === 'A' ? 64 : moe.config.vocabSize)),
      })),
    ];
    expect((await openAdapter(peftFolder(head), moe)).pairs.has('lm_head')).toBe(true);
    const tied = await fixtureCheckpoint('tiny-moe', { tie_word_embeddings: true });
    await expect(openAdapter(peftFolder(head), tied)).rejects.toThrow(/lm_head.*tie_word_embeddings/);
    expect((await openAdapter(peftFolder(tensors, { layers_to_transform: [0, 1, 2] }), moe)).pairs.size).toBe(
      63,
    );
  });
});
