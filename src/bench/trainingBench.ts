import { messageOf } from '../core/errors.ts';
import { Rng } from '../core/rng.ts';
import { Trainer } from '../train/trainer.ts';
import { defaultLoraOptions, defaultTrainerOptions, type TrainerOptions } from '../train/types.ts';
import { randomCheckpoint, tinyDenseConfig, tinyMoeConfig } from './randomCheckpoint.ts';
import { oursName, type BenchRow, type TrainingMemoryRow } from './report.ts';
import type { BenchContext } from './runBench.ts';
import { median, timeInTurns } from './timing.ts';
import { jaxTraining, ourTraining, type TrainingContestant, type TrainingProblem } from './trainingPeers.ts';
import { countedPer } from './webgpuCounters.ts';

const tokens = 128;
/** Steps whose losses are compared before anything is timed. */
const comparedSteps = 4;

/** Random tokens that are all learnt. */
function trainingRow(count: number, vocabSize: number) {
  const rng = new Rng('training');
  const ids = Uint32Array.from({ length: count }, () => rng.below(vocabSize));
  const labels = Int32Array.from(ids, (_, t) => (t + 1 < count ? ids[t + 1]! : -100));
  return { ids, labels, documentStarts: [0] };
}

/** LoRA r = 8 on q and v of the dense model, AdamW: losses compared first, then steps timed in turns. */
export async function benchTraining(context: BenchContext): Promise<BenchRow[]> {
  const { engine, lane, repeats } = context;
  const checkpoint = await randomCheckpoint('tiny-dense', tinyDenseConfig);
  const problem: TrainingProblem = {
    checkpoint,
    options: {
      ...defaultTrainerOptions,
      weightType: 'f32',
      maxLength: tokens,
      checkpointing: false,
      maxGradNorm: 0,
      lora: { ...defaultLoraOptions, rank: 8, alpha: 16, targets: ['q_proj', 'v_proj'] },
    },
    row: trainingRow(tokens, checkpoint.config.vocabSize),
    learningRate: 1e-2,
  };
  const ours = await ourTraining(engine, problem, oursName);
  const contestants: TrainingContestant[] = [ours.contestant];
  try {
    contestants.push(await jaxTraining(problem, ours.start));
  } catch (error) {
    context.absent(messageOf(error));
  }
  const losses = new Map<string, number[]>();
  for (const one of contestants) {
    const all: number[] = [];
    for (let step = 0; step < comparedSteps; step++) all.push(await one.step());
    losses.set(one.name, all);
    context.progress(`training: ${one.name} losses ${all.map((loss) => loss.toFixed(5)).join(' ')}`);
  }
  const reference = losses.get(contestants.at(-1)!.name)!;
  const timings = await timeInTurns(
    contestants.map((one) => ({ name: one.name, run: () => one.step().then(() => undefined) })),
    repeats,
  );
  const rows = contestants.map(({ name }): BenchRow => {
    const { medianMs, minMs, counts } = timings.get(name)!;
    context.progress(
      `training: ${name} ${medianMs.toFixed(0)} ms a step, ${counts.submits} submits, ${counts.readbacks} readbacks, ${counts.buffers} buffers made`,
    );
    const difference = Math.max(...losses.get(name)!.map((loss, i) => Math.abs(loss - reference[i]!)));
    return {
      suite: 'training',
      lane,
      test: `LoRA step ${tokens}`,
      engine: name,
      runsOn: 'gpu',
      medianMs,
      minMs,
      rate: (tokens * 1000) / medianMs,
      unit: 'tokens/s',
      counts,
      difference,
      correct: difference < 1e-4,
      note: 'r 8 on q and v, AdamW; losses of 4 steps compared',
    };
  });
  for (const one of contestants) one.release();
  return rows;
}

/** Steps of the MoE model with adapters on attention and every expert, at growing length: time and bytes against plan. */
export async function benchTrainingMemory(
  context: BenchContext,
): Promise<{ rows: BenchRow[]; memory: TrainingMemoryRow[] }> {
  const { engine, lane, minContext, maxContext } = context;
  const checkpoint = await randomCheckpoint('tiny-moe', tinyMoeConfig);
  const rows: BenchRow[] = [];
  const memory: TrainingMemoryRow[] = [];
  for (const length of [512, 2048, 8192]) {
    if (length < minContext || length > maxContext) continue;
    const options: TrainerOptions = {
      ...defaultTrainerOptions,
      weightType: 'f32',
      maxLength: length,
      lora: { ...defaultLoraOptions, rank: 8, alpha: 16 },
    };
    const before = engine.buffers.allocatedBytes;
    const plan = Trainer.plan(engine, checkpoint, options);
    const trainer = await Trainer.create(engine, checkpoint, options);
    engine.buffers.resetPeak();
    const row = trainingRow(length, checkpoint.config.vocabSize);
    const times: number[] = [];
    let counts = null;
    // The first step also meets kernels that were not run yet, which is nothing beside the minutes of the longest row.
    const steps = length > 2048 ? 1 : length > 512 ? 2 : 3;
    for (let step = 0; step < steps; step++) {
      counts = await countedPer(1, async () => {
        const { elapsedMs, counters } = await trainer.step([[row]], 1e-3);
        if (step > 0 || steps === 1) times.push(elapsedMs);
        context.progress(
          `training ${length}, step ${step + 1}: ${(elapsedMs / 1000).toFixed(2)} s, ${counters.submits} submits, ${counters.readbacks} readback, ${counters.buffersCreated} buffers made`,
        );
      });
    }
    const medianMs = median(times);
    rows.push({
      suite: 'training',
      lane,
      test: `MoE step ${length}`,
      engine: oursName,
      runsOn: 'gpu',
      medianMs,
      minMs: Math.min(...times),
      rate: (length * 1000) / medianMs,
      unit: 'tokens/s',
      counts,
      difference: NaN,
      correct: true,
      note: 'r 8 on attention and every expert, checkpointing',
    });
    const peakBytes = engine.buffers.peakBytes - before;
    context.progress(`training ${length}: ${plan.totalBytes} bytes planned, ${peakBytes} at most`);
    memory.push({
      tokens: length,
      plannedBytes: plan.totalBytes,
      peakBytes,
      keptBytes: plan.keptBytes,
      largestBufferBytes: plan.largestBufferBytes,
    });
    trainer.destroy();
  }
  return { rows, memory };
}
