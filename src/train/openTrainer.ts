import type { EngineDevice } from '../gpu/device.ts';
import { readChoices } from '../gpu/tune.ts';
import type { AdapterChoices } from '../gpu/variants.ts';
import type { Checkpoint } from '../model/checkpoint.ts';
import { Trainer, type TrainerHandlers } from './trainer.ts';
import type { OpenedTrainer } from './training.ts';
import type { TrainerOptions } from './types.ts';

/**
 * The engine's trainer as a run drives it. When it fails, the device is fit for another try.
 * @param kernels of the run that goes on: other ones round differently. Until `destroy`, where they are this adapter's
 */
export async function openTrainer(
  engine: EngineDevice,
  checkpoint: Checkpoint,
  options: TrainerOptions,
  handlers: TrainerHandlers = {},
  kernels: AdapterChoices | null = null,
): Promise<OpenedTrainer> {
  const { adapterKey, choices: own } = engine;
  const kept = kernels?.adapter === adapterKey ? readChoices(kernels.choices, engine) : null;
  engine.choices = kept ?? own;
  engine.buffers.resetPeak();
  let trainer: Trainer;
  try {
    trainer = await Trainer.create(engine, checkpoint, options, handlers);
  } catch (error) {
    engine.choices = own;
    engine.clearFailure();
    throw error;
  }
  return {
    engine,
    kernels: { adapter: adapterKey, choices: engine.choices },
    trainableParameters: trainer.plan.trainableParameters,
    plannedBytes: trainer.plan.totalBytes,
    step: (...request) => trainer.step(...request),
    evaluate: (rows, signal) => trainer.evaluate(rows, signal),
    adapter: () => trainer.adapter(),
    state: () => trainer.state(),
    restore: (state) => trainer.restore(state),
    destroy: () => {
      trainer.destroy();
      engine.choices = own;
    },
  };
}
