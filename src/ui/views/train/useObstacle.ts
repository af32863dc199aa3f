import { useApp } from '../../../state/useApp.ts';

/** Why the run cannot start yet, in a sentence; null when it can. */
export function useObstacle(): string | null {
  const hasModel = useApp((state) => state.model.card.status === 'ready');
  const chosen = useApp((state) => state.train.chosen);
  const preview = useApp((state) => state.train.preview);
  const work = useApp((state) => state.train.work);
  const modelWork = useApp((state) => state.model.work);
  const tier = useApp((state) => state.model.probe?.tier);
  if (tier === 0) return 'This browser gives the page no WebGPU.';
  if (!hasModel) return 'Open a model first.';
  if (!chosen) return 'Choose the examples first.';
  if (work?.kind === 'training') return 'A run is going on.';
  if (work || preview.status === 'loading') return 'The examples are being read.';
  if (modelWork) return 'The engine is busy with other work.';
  if (preview.status === 'failed') return preview.message;
  if (preview.status !== 'ready') return 'The examples are not read yet.';
  const { facts, dataProblem, plan, planProblem } = preview.value;
  if (!facts) return dataProblem?.message ?? 'There are no examples.';
  if (!plan) return planProblem;
  // What would fit stands in the panel of the memory.
  if (plan.problems.length > 0) return plan.problems.join(' ');
  return null;
}
