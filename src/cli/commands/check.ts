import { createHash } from 'node:crypto';
import { version } from '../../../package.json';
import { checkExample, type MeasuredExample } from '../../check/checkExample.ts';
import { readCheckable, tryEncodeAnswer, type CheckableExample } from '../../check/example.ts';
import {
  CheckTotals,
  recordOf,
  type CheckRecord,
  type CheckRun,
  type CheckSummary,
} from '../../check/report.ts';
import { AnswerScorer, planScoring } from '../../check/score.ts';
import { defaultVerdictOptions, type VerdictOptions } from '../../check/verdicts.ts';
import { CancelledError, InputError, throwIfCancelled, UsageError } from '../../core/errors.ts';
import { canonicalJson, type JsonValue } from '../../core/json.ts';
import { jsonLines } from '../../evaluate/jsonLines.ts';
import type { EngineDeviceOptions } from '../../gpu/device.ts';
import { kvTypeCode, weightTypes, type KvType, type WeightType } from '../../gpu/tensors.ts';
import type { Adapter } from '../../model/adapter.ts';
import { ModelSession } from '../../model/session.ts';
import type { ExampleEncoder } from '../../train/masks.ts';
import { hashCheckpoint } from '../../train/runRecord.ts';
import { encoderOf } from '../../train/training.ts';
import { sha256OfSource } from '../../trajectories/io/sha256.ts';
import { CheckFile } from '../checkFile.ts';
import { checkText } from '../checkText.ts';
import { lastValue, numberValue, parseArguments, type ParsedArguments } from '../compileArguments.ts';
import { wholeNumber } from '../evaluateFiles.ts';
import { isSmall, openAdapterFolder, openModelFolder, type ModelFolder } from '../modelFolder.ts';
import { openNodeEngine } from '../nodeEngine.ts';
import { fileSource, nodeSha256, type NodeSource } from '../nodeSource.ts';
import {
  endProgress,
  EXIT_DONE,
  EXIT_REJECTED,
  note,
  print,
  printable,
  printJson,
  progressLine,
} from '../output.ts';
import { checkWritable } from '../outputFile.ts';
import { dataPath } from './train.ts';

const help = `acc check --model DIR [--adapter DIR] --data FILE --out FILE [options]: whether answers depend on their evidence

A model scores the answer of each example under the whole context, the question alone (closed book), the context without
its gold pieces, and the gold pieces alone: natural logarithms of probability, in all and per answer token, rendered and
masked as in training. The rationale is left out, since it tells what the evidence would.

  --model DIR      Hugging Face checkpoint (Qwen3 or Qwen3-MoE)
  --adapter DIR    PEFT LoRA adapter, merged while loading
  --data FILE      examples.jsonl of acc compile, or the folder it lies in
  --out FILE       a line an example as JSON, written as it comes; a stopped run goes on with the same command
  --pieces         also each gold piece left out in turn, and alone
  --margin NATS    per answer token: what lies lower by more counts as lower (default ${defaultVerdictOptions.margin})
  --known P        probability of an answer token from which it counts as known (default ${defaultVerdictOptions.known})
  --limit N        the first N examples
  --max-tokens N   leave out examples that are longer (listed); default: the positions of the model
  --weights TYPE   auto (default: f32 for small models, else f16), f32, f16, int8 or int4
  --kv TYPE        auto (default: f32 for small models, else f16), f32, f16 or int8
  --chunk N        tokens that run at a time (default 512)
  --no-subgroups --no-f16   behave as if the adapter lacked them
  --json           a summary as JSON on standard output

Verdicts; acc export leaves examples out by them (--checks FILE --exclude-flags VERDICT…):
  answers-closed-book      closed book, every answer token is the most probable one; or the answer is known and not lower
  not-evidence-dependent   without gold it is not lower
  gold-insufficient        from gold alone it is lower
  one-piece-suffices       from one gold piece alone it is known and not lower (with --pieces)
  answer-improbable        it is not known from the whole context: the other verdicts say little
"Known": the geometric mean of its tokens' probabilities is at least --known. "Lower": than under the whole context. With
--pieces, necessaryPieces counts the gold pieces without which the answer is lower. Other thresholds judge what is in
--out anew, without running the model.

Exit codes: 0 done, 1 stopped, or without examples that cannot be checked (they are listed), 2 usage or unreadable input.`;

/** An example of the file that can be checked. */
interface Entry {
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly tokens: number;
}

interface Rejected {
  readonly id: string;
  readonly reason: string;
}

function choice<T extends string>(parsed: ParsedArguments, name: string, choices: readonly T[]): T | null {
  const text = lastValue(parsed, name) ?? 'auto';
  if (text === 'auto') return null;
  const found = choices.find((each) => each === text);
  if (!found) {
    throw new UsageError('bad-choice', `--${name} needs one of auto, ${choices.join(', ')}`, {
      actual: text,
    });
  }
  return found;
}

function readThresholds(parsed: ParsedArguments): VerdictOptions {
  const margin = numberValue(parsed, 'margin') ?? defaultVerdictOptions.margin;
  const known = numberValue(parsed, 'known') ?? defaultVerdictOptions.known;
  if (margin < 0)
    throw new UsageError('bad-number', '--margin needs a number from 0', { actual: `${margin}` });
  if (!(known > 0 && known <= 1)) {
    throw new UsageError('bad-number', '--known needs a probability above 0, at most 1', {
      actual: `${known}`,
    });
  }
  return { margin, known };
}

function parseLine(text: string, line: number): ReturnType<typeof readCheckable> {
  try {
    return readCheckable(JSON.parse(text) as JsonValue, `line ${line}`);
  } catch {
    return { ok: false, id: `line ${line}`, reason: 'the line is no JSON' };
  }
}

/** Reads the file once for lengths; only places stay in memory. */
async function indexExamples(
  source: NodeSource,
  encoder: ExampleEncoder,
  limit: number,
  mostTokens: number,
  signal: AbortSignal,
): Promise<{ entries: Entry[]; rejected: Rejected[] }> {
  const entries: Entry[] = [];
  const rejected: Rejected[] = [];
  for await (const { number: line, text, start, end, problem } of jsonLines(source, signal)) {
    throwIfCancelled(signal, 'reading the examples');
    if (text.trim() === '' && problem === null) continue;
    if (entries.length + rejected.length >= limit) break;
    const read =
      problem === null ? parseLine(text, line) : { ok: false as const, id: `line ${line}`, reason: problem };
    if (!read.ok) {
      rejected.push({ id: read.id, reason: read.reason });
      continue;
    }
    const { id, context } = read.example;
    const encoded = tryEncodeAnswer(encoder, read.example, context.content);
    if (typeof encoded === 'string') rejected.push({ id, reason: encoded });
    else if (encoded.ids.length > mostTokens) {
      rejected.push({ id, reason: `${encoded.ids.length} tokens, more than ${mostTokens}` });
    } else entries.push({ line, start, end, tokens: encoded.ids.length });
    progressLine(`reading ${entries.length} examples`);
  }
  endProgress();
  return { entries, rejected };
}

async function readEntry(source: NodeSource, { line, start, end }: Entry): Promise<CheckableExample> {
  const read = parseLine(new TextDecoder().decode(await source.read(start, end)), line);
  if (read.ok) return read.example;
  throw new InputError('data-changed', 'The examples changed while they were in use', {
    where: `${source.name}, line ${line}`,
    actual: read.reason,
    advice: 'start again with the file as it is now',
  });
}

/** What the command line asks for. */
interface Job {
  readonly model: string;
  readonly adapter: string | null;
  readonly data: string;
  readonly out: string;
  readonly pieces: boolean;
  readonly thresholds: VerdictOptions;
  readonly limit: number;
  readonly mostTokens: number | null;
  readonly weightType: WeightType | null;
  readonly kvType: KvType | null;
  readonly chunkTokens: number;
  readonly device: EngineDeviceOptions;
}

/** The model as it is to be loaded. */
interface Subject {
  readonly folder: ModelFolder;
  readonly adapter: Adapter | null;
  readonly weightType: WeightType;
  readonly kvType: KvType;
}

async function openSubject(job: Job, folder: ModelFolder): Promise<Subject> {
  const automatic = isSmall(folder.checkpoint) ? 'f32' : 'f16';
  return {
    folder,
    adapter: job.adapter === null ? null : await openAdapterFolder(job.adapter, folder.checkpoint),
    weightType: job.weightType ?? automatic,
    kvType: job.kvType ?? automatic,
  };
}

async function runOf(subject: Subject, dataSha256: string, pieces: boolean): Promise<CheckRun> {
  const { folder, adapter, weightType, kvType } = subject;
  const { checkpoint, tokenizer } = folder;
  const template = canonicalJson(checkpoint.tokenizerConfig?.['chat_template'] ?? null);
  return {
    model: adapter ? `${checkpoint.name} + ${adapter.name}` : checkpoint.name,
    modelSha256: (await hashCheckpoint(checkpoint)).sha256,
    adapterSha256: adapter?.sha256 ?? null,
    chatTemplateSha256: createHash('sha256').update(template).digest('hex'),
    tokenizerSha256: tokenizer.sha256,
    weightType,
    kvType,
    dataSha256,
    pieces,
  };
}

/** Totals of all examples, then by kind. */
class Totals {
  private readonly groups = new Map<string, CheckTotals>([['all', new CheckTotals()]]);

  add(record: CheckRecord): void {
    for (const name of ['all', record.kind]) {
      const group = this.groups.get(name) ?? new CheckTotals();
      this.groups.set(name, group);
      group.add(record);
    }
  }

  get summaries(): Map<string, CheckSummary> {
    return new Map([...this.groups].map(([name, group]) => [name, group.summary]));
  }
}

interface Memory {
  readonly plannedBytes: number;
  readonly peakBytes: number;
}

function listRejected(rejected: readonly Rejected[]): void {
  for (const { id, reason } of rejected) note(`rejected ${printable(id)}: ${printable(reason)}`);
}

/** Takes what was measured of the example on a line, or why it was not. */
type OnMeasured = (
  example: CheckableExample,
  line: number,
  measured: MeasuredExample | string,
) => Promise<void>;

/** What is wrong with the input as a sentence; other failures are thrown on. */
function reasonOf(error: unknown): string {
  if (error instanceof InputError) return error.message;
  throw error;
}

/** Loads the model and checks the entries one after another; each is kept before the next begins. */
async function checkEntries(
  job: Job,
  subject: Subject,
  source: NodeSource,
  entries: readonly Entry[],
  encoder: ExampleEncoder,
  signal: AbortSignal,
  onMeasured: OnMeasured,
): Promise<Memory> {
  const { weightType, kvType, adapter, folder } = subject;
  const contextLength = entries.reduce((most, { tokens }) => Math.max(most, tokens), 1);
  const engine = await openNodeEngine(job.device);
  try {
    const session = await ModelSession.load(
      engine,
      folder.checkpoint,
      { weightType, kvType, contextLength, chunkTokens: job.chunkTokens },
      {
        signal,
        ...(adapter ? { adapter } : {}),
        onKernels: (done, total) => progressLine(`compiling kernels ${done}/${total}`),
        onProgress: ({ doneBytes, totalBytes }) =>
          progressLine(`loading ${((100 * doneBytes) / totalBytes).toFixed(0)} %`),
      },
    );
    const plan = planScoring(session);
    const scorer = await AnswerScorer.open(session, signal);
    for (const [index, entry] of entries.entries()) {
      const example = await readEntry(source, entry);
      const measured = await checkExample(scorer, encoder, example, job.pieces, {
        signal,
        onShare: (share) =>
          progressLine(`${index}/${entries.length} examples, ${(100 * share).toFixed(0)} % of the next`),
      }).catch(reasonOf);
      await onMeasured(example, entry.line, measured);
    }
    return {
      plannedBytes: session.plan.memory.totalBytes + plan.bufferBytes + plan.scratchBytes,
      peakBytes: engine.buffers.peakBytes,
    };
  } finally {
    endProgress();
    // With its buffers.
    engine.destroy();
  }
}

async function checkAll(
  job: Job,
  folder: ModelFolder,
  source: NodeSource,
  asJson: boolean,
  signal: AbortSignal,
): Promise<number> {
  const started = performance.now();
  const { checkpoint, tokenizer } = folder;
  const subject = await openSubject(job, folder);
  const checkRun = await runOf(subject, await sha256OfSource(source, signal, nodeSha256), job.pieces);
  const totals = new Totals();
  const file = await CheckFile.open(job.out, checkRun, job.thresholds, (record) => totals.add(record));
  try {
    const encoder = encoderOf(checkpoint, tokenizer, { superviseNewline: false });
    const mostTokens = job.mostTokens ?? checkpoint.config.maxPositionEmbeddings;
    const { entries, rejected } = await indexExamples(source, encoder, job.limit, mostTokens, signal);
    if (entries.length === 0) {
      listRejected(rejected);
      throw new InputError('no-examples', 'No example of the file can be checked', {
        where: job.data,
        expected: 'examples.jsonl of acc compile: one question with one answer a line',
      });
    }
    const waiting = entries.filter(({ line }) => !file.has(line));
    const onMeasured: OnMeasured = async (example, line, measured) => {
      if (typeof measured === 'string') {
        rejected.push({ id: example.id, reason: measured });
        return;
      }
      const record = recordOf(example, line, measured, job.thresholds, checkRun);
      await file.add(record);
      totals.add(record);
    };
    const memory =
      waiting.length === 0
        ? null
        : await checkEntries(job, subject, source, waiting, encoder, signal, onMeasured);
    listRejected(rejected);
    const { all, ...byKind } = Object.fromEntries(totals.summaries);
    const elapsedMs = Math.round(performance.now() - started);
    const facts = { out: job.out, program: `acc ${version}`, ...checkRun, thresholds: job.thresholds };
    if (asJson) {
      await printJson({
        ...facts,
        checked: waiting.length,
        rejected,
        summary: all,
        byKind,
        memory,
        elapsedMs,
      });
    } else {
      await print(
        `${printable(checkRun.model)} on ${printable(job.data)}: ${waiting.length} examples checked, ${entries.length - waiting.length} before\n\n${checkText(totals.summaries)}`,
      );
    }
    return rejected.length > 0 ? EXIT_REJECTED : EXIT_DONE;
  } finally {
    await file.close();
  }
}

/** `acc check`. */
export async function run(argv: string[]): Promise<number> {
  const one = [
    'model',
    'adapter',
    'data',
    'out',
    'margin',
    'known',
    'limit',
    'max-tokens',
    'weights',
    'kv',
    'chunk',
  ];
  const flags = ['pieces', 'json', 'help', 'no-subgroups', 'no-f16'];
  const parsed = parseArguments(argv, {
    ...Object.fromEntries(one.map((name) => [name, 'one'] as const)),
    ...Object.fromEntries(flags.map((name) => [name, 'flag'] as const)),
  });
  if (parsed.flags.has('help')) {
    await print(help);
    return EXIT_DONE;
  }
  const job = await readJob(parsed);
  await checkWritable(job.out);
  const source = await fileSource(job.data);
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  let folder: ModelFolder | null = null;
  try {
    folder = await openModelFolder(job.model);
    return await checkAll(job, folder, source, parsed.flags.has('json'), stop.signal);
  } catch (error) {
    endProgress();
    if (!(error instanceof CancelledError)) throw error;
    note('acc: stopped; the same command goes on from there');
    return EXIT_REJECTED;
  } finally {
    process.removeListener('SIGINT', onSignal);
    process.removeListener('SIGTERM', onSignal);
    await folder?.close();
    await source.close();
  }
}

async function readJob(parsed: ParsedArguments): Promise<Job> {
  const [model, data, out] = ['model', 'data', 'out'].map((name) => lastValue(parsed, name));
  if (!model || !data || !out) {
    throw new UsageError('missing-option', 'acc check needs --model, --data and --out');
  }
  if (parsed.words.length > 0) {
    throw new UsageError('unknown-word', 'acc check takes options only', { actual: parsed.words[0]! });
  }
  const limit = numberValue(parsed, 'limit');
  const mostTokens = numberValue(parsed, 'max-tokens');
  return {
    model,
    adapter: lastValue(parsed, 'adapter'),
    data: await dataPath(data),
    out,
    pieces: parsed.flags.has('pieces'),
    thresholds: readThresholds(parsed),
    limit: limit === null ? Infinity : wholeNumber(limit, 1, 'limit'),
    mostTokens: mostTokens === null ? null : wholeNumber(mostTokens, 1, 'max-tokens'),
    weightType: choice<WeightType>(parsed, 'weights', weightTypes),
    kvType: choice<KvType>(parsed, 'kv', Object.keys(kvTypeCode) as KvType[]),
    chunkTokens: wholeNumber(numberValue(parsed, 'chunk'), 512, 'chunk'),
    device: {
      ...(parsed.flags.has('no-subgroups') ? { subgroups: false } : {}),
      ...(parsed.flags.has('no-f16') ? { f16: false } : {}),
    },
  };
}
