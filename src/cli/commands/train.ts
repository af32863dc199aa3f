import { copyFile, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { version } from '../../../package.json';
import { CancelledError, InputError, messageOf, UsageError } from '../../core/errors.ts';
import type { JsonValue } from '../../core/json.ts';
import type { EngineDevice } from '../../gpu/device.ts';
import { GpuDeviceLostError } from '../../gpu/errors.ts';
import { mergedWeights } from '../../train/mergedWeights.ts';
import { readTrainConfig, trainConfigKeys, type TrainConfig } from '../../train/config.ts';
import { openTrainer } from '../../train/openTrainer.ts';
import type { TrainerHandlers } from '../../train/trainer.ts';
import { runFileNames, stepOfFolder } from '../../train/runStore.ts';
import { prepareTraining, trainPrepared, type TrainResult } from '../../train/training.ts';
import { lastValue, parseArguments, refuseWords } from '../compileArguments.ts';
import { DiskRunFolder, writeAdapter } from '../diskRunFolder.ts';
import { openAdapterFolder, openModelFolder } from '../modelFolder.ts';
import { openNodeEngine } from '../nodeEngine.ts';
import { fileSource } from '../nodeSource.ts';
import { endProgress, EXIT_DONE, EXIT_REJECTED, note, print, printable, printJson, progressLine } from '../output.ts'; // prettier-ignore
import { checkWritable } from '../outputFile.ts';

/** Tokens from which training takes minutes on a CPU. */
const longRunTokens = 20_000;

const keyLines = trainConfigKeys
  .map(
    ({ name, fallback, meaning }) => `  ${name.padEnd(20)} ${meaning}; default ${JSON.stringify(fallback)}`,
  )
  .join('\n');

const help = `acc train --model DIR --data FILE --out DIR [options]: LoRA fine-tuning on the WGSL engine

  --model DIR      Hugging Face checkpoint (Qwen3 or Qwen3-MoE)
  --data FILE      examples.jsonl of acc compile (or the folder it lies in), or one of its exports as JSON lines
  --out DIR        gets adapter_config.json, adapter_model.safetensors (PEFT), run.json, metrics.jsonl and the
                   checkpoint to go on from
  --config FILE    JSON; keys below, unknown ones are refused
  --adapter DIR    start from this PEFT adapter
  --resume         go on from the checkpoint in --out; the result is that of a run that was never stopped
  --overwrite      replace the run or the adapter that --out holds, once the new one can start; without it they are kept
  --merge          also write the weights with the adapter added, as a checkpoint folder OUT/merged
  --no-subgroups --no-f16   behave as if the adapter lacked them
  --json           one JSON document (the run record) on standard output

Ctrl-C stops with a checkpoint. Each line of metrics.jsonl is a step: step, loss before the update, learningRate,
gradNorm, supervisedTokens, elapsedMs and more; with experts auxLoss, zLoss (mean squared log-sum-exp of the router),
loadImbalance (busiest expert over the mean) and effectiveExperts (exp of the entropy of their loads).

Keys of the config:
${keyLines}

Exit codes: 0 done, 1 done without some of the examples, or stopped, or ended by a step that is not finite;
2 usage or unreadable input.`;

async function readConfig(path: string | null): Promise<TrainConfig> {
  if (path === null) return readTrainConfig({});
  let value: JsonValue;
  try {
    value = JSON.parse(await readFile(path, 'utf8')) as JsonValue;
  } catch (error) {
    throw new InputError('bad-config', 'The training config cannot be read', {
      where: path,
      expected: 'a file of JSON',
      actual: messageOf(error),
    });
  }
  return readTrainConfig(value, path);
}

/** The file of examples; a compiled set's folder stands for the file in it. */
export async function dataPath(path: string): Promise<string> {
  try {
    return (await stat(path)).isDirectory() ? join(path, 'examples.jsonl') : path;
  } catch {
    // Opening it says what is wrong.
    return path;
  }
}

const adapterFiles = ['adapter_config.json', 'adapter_model.safetensors'];

/** Throws `InputError` where the folder holds a run or an adapter that training would replace. */
function refuseHeldRun(out: string): void {
  const held = [runFileNames.latest, ...adapterFiles].find((name) => existsSync(join(out, name)));
  if (held === undefined) return;
  throw new InputError('holds-run', 'The folder holds a run or an adapter already', {
    where: join(out, held),
    advice: 'add --resume to go on with it or --overwrite to replace it, or choose another --out',
  });
}

/** Removes what an earlier run left in the folder and this one would mix with; its record is written already. */
async function clearRun(out: string): Promise<void> {
  const { latest, best, metrics } = runFileNames;
  for (const name of [latest, best, metrics, ...adapterFiles]) await rm(join(out, name), { force: true });
  for (const entry of await readdir(out, { withFileTypes: true })) {
    if (!entry.isDirectory() || stepOfFolder(entry.name) === null) continue;
    const folder = join(out, entry.name);
    const files = await readdir(folder);
    // Other trainers call theirs the same and keep more in them.
    if (files.every((file) => adapterFiles.includes(file))) await rm(folder, { recursive: true });
  }
}

const modelFiles = ['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja', 'vocab.json', 'merges.txt']; // prettier-ignore

/** `acc train`. */
export async function run(argv: string[]): Promise<number> {
  const parsed = parseArguments(argv, {
    ...Object.fromEntries(
      ['model', 'data', 'out', 'config', 'adapter'].map((name) => [name, 'one'] as const),
    ),
    ...Object.fromEntries(
      ['resume', 'overwrite', 'merge', 'json', 'help', 'no-subgroups', 'no-f16'].map(
        (name) => [name, 'flag'] as const,
      ),
    ),
  });
  if (parsed.flags.has('help')) {
    await print(help);
    return EXIT_DONE;
  }
  refuseWords(parsed, 'train', 0);
  const [model, data, out] = ['model', 'data', 'out'].map((name) => lastValue(parsed, name));
  if (!model || !data || !out) {
    throw new UsageError('missing-option', 'acc train needs --model, --data and --out');
  }
  const config = await readConfig(lastValue(parsed, 'config'));
  const resume = parsed.flags.has('resume');
  if (resume && parsed.flags.has('overwrite')) {
    throw new UsageError('bad-option', 'acc train takes --resume or --overwrite, not both');
  }
  if (resume && !existsSync(join(out, runFileNames.latest))) {
    throw new InputError('no-checkpoint', 'There is no checkpoint to go on from', {
      where: join(out, runFileNames.latest),
      advice: 'leave --resume out to start anew',
    });
  }
  if (!resume && !parsed.flags.has('overwrite')) refuseHeldRun(out);
  await checkWritable(join(out, runFileNames.record));
  const opened = await openModelFolder(model);
  const source = await fileSource(await dataPath(data));
  const stop = new AbortController();
  let isTraining = false;
  const onSignal = (): void => {
    note(isTraining ? 'stopping after this step; the checkpoint will be in --out' : 'stopping');
    stop.abort();
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  let engine: EngineDevice | null = null;
  try {
    const { checkpoint, tokenizer } = opened;
    const adapterFolder = lastValue(parsed, 'adapter');
    const startAdapter = adapterFolder === null ? null : await openAdapterFolder(adapterFolder, checkpoint);
    const prepared = await prepareTraining(
      { config, checkpoint, tokenizer, source, startAdapter },
      {
        signal: stop.signal,
        onProgress: (done, total, examples) =>
          progressLine(
            `reading ${examples} examples${total ? `, ${((100 * done) / total).toFixed(0)} %` : ''}`,
          ),
      },
    );
    endProgress();
    const { plan } = prepared;
    for (const each of plan.dropped.slice(0, 20))
      note(`left out: ${printable(each.id)}: ${printable(each.reason)}`);
    if (plan.dropped.length > 20) note(`… and ${plan.dropped.length - 20} more; all are in run.json`);
    note(
      `${plan.rows.flat().length} examples in ${plan.rows.length} rows, ${plan.trainedTokens} tokens of which ${plan.trainedSupervisedTokens} are learnt, ${plan.heldOut.length} held out; ${plan.totalSteps} steps`,
    );
    const hidden = plan.rows.flat().reduce((sum, { hiddenReasoning }) => sum + hiddenReasoning, 0);
    if (hidden > 0)
      note(
        `the chat template leaves out the reasoning of ${hidden} learnt turns; "turns": "apart" in the config learns it`,
      );
    const deviceOptions = {
      ...(parsed.flags.has('no-subgroups') ? { subgroups: false } : {}),
      ...(parsed.flags.has('no-f16') ? { f16: false } : {}),
      longRun: plan.trainedTokens >= longRunTokens,
    };
    const folder = new DiskRunFolder(out);
    let isCleared = resume;
    let heldOut = '';
    let stepLine = `step 0/${plan.totalSteps}`;
    const result = await trainPrepared(
      prepared,
      {
        folder,
        version,
        now: () => new Date(),
        signal: stop.signal,
        openTrainer: async ({ checkpoint: base, options }, kernels) => {
          if (!engine || engine.failure instanceof GpuDeviceLostError) {
            engine = await openNodeEngine(deviceOptions);
          }
          const handlers: TrainerHandlers = {
            signal: stop.signal,
            onKernels: (done, total) => progressLine(`compiling kernels ${done}/${total}`),
            onProgress: ({ doneBytes, totalBytes }) =>
              progressLine(`loading ${((100 * doneBytes) / totalBytes).toFixed(0)} %`),
          };
          // Before it is cleared the folder may hold another run's checkpoint, whose kernels are not this one's.
          const own = isCleared ? kernels : null;
          const trainer = await openTrainer(engine, base, options, handlers, own);
          // Only now is it known that the new run starts; after a lost device the checkpoint is this run's own.
          if (!isCleared) await clearRun(out);
          isCleared = true;
          isTraining = true;
          return trainer;
        },
      },
      {
        onStepShare: (share) => progressLine(`${stepLine}; ${Math.floor(100 * share)} % of the next step`),
        onStep: (each) => {
          stepLine = `step ${each.step}/${plan.totalSteps}, loss ${each.loss.toFixed(4)}, rate ${each.learningRate.toExponential(1)}, norm ${each.gradNorm.toFixed(3)}, ${each.tokensPerSecond.toFixed(0)} tokens/s${heldOut}`;
          progressLine(stepLine);
        },
        onHeldOut: ({ step, loss }) => {
          heldOut = `, held out ${loss.toFixed(4)}`;
          endProgress();
          note(`step ${step}: held-out loss ${loss.toFixed(4)}`);
        },
        onDeviceLoss: (lostAt, from, reason) => {
          endProgress();
          note(`after step ${lostAt}: ${reason}; going on from step ${from}`);
        },
      },
    );
    endProgress();
    await writeAdapter(folder, result);
    if (parsed.flags.has('merge') && result.outcome.adapter) {
      await writeMerged(join(out, 'merged'), model, prepared.checkpoint, result.outcome.adapter.adapter);
    }
    if (parsed.flags.has('json')) await printJson(result.record);
    else await print(summary(result, out));
    const { end } = result.record;
    const isWhole = (end === 'finished' || end === 'early-stop') && plan.dropped.length === 0;
    return isWhole ? EXIT_DONE : EXIT_REJECTED;
  } catch (error) {
    endProgress();
    if (!(error instanceof CancelledError)) throw error;
    note('acc: stopped before the training began; no checkpoint was written');
    return EXIT_REJECTED;
  } finally {
    process.removeListener('SIGINT', onSignal);
    process.removeListener('SIGTERM', onSignal);
    endProgress();
    await source.close();
    await opened.close();
    (engine as EngineDevice | null)?.destroy();
  }
}

/** A checkpoint folder with the adapter added: one weights file, config and tokenizer as they are. */
async function writeMerged(
  folder: string,
  model: string,
  ...[checkpoint, adapter]: Parameters<typeof mergedWeights>
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const target = join(folder, 'model.safetensors');
  const file = await open(`${target}.part`, 'w');
  try {
    let done = 0;
    for await (const piece of mergedWeights(checkpoint, adapter)) {
      await file.write(piece);
      done += piece.length;
      progressLine(`merging ${(done / 2 ** 20).toFixed(0)} MiB`);
    }
  } finally {
    await file.close();
    endProgress();
  }
  await rename(`${target}.part`, target);
  for (const name of modelFiles) {
    if (existsSync(join(model, name))) await copyFile(join(model, name), join(folder, name));
  }
}

function summary({ record, outcome }: TrainResult, out: string): string {
  const { ledger, device, memory } = record;
  const last = outcome.counters;
  const seconds = ledger.elapsedMs / 1000;
  return [
    `${record.message ?? record.end}: ${ledger.steps} steps, ${ledger.processedTokens} tokens (${ledger.supervisedTokens} learnt) in ${seconds.toFixed(1)} s on ${device?.adapter.description || device?.adapter.vendor || 'no device'}`,
    ...(last.best ? [`best held-out loss ${last.best.loss.toFixed(4)} at step ${last.best.step}`] : []),
    ...(record.notFinite
      ? [`examples of that step: ${record.notFinite.examples.map(({ id }) => printable(id)).join(', ')}`]
      : []),
    ...(memory
      ? [
          `GPU memory: ${(memory.plannedBytes / 2 ** 20).toFixed(1)} MiB planned, ${(memory.peakBytes / 2 ** 20).toFixed(1)} MiB at most`,
        ]
      : []),
    ...(record.adapter ? [`adapter of step ${record.adapter.step}: ${out}`] : []),
  ].join('\n');
}
