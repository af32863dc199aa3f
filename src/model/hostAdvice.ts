import type { EngineDevice } from '../gpu/device.ts';
import type { KvType, WeightType } from '../gpu/tensors.ts';
import type { Checkpoint } from './checkpoint.ts';
import { planModel, type LoadOptions, type MemoryPlan } from './planner.ts';

/** From exact to small, the order in which less memory is bought with precision. */
const weightOrder: readonly WeightType[] = ['f32', 'f16', 'int8', 'int4'];
const kvOrder: readonly KvType[] = ['f32', 'f16', 'int8'];
/** A context below this serves no compiled example; precision is given up before it. */
const leastContext = 1024;
const leastChunk = 64;

/** Options that are the next best to `options`, the mildest change first, each smaller than the last in some way. */
function smallerOptions(options: LoadOptions, trainedContext: number): LoadOptions[] {
  const tried: LoadOptions[] = [];
  const context = Math.min(options.contextLength, trainedContext);
  const shortest = Math.min(context, leastContext);
  const chunks = options.chunkTokens > leastChunk ? [options.chunkTokens, leastChunk] : [options.chunkTokens];
  const weights = weightOrder.slice(weightOrder.indexOf(options.weightType));
  const kvs = kvOrder.slice(kvOrder.indexOf(options.kvType));
  for (const weightType of weights) {
    for (let contextLength = context; ; contextLength = Math.max(shortest, contextLength >> 1)) {
      for (const kvType of kvs) {
        for (const chunkTokens of chunks) tried.push({ weightType, kvType, contextLength, chunkTokens });
      }
      if (contextLength === shortest) break;
    }
  }
  return tried.filter(
    (each) =>
      each.weightType !== options.weightType ||
      each.kvType !== options.kvType ||
      each.contextLength !== options.contextLength ||
      each.chunkTokens !== options.chunkTokens,
  );
}

/**
 * The mildest change of `options` that fits the adapter's limits and, when given, `limitBytes` in all (learned
 * from an allocation that failed, since WebGPU tells no amount of memory). Null when nothing fits.
 */
export function advisePlan(
  engine: EngineDevice,
  checkpoint: Checkpoint,
  options: LoadOptions,
  limitBytes: number | null,
): MemoryPlan | null {
  for (const smaller of smallerOptions(options, checkpoint.config.maxPositionEmbeddings)) {
    const { memory } = planModel(engine, checkpoint, smaller);
    const fits = limitBytes === null || memory.totalBytes <= limitBytes;
    if (fits && memory.problems.length === 0) return memory;
  }
  return null;
}
