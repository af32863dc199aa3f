import type { AdapterFacts, EngineFeatures } from './device.ts';

/**
 * How each operation is carried out on this adapter. All give the same results (to rounding); which is fastest
 * differs between GPUs and CPU emulations by an order of magnitude, so the choice is measured (`tuneKernels`).
 */
export interface KernelChoices {
  /** `register`: no shared memory, barrier-free. `shared`: tiles staged in shared memory. */
  readonly matmul: 'register' | 'shared';
  /** `thread`: one thread per output row. `lanes`: a row's columns split over lanes, tree in shared memory or subgroups. */
  readonly matvec: 'thread' | 'lanes';
  /** `thread`: one thread per (query, head). `tile`: keys and values staged in shared memory. */
  readonly attention: 'thread' | 'tile';
  /** Threads of a workgroup that reduces one row (norms, softmax, sampling). */
  readonly rowThreads: number;
  /** Whether reductions use subgroup operations. */
  readonly subgroups: boolean;
}

/** Sensible choices before anything was measured. */
export function defaultChoices(facts: AdapterFacts, features: EngineFeatures): KernelChoices {
  return facts.software
    ? {
        matmul: 'register',
        matvec: 'thread',
        attention: 'thread',
        rowThreads: 32,
        subgroups: features.subgroups,
      }
    : {
        matmul: 'shared',
        matvec: 'lanes',
        attention: 'tile',
        rowThreads: 128,
        subgroups: features.subgroups,
      };
}
