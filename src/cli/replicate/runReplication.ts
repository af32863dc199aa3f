import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CancelledError, InputError, throwIfCancelled, UsageError } from '../../core/errors.ts';
import { canonicalJson, type JsonObject, type JsonValue } from '../../core/json.ts';
import { benchmarkOf } from '../../evaluate/benchmarks.ts';
import { engineSubject } from '../../evaluate/engineSubject.ts';
import { identityHash, Journal } from '../../evaluate/journal.ts';
import {
  replicationArmNames,
  replicationArms,
  replicationCells,
  replicationDifferences,
  type ReplicationArm,
  type ReplicationResult,
  type ReplicationRun,
  type ReplicationSet,
} from '../../evaluate/replication.ts';
import { runEvaluation, runIdentity, type EvaluationPlan } from '../../evaluate/runEvaluation.ts';
import type { Subject } from '../../evaluate/subject.ts';
import type { EngineDevice } from '../../gpu/device.ts';
import { greedySampling } from '../../gpu/kernels/sampling.ts';
import { ModelSession } from '../../model/session.ts';
import { defaultLoadOptions } from '../../model/planner.ts';
import { defaultTrainConfig, trainerOptionsOf, type TrainConfig } from '../../train/config.ts';
import type { RowPlan } from '../../train/dataset.ts';
import { longestExample, longestRow, matchedPlan, type MatchedBudget } from '../../train/matchedPlan.ts';
import { openTrainer } from '../../train/openTrainer.ts';
import { hashCheckpoint, type ModelHash, type RunRecord } from '../../train/runRecord.ts';
import { readMetrics, runFileNames } from '../../train/runStore.ts';
import {
  automaticWeightType,
  prepareTraining,
  trainPrepared,
  type PreparedTraining,
} from '../../train/training.ts';
import { DiskRunFolder, writeAdapter } from '../diskRunFolder.ts';
import { DiskJournal, openBenchmarkFile } from '../evaluateFiles.ts';
import { openAdapterFolder, type ModelFolder } from '../modelFolder.ts';
import { openNodeEngine } from '../nodeEngine.ts';
import { fileSource } from '../nodeSource.ts';
import { endProgress, note, progressLine } from '../output.ts';
import { checkWritable, writeWhole } from '../outputFile.ts';
import { compileArm, writeWorld } from './arms.ts';
import { writeSetRows, type SetPlan } from './sets.ts';

export interface ReplicationOptions {
  readonly model: string;
  readonly out: string;
  /** As typed, for the record. */
  readonly command: string;
  readonly version: string;
  readonly seeds: number;
  readonly arms: readonly ReplicationArm[];
  readonly sets: readonly SetPlan[];
  /** Questions other than the reported ones, to try designs on. */
  readonly isDev: boolean;
  readonly trajectories: number;
  readonly sizes: readonly [number, number];
  /** Longest example in tokens. */
  readonly budget: number;
  readonly steps: number;
  /** Tokens that the arms but one read in a step. */
  readonly stepTokens: number;
  readonly config: Partial<TrainConfig>;
  /** Replace what `out` holds of other options; it is refused otherwise. */
  readonly overwrite: boolean;
}

/** Answers are kept under the context they were given in: shorter sets than the default ones share theirs. */
const leastContext = 2560;

/**
 * Where the longest question and its reply fit: the marks of the messages take an eighth of their tokens at most.
 * Throws `UsageError` beyond the positions of the model.
 */
export function replicationContext(sets: readonly SetPlan[], positions: number): number {
  const needed = Math.max(
    ...sets.map(({ tokens, maxNewTokens }) =>
      tokens === null ? 0 : Math.ceil(1.125 * tokens) + maxNewTokens,
    ),
  );
  if (needed > positions) {
    throw new UsageError('too-long', 'The model has not enough positions for questions of these --lengths', {
      expected: `at most ${positions} positions`,
      actual: `${needed} with the reply`,
    });
  }
  return Math.max(leastContext, needed);
}

/** What tells runs of a replication apart. */
type RunName = Pick<ReplicationRun, 'arm' | 'seed'>;

interface Place {
  readonly options: ReplicationOptions;
  readonly opened: ModelFolder;
  readonly contextLength: number;
  readonly modelHash: ModelHash;
  readonly signal: AbortSignal;
  readonly engine: () => Promise<EngineDevice>;
}

/** Supervised tokens that ACC learnt from, by seed: what one control is matched to. */
type Learnt = Map<number, number>;

/**
 * The whole replication: world, sets, every arm under every seed, every question; the result is written after each
 * adapter. What is done already in the folder is read, not done again. Rejects with `CancelledError` after a stop.
 */
export async function runReplication(
  options: ReplicationOptions,
  opened: ModelFolder,
  signal: AbortSignal,
): Promise<ReplicationResult> {
  const { out } = options;
  let device: EngineDevice | null = null;
  const engine = async (): Promise<EngineDevice> => (device ??= await openNodeEngine({ longRun: true }));
  const { checkpoint, tokenizer } = opened;
  const contextLength = replicationContext(options.sets, checkpoint.config.maxPositionEmbeddings);
  const resultPath = join(out, 'result.json');
  await checkWritable(resultPath);
  const modelHash = await hashCheckpoint(checkpoint);
  const deciding = {
    format: 'acc-replication/1' as const,
    version: options.version,
    model: { name: checkpoint.name, sha256: modelHash.sha256, tokenizerSha256: tokenizer.sha256 },
    options: recordOf(options),
  };
  const found = await readResult(resultPath);
  const planned = options.sets.map(({ count, ...set }) => ({ ...set, items: count, sha256: null }));
  // Before anything is made; the rows of the sets are compared when they are there.
  if (found && !options.overwrite) refuseOther(resultPath, found, { ...deciding, sets: planned });
  const place: Place = { options, opened, contextLength, modelHash, signal, engine };
  const started = performance.now();
  try {
    const world = join(out, 'world');
    const { trajectories, isDev, sizes, overwrite } = options;
    await writeWorld(world, { count: trajectories, seed: isDev ? 1 : 0, sizes }, overwrite);
    const counter = { tokenizer: tokenizer.name, count: (text: string) => tokenizer.count(text) };
    const files: string[] = [];
    const sets: ReplicationSet[] = [];
    for (const plan of options.sets) {
      const path = await writeSetRows(plan, join(out, 'sets'), counter, options.isDev);
      files.push(path);
      const file = await openBenchmarkFile(path);
      const { benchmark, tokens, count, questionsPerContext } = plan;
      sets.push({ benchmark, tokens, items: count, questionsPerContext, sha256: await file.sha256() });
      await file.source.close();
    }
    const seeds = Array.from({ length: options.seeds }, (_, seed) => seed);
    const runs: ReplicationRun[] = [];
    /** Runs of the result that is there: kept also where they are not asked for or not reached before a stop. */
    let earlier: readonly ReplicationRun[] = [];
    const facts = (await engine()).facts;
    const resultOf = (isComplete: boolean): ReplicationResult => ({
      format: deciding.format,
      command: options.command,
      version: deciding.version,
      isComplete,
      model: deciding.model,
      device: facts.description || facts.vendor,
      options: deciding.options,
      arms: replicationArms.map((id) => ({ id, label: replicationArmNames[id] })),
      seeds,
      sets,
      runs: [...runs, ...earlier.filter((run) => !runs.some((each) => isSameRun(each, run)))],
      cells: replicationCells({ seeds, sets, runs }),
      differences: replicationDifferences({ seeds, sets, runs }),
    });
    const write = (result: ReplicationResult): Promise<void> => writeWhole(resultPath, `${textOf(result)}\n`);
    const todo: [ReplicationArm, number | null][] = [
      ...(options.arms.includes('base') ? [['base', null] as [ReplicationArm, null]] : []),
      ...seeds.flatMap((seed) =>
        replicationArms
          .filter((arm) => arm !== 'base' && options.arms.includes(arm))
          .map((arm): [ReplicationArm, number] => [arm, seed]),
      ),
    ];
    const learnt: Learnt = new Map();
    const now = { ...deciding, sets };
    if (found && !options.overwrite) refuseOther(resultPath, found, now);
    if (found && !differenceOf(found, now)) earlier = found.runs;
    // From now on the folder says which options its trainings are of.
    else await write(resultOf(false));
    for (const [index, [arm, seed]] of todo.entries()) {
      const done = earlier.find((run) => isSameRun(run, { arm, seed }));
      if (done && arm === 'acc') learnt.set(seed!, done.trained!.supervisedTokens);
      runs.push(done ?? (await oneRun(place, arm, seed, { world, files, learnt })));
      const minutes = (performance.now() - started) / 60_000;
      endProgress();
      note(
        `${index + 1} of ${todo.length}: ${arm}${seed === null ? '' : `, seed ${seed}`}; ${minutes.toFixed(1)} min so far, about ${((minutes / (index + 1)) * (todo.length - index - 1)).toFixed(0)} to go`,
      );
      const isLast = index + 1 === todo.length;
      if (!done || isLast) await write(resultOf(isLast));
    }
    return resultOf(true);
  } finally {
    endProgress();
    (device as EngineDevice | null)?.destroy();
  }
}

/** JSON with a list of numbers to a line. */
function textOf(result: ReplicationResult): string {
  return JSON.stringify(result, null, 1).replace(/\[[-\d.e,\s]+\]/g, (list) => list.replace(/\s+/g, ''));
}

function isSameRun(a: RunName, b: RunName): boolean {
  return a.arm === b.arm && a.seed === b.seed;
}

/** The result in a folder; null where there is none. */
async function readResult(path: string): Promise<ReplicationResult | null> {
  if (!existsSync(path)) return null;
  try {
    return JSON.parse(await readFile(path, 'utf8')) as ReplicationResult;
  } catch {
    // Cut by a crash.
    return null;
  }
}

/** All that decides the numbers of a run; without hashes the sets are those that are planned. */
type Deciding = Pick<ReplicationResult, 'format' | 'version' | 'model' | 'options'> & {
  readonly sets: readonly (Omit<ReplicationSet, 'sha256'> & { readonly sha256: string | null })[];
};

/** The first thing in which a result differs from what is asked for; null where its runs can be taken. */
function differenceOf(
  found: ReplicationResult,
  now: Deciding,
): { readonly name: string; readonly expected: JsonValue; readonly actual: JsonValue } | null {
  if (found.format !== now.format) return { name: 'format', expected: now.format, actual: found.format };
  const isHashed = now.sets.every(({ sha256 }) => sha256 !== null);
  const setText = ({
    benchmark,
    tokens,
    items,
    questionsPerContext,
    sha256,
  }: Deciding['sets'][number]): string =>
    `${items} of ${benchmark}${tokens === null ? '' : ` at ${tokens}`}, ${questionsPerContext} a context${isHashed ? ` (${sha256})` : ''}`;
  const factsOf = ({ version, model, options, sets }: Deciding): JsonObject => ({
    version,
    model: model.sha256,
    tokenizer: model.tokenizerSha256,
    ...options,
    sets: sets.map(setText),
  });
  const [expected, actual] = [factsOf(now), factsOf(found)];
  for (const name of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
    const pair = { name, expected: expected[name] ?? null, actual: actual[name] ?? null };
    if (canonicalJson(pair.expected) !== canonicalJson(pair.actual)) return pair;
  }
  return null;
}

/** Throws `InputError` where a result is of other options: its runs and trainings would be lost. */
function refuseOther(path: string, found: ReplicationResult, now: Deciding): void {
  const difference = differenceOf(found, now);
  if (!difference) return;
  throw new InputError('other-replication', 'The folder holds the result of other options', {
    where: path,
    expected: `${difference.name} ${JSON.stringify(difference.expected)}`,
    actual: JSON.stringify(difference.actual),
    advice: 'choose another --out, or add --overwrite to replace it with its trainings',
  });
}

/** The options that decide the numbers. */
function recordOf(options: ReplicationOptions): JsonObject {
  const { isDev, trajectories, sizes, budget, steps, stepTokens, config } = options;
  return {
    isDev,
    trajectories,
    sizes: [...sizes],
    budget,
    steps,
    stepTokens,
    config: { ...config } as JsonObject,
  };
}

async function oneRun(
  place: Place,
  arm: ReplicationArm,
  seed: number | null,
  at: { readonly world: string; readonly files: readonly string[]; readonly learnt: Learnt },
): Promise<ReplicationRun> {
  const folder = join(place.options.out, 'runs', seed === null ? arm : `${arm}-${seed}`);
  const what = seed === null ? arm : `${arm}, seed ${seed}`;
  let trained: { readonly record: RunRecord; readonly facts: ReplicationRun['trained'] } | null = null;
  if (arm !== 'base') trained = await train(place, arm, seed ?? 0, folder, at, what);
  const adapterSha256 = trained?.record.adapter?.sha256 ?? null;
  const scores = await evaluate(place, folder, at.files, adapterSha256, what);
  return { arm, seed, adapterSha256, trained: trained?.facts ?? null, scores };
}

async function train(
  place: Place,
  arm: Exclude<ReplicationArm, 'base'>,
  seed: number,
  folder: string,
  at: { readonly world: string; readonly learnt: Learnt },
  what: string,
): Promise<{ readonly record: RunRecord; readonly facts: ReplicationRun['trained'] }> {
  const { options, opened, signal, modelHash } = place;
  const { checkpoint, tokenizer } = opened;
  progressLine(`${what}: compiling`);
  const data = await compileArm(arm, {
    world: at.world,
    out: join(folder, 'data'),
    tokenizer: options.model,
    budget: options.budget,
    seed,
    version: options.version,
  });
  const source = await fileSource(data);
  try {
    const config: TrainConfig = {
      ...defaultTrainConfig,
      learningRate: 1e-3,
      warmupSteps: Math.ceil(options.steps / 10),
      ...options.config,
      seed,
      steps: options.steps,
      epochs: null,
      packing: true,
      shuffle: false,
      maxLength: 2 ** 20,
    };
    const whole = await prepareTraining({ config, checkpoint, tokenizer, source, model: modelHash });
    const budget = budgetOf(arm, seed, options, at.learnt, whole.plan);
    const plan = matchedPlan(whole.plan, budget);
    const maxLength = longestRow(plan);
    const prepared: PreparedTraining = {
      ...whole,
      plan,
      options: {
        ...trainerOptionsOf(config, automaticWeightType(checkpoint)),
        maxLength,
        longestExample: longestExample(plan),
      },
      // The rows are part of what the steps compute.
      identity: `${whole.identity}/${budget.of}/${budget.tokens}/${budget.steps}`,
    };
    if (arm === 'acc') at.learnt.set(seed, plan.trainedSupervisedTokens);
    const runFolder = new DiskRunFolder(join(folder, 'train'));
    await mkdir(runFolder.path, { recursive: true });
    const record =
      (await finishedRecord(runFolder, prepared.identity)) ??
      (await trainAnew(place, prepared, runFolder, what));
    if (record.end !== 'finished') {
      if (signal.aborted) throw new CancelledError('the replication');
      throw new Error(`Internal error: ${what} ended as ${record.end}: ${record.message ?? ''}`);
    }
    const metrics = await readMetrics(runFolder);
    const entries = plan.rows.flat();
    return {
      record,
      facts: {
        dataSha256: record.data.sha256,
        examples: entries.length,
        steps: record.ledger.steps,
        processedTokens: record.ledger.processedTokens,
        supervisedTokens: record.ledger.supervisedTokens,
        longestExample: longestExample(plan),
        lastLoss: metrics.at(-1)?.loss ?? NaN,
      },
    };
  } finally {
    await source.close();
  }
}

/**
 * What an arm may take. An agent's run has so many learnt tokens that few runs hold as many as all examples of ACC:
 * where there are fewer than steps, each is a step of its own and the schedule is that much shorter.
 */
function budgetOf(
  arm: ReplicationArm,
  seed: number,
  { steps, stepTokens }: ReplicationOptions,
  learnt: Learnt,
  { trainedSupervisedTokens, rows }: RowPlan,
): MatchedBudget {
  const supervised = learnt.get(seed);
  if (arm !== 'sft-supervised' || supervised === undefined)
    return { steps, tokens: steps * stepTokens, of: 'tokens', seed };
  const perExample = trainedSupervisedTokens / rows.flat().length;
  const examples = Math.max(1, Math.floor(supervised / perExample));
  return { steps: Math.min(steps, examples), tokens: supervised, of: 'supervisedTokens', seed };
}

/** The record of a run that was finished earlier with the same identity; null where it must run. */
async function finishedRecord(folder: DiskRunFolder, identity: string): Promise<RunRecord | null> {
  if (!existsSync(join(folder.path, runFileNames.record))) return null;
  let record: RunRecord;
  try {
    record = JSON.parse(await readFile(join(folder.path, runFileNames.record), 'utf8')) as RunRecord;
  } catch {
    // Cut by a crash.
    return null;
  }
  if (record.identity !== identity) {
    // Of other options or other data: nothing of it can be used.
    await rm(folder.path, { recursive: true });
    await mkdir(folder.path, { recursive: true });
    return null;
  }
  const isWhole = existsSync(join(folder.path, 'adapter_model.safetensors'));
  return record.end === 'finished' && isWhole ? record : null;
}

async function trainAnew(
  { options, signal, engine }: Place,
  prepared: PreparedTraining,
  folder: DiskRunFolder,
  what: string,
): Promise<RunRecord> {
  const result = await trainPrepared(
    prepared,
    {
      folder,
      version: options.version,
      now: () => new Date(),
      signal,
      openTrainer: async (each, kernels) =>
        openTrainer(await engine(), each.checkpoint, each.options, { signal }, kernels),
    },
    {
      onStep: ({ step, loss, tokensPerSecond }) =>
        progressLine(
          `${what}: step ${step}/${prepared.plan.totalSteps}, loss ${loss.toFixed(3)}, ${tokensPerSecond.toFixed(0)} tokens/s`,
        ),
    },
  );
  await writeAdapter(folder, result);
  return result.record;
}

/** Scores of every item of every set, from the journals where they hold them. */
async function evaluate(
  { options, opened, contextLength, modelHash, signal, engine }: Place,
  folder: string,
  files: readonly string[],
  adapterSha256: string | null,
  what: string,
): Promise<number[][]> {
  const { checkpoint, tokenizer } = opened;
  const identity = { type: 'engine', model: modelHash.sha256, adapter: adapterSha256, contextLength };
  let session: ModelSession | null = null;
  // Loaded for the first question that no journal answers.
  const ask = async (): Promise<Subject> => {
    if (!session) {
      const adapter =
        adapterSha256 === null ? null : await openAdapterFolder(join(folder, 'train'), checkpoint);
      session = await ModelSession.load(
        await engine(),
        checkpoint,
        { ...defaultLoadOptions, weightType: 'f32', kvType: 'f16', contextLength },
        { signal, ...(adapter ? { adapter } : {}) },
      );
    }
    return engineSubject(session, tokenizer, checkpoint.tokenizerConfig, {
      name: what,
      identity,
      sampling: greedySampling,
    });
  };
  const subject: Subject = {
    name: what,
    identity,
    concurrency: 1,
    generate: async (...question) => (await ask()).generate(...question),
  };
  const all: number[][] = [];
  try {
    for (const [index, set] of options.sets.entries()) {
      throwIfCancelled(signal, 'the replication');
      const benchmark = benchmarkOf(set.benchmark);
      const file = await openBenchmarkFile(files[index]!);
      const name = `${set.benchmark}${set.tokens === null ? '' : ` at ${set.tokens}`}`;
      const plan: EvaluationPlan = {
        benchmark,
        rows: file.rows,
        dataName: file.source.name,
        dataSha256: await file.sha256(),
        subject,
        seeds: [0],
        mode: benchmark.modes[0],
        selection: { limit: null, slices: {}, maxTokens: null },
        generation: { maxNewTokens: set.maxNewTokens, temperature: 0, topP: 1 },
        varyPresentation: false,
        length: null,
      };
      const asked = runIdentity(plan);
      // Answers of other weights or other rows lie in files of other names.
      const journalName = `${name.replaceAll(' ', '-')}-${identityHash(asked)}.jsonl`;
      const disk = new DiskJournal(join(folder, 'answers', journalName));
      try {
        const journal = await Journal.open(disk, asked);
        const { result, items } = await runEvaluation(plan, journal, {
          signal,
          onProgress: ({ done, questions, mean }) =>
            progressLine(`${what}: ${name}, ${done}/${questions}, mean ${mean?.toFixed(3) ?? '–'}`),
        });
        if (result.failures[0]) throw new Error(`${what}, ${name}: ${result.failures[0].reason}`);
        all.push(items.map(({ score }) => Math.round(score * 1e4) / 1e4));
      } finally {
        await disk.close();
        await file.source.close();
      }
    }
  } finally {
    (session as ModelSession | null)?.destroy();
  }
  return all;
}
