import type { KernelCost } from './kernel.ts';

/** FLOPs or bytes, whichever is more: both cost about the same on the machines where it matters. */
export function workUnits(cost: KernelCost): number {
  return Math.max(cost.flops, cost.bytes, 1);
}

/**
 * Keeps submits short: predicts a kernel's milliseconds from its FLOPs and bytes with a rate that is learned
 * from how long earlier submits took. Starts slow (a software adapter), since one submit of seconds can make
 * an operating system reset the GPU, while too many submits only cost microseconds.
 */
export class TimeBudget {
  readonly budgetMs: number;
  private unitsPerMs = 2e6;
  private lastDoneMs = 0;
  private observations = 0;

  constructor(budgetMs: number) {
    this.budgetMs = budgetMs;
  }

  estimateMs(units: number): number {
    return units / this.unitsPerMs;
  }

  /** Learns from a submit of `units` that was queued at `submittedMs` and finished at `doneMs`. */
  observe(units: number, submittedMs: number, doneMs: number): void {
    const elapsed = doneMs - Math.max(submittedMs, this.lastDoneMs);
    this.lastDoneMs = doneMs;
    // Short submits measure the latency of the queue, not the speed of the GPU.
    if (elapsed < 4 || units < 1e6) {
      if (elapsed > 0 && units / elapsed > this.unitsPerMs) this.learn(units / Math.max(elapsed, 1));
      return;
    }
    this.learn(units / elapsed);
  }

  private learn(rate: number): void {
    // Slower is believed at once, faster by degrees.
    const share = rate < this.unitsPerMs ? 0.7 : this.observations < 3 ? 0.6 : 0.3;
    this.unitsPerMs = Math.max(this.unitsPerMs ** (1 - share) * rate ** share, 1e4);
    this.observations++;
  }
}
