import type { EngineDevice } from '../gpu/device.ts';
import type { Checkpoint } from '../model/checkpoint.ts';
import { Trainer, type TrainerHandlers } from './trainer.ts';
import type { OpenedTrainer } from './training.ts';
import type { TrainerOptions } from './types.ts';

/** The engine's trainer as a run drives it. */
export async function openTrainer(
  engine: EngineDevice,
  checkpoint: Checkpoint,
  options: TrainerOptions,
  handlers: TrainerHandlers = {},
): Promise<OpenedTrainer> {
  engine.buffers.resetPeak();
  const trainer = await Trainer.create(engine, checkpoint, options, handlers);
  return {
    engine,
    trainableParameters: trainer.plan.trainableParameters,
    plannedBytes: trainer.plan.totalBytes,
    step: (...request) => trainer.step(...request),
    evaluate: (rows, signal) => trainer.evaluate(rows, signal),
    adapter: () => trainer.adapter(),
    state: () => trainer.state(),
    restore: (state) => trainer.restore(state),
    destroy: () => trainer.destroy(),
  };
}
