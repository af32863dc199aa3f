/** How the learning rate goes over a run. */
export interface Schedule {
  readonly schedule: 'constant' | 'linear' | 'cosine';
  readonly learningRate: number;
  /** Steps over which it rises. */
  readonly warmupSteps: number;
  /** Where it ends. */
  readonly minLearningRate: number;
  /** true: the very first step has rate 0 (Hugging Face's schedulers); false: 1/warmupSteps of the full rate. */
  readonly warmupFromZero: boolean;
}

/**
 * The learning rate of a step.
 * @param step from 0
 * @param totalSteps of the whole run; the decay would reach its end with the step after the last
 */
export function learningRateAt(schedule: Schedule, step: number, totalSteps: number): number {
  const { learningRate: peak, warmupSteps, minLearningRate: least } = schedule;
  if (step < warmupSteps) {
    return (peak * (schedule.warmupFromZero ? step : step + 1)) / warmupSteps;
  }
  if (schedule.schedule === 'constant') return peak;
  const share = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
  const left = schedule.schedule === 'linear' ? 1 - share : 0.5 * (1 + Math.cos(Math.PI * share));
  return least + (peak - least) * left;
}
