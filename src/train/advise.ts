import type { EngineDevice } from '../gpu/device.ts';
import type { Checkpoint } from '../model/checkpoint.ts';
import type { TrainConfig } from './config.ts';
import { trainerOptionsOf } from './config.ts';
import { Trainer } from './trainer.ts';
import { automaticWeightType } from './training.ts';
import type { TrainingPlan } from './types.ts';

/** A change to a config with which the run fits. */
export interface Fit {
  readonly words: string;
  readonly changes: Partial<TrainConfig>;
  readonly totalBytes: number;
}

const smallerTypes = { f32: 'f16', f16: 'int8', int8: 'int4', int4: 'int4' } as const;
/** Shortest rows that are offered. */
const shortest = 256;

/** Bytes of a run of this config, before anything is allocated. @throws InputError for options that cannot be used */
export function planConfig(engine: EngineDevice, checkpoint: Checkpoint, config: TrainConfig): TrainingPlan {
  return Trainer.plan(engine, checkpoint, trainerOptionsOf(config, automaticWeightType(checkpoint)));
}

/**
 * What to change so that a config fits, one thing at a time, nearest first: checkpointing on, smaller weights,
 * attention only, a lower rank, shorter rows.
 */
export function adviseConfig(engine: EngineDevice, checkpoint: Checkpoint, config: TrainConfig): Fit[] {
  const weightType = config.weightType === 'auto' ? automaticWeightType(checkpoint) : config.weightType;
  const tries: { words: string; changes: Partial<TrainConfig> }[] = [];
  if (!config.checkpointing)
    tries.push({ words: 'compute each layer again instead of keeping it', changes: { checkpointing: true } });
  if (weightType !== 'int4') {
    const smaller = smallerTypes[weightType];
    tries.push({ words: `hold the frozen weights in ${smaller}`, changes: { weightType: smaller } });
    if (smaller !== 'int4')
      tries.push({ words: 'hold the frozen weights in int4', changes: { weightType: 'int4' } });
  }
  if (config.targets.some((target) => /gate_proj|up_proj|down_proj/.test(target))) {
    tries.push({
      words: 'train attention only',
      changes: { targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj'] },
    });
  }
  for (let rank = config.rank >> 1; rank >= 1; rank >>= 2)
    tries.push({ words: `rank ${rank}`, changes: { rank, alpha: (config.alpha * rank) / config.rank } });
  for (let length = config.maxLength >> 1; length >= shortest; length >>= 1) {
    tries.push({
      words: `rows of at most ${length} tokens; longer examples are left out`,
      changes: { maxLength: length, overLength: 'drop', checkpointing: true },
    });
  }
  const fits: Fit[] = [];
  for (const { words, changes } of tries) {
    const plan = planConfig(engine, checkpoint, { ...config, ...changes });
    if (plan.problems.length === 0) fits.push({ words, changes, totalBytes: plan.totalBytes });
    if (fits.length === 3) break;
  }
  return fits;
}
