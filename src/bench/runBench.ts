import { requestEngineDevice, type EngineDevice } from '../gpu/device.ts';
import { benchContext } from './contextBench.ts';
import { benchMatmul } from './matmulBench.ts';
import { benchMechanism, benchMechanismMemory } from './mechanismBench.ts';
import { benchBox, benchModel } from './modelBench.ts';
import { benchTraining, benchTrainingMemory } from './trainingBench.ts';
import type {
  BenchLane,
  BenchReport,
  BenchRow,
  BenchSuite,
  ContextMemory,
  TrainingMemoryRow,
} from './report.ts';
import { countWebGpu, hideSubgroups } from './webgpuCounters.ts';

/** What to measure; cloneable, since it crosses into a page. */
export interface BenchRequest {
  readonly suites: readonly BenchSuite[];
  readonly lane: BenchLane;
  readonly repeats: number;
  /** Also each of our own matmul kernels by name. */
  readonly variants: boolean;
  /** Longest context of the suites that grow it. */
  readonly maxContext: number;
  /** Shortest row of the growing lengths of `training`; above zero its peers are left out. */
  readonly minContext: number;
}

/** What the suites share. */
export interface BenchContext {
  readonly engine: EngineDevice;
  readonly lane: BenchLane;
  readonly repeats: number;
  readonly variants: boolean;
  readonly maxContext: number;
  readonly minContext: number;
  /** Names onnxruntime-web's WebGPU provider as it runs in this lane. */
  readonly ortName: string;
  readonly progress: (message: string) => void;
  readonly absent: (reason: string) => void;
  /** A file of the model in the box; null where there is none of that name. */
  readonly readBox: ReadBox;
}

export type ReadBox = (fileName: string) => Promise<Uint8Array | null>;

/** Runs the suites on one adapter in this page or process. `gpu` is also what peers find as `navigator.gpu`. */
export async function runBench(
  gpu: GPU,
  request: BenchRequest,
  progress: (message: string) => void,
  readBox: ReadBox,
): Promise<BenchReport> {
  countWebGpu();
  const engine = await requestEngineDevice(gpu);
  // After ours has its device: only peers lose sight of subgroups. onnxruntime-web's flash attention (prompts above 32
  // tokens) steps by the subgroup size and takes 8 keys at a step: with subgroups of 4 it counts keys twice.
  const restore = request.lane === 'corrected' ? hideSubgroups() : () => undefined;
  const absent = new Set<string>();
  const context: BenchContext = {
    engine,
    lane: request.lane,
    repeats: request.repeats,
    variants: request.variants,
    maxContext: request.maxContext,
    minContext: request.minContext,
    ortName: `onnxruntime-web WebGPU, ${request.lane === 'corrected' ? 'subgroups hidden' : 'as shipped'}`,
    progress,
    readBox,
    absent: (reason) => absent.add(reason),
  };
  const rows: BenchRow[] = [];
  const memory: ContextMemory[] = [];
  const trainingMemory: TrainingMemoryRow[] = [];
  try {
    for (const suite of request.suites) {
      if (suite === 'matmul') rows.push(...(await benchMatmul(context)));
      else if (suite === 'box') {
        if (request.lane === 'corrected') rows.push(...(await benchBox(context)));
      } else if (suite === 'context') {
        // Ours alone: once is enough.
        if (request.lane !== 'corrected') continue;
        const measured = await benchContext(context);
        rows.push(...measured.rows);
        memory.push(...measured.memory);
      } else if (suite === 'mechanism') {
        if (request.lane !== 'corrected') continue;
        rows.push(...(await benchMechanism(context)));
      } else if (suite === 'mechanism-memory') {
        if (request.lane !== 'corrected') continue;
        memory.push(...(await benchMechanismMemory(context)));
      } else if (suite === 'training') {
        // No peer here needs subgroups hidden: once is enough.
        if (request.lane !== 'corrected') continue;
        if (context.minContext === 0) rows.push(...(await benchTraining(context)));
        const measured = await benchTrainingMemory(context);
        rows.push(...measured.rows);
        trainingMemory.push(...measured.memory);
      } else rows.push(...(await benchModel(context, suite)));
    }
  } finally {
    restore();
  }
  return {
    lane: request.lane,
    adapter: engine.facts,
    choices: { ...engine.choices },
    repeats: request.repeats,
    rows,
    memory,
    trainingMemory,
    absent: [...absent],
  };
}
