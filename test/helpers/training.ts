import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { EngineDevice } from '../../src/gpu/device.ts';
import { Trainer } from '../../src/train/trainer.ts';
import type { TrainerState, TrainingRow } from '../../src/train/types.ts';
import {
  defaultLoraOptions,
  defaultTrainerOptions,
  type LoraOptions,
  type TrainedTensors,
  type TrainerOptions,
} from '../../src/train/types.ts';
import { fixtureCheckpoint } from './engine.ts';
import { readReference, type ReferenceRun } from './reference.ts';

export type TrainerChanges = Partial<Omit<TrainerOptions, 'lora'>> & { readonly lora?: Partial<LoraOptions> };

/** Options under which the fixtures were computed: rank 4, alpha 8, everything adapted, f32. */
export function fixtureOptions(changes: TrainerChanges = {}): TrainerOptions {
  return {
    ...defaultTrainerOptions,
    weightType: 'f32',
    maxLength: 64,
    ...changes,
    lora: { ...defaultLoraOptions, rank: 4, alpha: 8, ...changes.lora },
  };
}

export async function fixtureTrainer(
  engine: EngineDevice,
  model: string,
  changes: TrainerChanges = {},
  overrides: Record<string, unknown> = {},
): Promise<Trainer> {
  return Trainer.create(engine, await fixtureCheckpoint(model, overrides), fixtureOptions(changes));
}

/** What PyTorch recorded (test/reference/make_training_fixtures.py), with its numbers. */
export async function trainingReference<T>(variant: string): Promise<ReferenceRun & T> {
  const path = resolve(import.meta.dirname, '../fixtures/reference', `${variant}.json`);
  return { ...(JSON.parse(readFileSync(path, 'utf8')) as T), ...(await readReference(variant)) };
}

/** The row that a reference's tensors describe; `suffix` for one of several. */
export function referenceRow({ tensors }: ReferenceRun, suffix = ''): TrainingRow {
  const ids = Uint32Array.from(tensors.get(`ids${suffix}`)!.data);
  const segments = tensors.get('segments')?.data ?? new Int32Array(ids.length);
  const documentStarts: number[] = [];
  segments.forEach((segment, t) => {
    if (t === 0 || segment !== segments[t - 1]) documentStarts.push(t);
  });
  return { ids, labels: Int32Array.from(tensors.get(`labels${suffix}`)!.data), documentStarts };
}

/** Adapters `<prefix><module>.lora_A.weight` of a reference as a fresh state. */
export function referenceState({ tensors }: ReferenceRun, prefix: string): TrainerState {
  const pairs = new Map<string, TrainedTensors>();
  for (const [name, { shape, data }] of tensors) {
    const match = /^(.*)\.lora_A\.weight$/.exec(name);
    if (!match || !name.startsWith(prefix) || name.startsWith('grad.')) continue;
    const path = match[1]!.slice(prefix.length);
    const b = tensors.get(`${match[1]!}.lora_B.weight`)!;
    const zeros = (like: { data: ArrayLike<number> }) => new Float32Array(like.data.length);
    pairs.set(path, {
      rank: shape[0]!,
      inFeatures: shape[1]!,
      outFeatures: b.shape[0]!,
      loraA: data as Float32Array,
      loraB: b.data as Float32Array,
      mA: zeros({ data }),
      mB: zeros(b),
      vA: zeros({ data }),
      vB: zeros(b),
    });
  }
  return { step: 0, tensors: pairs };
}

/** ‖actual - expected‖ / ‖expected‖; for an expected zero the norm of what came instead. */
export function normError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let difference = 0;
  let size = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i]! - expected[i]!) ** 2;
    size += expected[i]! ** 2;
  }
  return Math.sqrt(difference) / (size === 0 ? 1 : Math.sqrt(size));
}
