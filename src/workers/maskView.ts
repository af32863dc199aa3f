import { agentSftExample } from '../compile/control/agentSft.ts';
import type { Example } from '../compile/types.ts';
import { InputError } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';
import { readTrainingExample } from '../train/conversation.ts';
import type { ExampleEncoder } from '../train/masks.ts';
import type { Trajectory } from '../trajectories/schema.ts';
import type { MaskView } from './dataApi.ts';

/** What is learnt of an example, token by token. */
export function maskView(example: Example, encoder: ExampleEncoder): MaskView {
  const read = readTrainingExample(example as unknown as JsonValue, example.id);
  if (!read.ok) throw new InputError('no-example', `This is no training example: ${read.reason}`);
  return { ...encoder.inspect(read.example), tokenizer: encoder.tokenizer.name };
}

/** Lengths do not matter where only the turns are shown. */
const uncounted = { count: () => 0 };

/** The trajectory of an example in its turns, as agent fine-tuning would take it. */
export async function agentTurns(
  example: Example,
  read: (trajectoryId: string) => Promise<Trajectory | null>,
): Promise<Example | null> {
  const trajectory = await read(example.source.trajectoryId);
  return trajectory && agentSftExample(trajectory, example, uncounted);
}
