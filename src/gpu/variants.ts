import type { AdapterFacts, EngineFeatures } from './device.ts';

/**
 * How each operation is carried out on this adapter. All give the same results (to rounding); which is fastest
 * differs between GPUs and CPU emulations by an order of magnitude, so the choice is measured (`tuneKernels`).
 */
export interface KernelChoices {
  /** `lanes`: subgroup broadcasts, no shared memory. `register`: neither. `shared`: tiles in shared memory. */
  readonly matmul: 'lanes' | 'register' | 'shared';
  /** What `shared` multiplies in where halves are allowed; sums are f32 either way. */
  readonly sharedTiles: 'f32' | 'f16';
  /** `thread`: a thread walks along four weight rows. `lanes`: a workgroup spreads them over its threads. */
  readonly matvec: 'thread' | 'lanes';
  /**
   * With many queries, and backwards. `thread`: one per (query, head), no shared memory. `quad`: one per four of them for
   * heads of 32 and 64, otherwise as `thread`. `tile`: staged in shared memory.
   */
  readonly attention: 'thread' | 'quad' | 'tile';
  /** Threads that reduce one row (norms, router, softmax): those of a workgroup, or 1 where each has a row of its own. */
  readonly rowThreads: number;
  /** Most threads that share a head while its queries and keys are normed and rotated, both ways. */
  readonly headThreads: number;
  /** Threads of a workgroup without barriers, where its size only sets the grain. */
  readonly flatThreads: number;
  /** Workgroups that keep the adapter busy: attention with few queries is cut into about as many. */
  readonly attentionWorkgroups: number;
  /** Whether kernels may use subgroup operations. */
  readonly subgroups: boolean;
}

/** Choices with the adapter that they are of: a run goes on with those it began with, there. */
export interface AdapterChoices {
  /** `EngineDevice.adapterKey` */
  readonly adapter: string;
  readonly choices: KernelChoices;
}

/** Sensible choices before anything was measured; `longRun` where seconds of compiling do not matter. */
export function defaultChoices(
  facts: AdapterFacts,
  features: EngineFeatures,
  longRun: boolean,
): KernelChoices {
  const { subgroups } = features;
  const isSwiftShader = /swiftshader/i.test(facts.architecture + facts.description);
  return facts.software
    ? {
        matmul: subgroups ? 'lanes' : 'register',
        sharedTiles: 'f32',
        matvec: 'thread',
        // Three to six times as fast on SwiftShader; llvmpipe gains half that and compiles it for ten seconds.
        attention: isSwiftShader || longRun ? 'quad' : 'thread',
        rowThreads: 1,
        headThreads: 1,
        flatThreads: 16,
        attentionWorkgroups: 8,
        subgroups,
      }
    : {
        matmul: 'shared',
        sharedTiles: 'f32',
        matvec: 'lanes',
        attention: 'tile',
        rowThreads: 128,
        headThreads: 16,
        flatThreads: 64,
        attentionWorkgroups: 256,
        subgroups,
      };
}
