import { InputError } from '../core/errors.ts';
import type { Adapter } from '../model/adapter.ts';
import type { LoraOptions, TrainedTensors, TrainerState } from './types.ts';

/**
 * The state that training goes on from an adapter with: its pairs in place of fresh ones, moments at zero. Pairs
 * that the adapter lacks stay as they start; another scale is taken into B.
 * @param fresh the trainer's state at step 0
 * @throws InputError when ranks differ or the adapter has pairs where none are trained
 */
export function stateFromAdapter(fresh: TrainerState, adapter: Adapter, lora: LoraOptions): TrainerState {
  const refuse = (module: string, expected: string, actual: string): InputError =>
    new InputError('adapter-differs', `Training cannot go on from the adapter ${adapter.name}`, {
      where: module,
      expected,
      actual,
      advice: 'set "rank", "expertRank" and "targets" as the adapter has them',
    });
  const tensors = new Map<string, TrainedTensors>(fresh.tensors);
  for (const [module, pair] of adapter.pairs) {
    const held = tensors.get(module);
    if (!held) throw refuse(module, 'a layer that "targets" names', 'a pair where none is trained');
    if (held.rank !== pair.rank) throw refuse(module, `rank ${held.rank}`, `rank ${pair.rank}`);
    const scale = lora.alpha / (lora.useRslora ? Math.sqrt(pair.rank) : pair.rank);
    const factor = pair.scale / scale;
    tensors.set(module, {
      ...held,
      loraA: pair.a.slice(),
      loraB: factor === 1 ? pair.b.slice() : pair.b.map((value) => value * factor),
    });
  }
  return { step: 0, tensors };
}
