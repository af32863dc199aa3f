import { open, rename, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { version } from '../../../package.json';
import { InputError, messageOf, UsageError } from '../../core/errors.ts';
import type { JsonValue } from '../../core/json.ts';
import { jsonLines } from '../../evaluate/jsonLines.ts';
import type { EngineDevice } from '../../gpu/device.ts';
import { kvTypeCode, weightTypes, type KvType, type WeightType } from '../../gpu/tensors.ts';
import {
  defaultMechanismOptions,
  describeItem,
  describeModel,
  makeDocument,
  measureMechanism,
  planMechanism,
  readItem,
  sizesOf,
  subjectOf,
  type MeasuredItem,
  type MechanismDocument,
  type MechanismOptions,
  type MechanismSubject,
  type QuerySet,
  type SubjectMeasurement,
  type SubjectName,
} from '../../mechanism/index.ts';
import { queryPositions } from '../../mechanism/items.ts';
import type { Adapter } from '../../model/adapter.ts';
import { ModelSession } from '../../model/session.ts';
import { stepOfFolder } from '../../train/runStore.ts';
import { sha256OfSource } from '../../trajectories/io/sha256.ts';
import { lastValue, parseArguments, type ParsedArguments } from '../compileArguments.ts';
import { isSmall, openAdapterFolder, openModelFolder, type ModelFolder } from '../modelFolder.ts';
import { openNodeEngine } from '../nodeEngine.ts';
import { nodeSha256, openPath } from '../nodeSource.ts';
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
import { checkWritable, refuseInput, writeWhole } from '../outputFile.ts';

const help = `acc mechanism --model DIR [--adapter DIR …] [--control DIR] --data FILE --out FILE [options]:
how attention distance and expert routing differ between a base model and adapters, on identical tokens

  --model DIR            Hugging Face checkpoint (Qwen3 or Qwen3-MoE): the base
  --adapter DIR …        PEFT LoRA adapters, each measured on the same items; checkpoint-N folders of acc train too
  --control DIR          adapter of the control arm (agent SFT at matched tokens)
  --data FILE            examples.jsonl, as acc compile writes it; - for standard input
  --out FILE             the JSON document (docs/mechanism-json.md)
  --queries answer|all   which tokens look: rationale and answer (default), or all
  --statistics full|core core: distance, entropy and gold mass only, computed on the way through attention
  --items FILE           instead of --out: only writes the items as tokens, for scripts/measure/mechanism.py
  --limit N              the first N examples
  --max-tokens N         leave out examples that are longer (listed)
  --sink N               keys that count as the sink (default 4)
  --thresholds N,N,…     distances of the long-range mass (default 256,1024,4096)
  --bins N               bins of the attention along the context (default 64)
  --weights TYPE         auto (default: f32 for small models, else f16), f32, f16, int8 or int4
  --kv TYPE              auto (default: f32 for small models, else f16), f32, f16 or int8
  --chunk N              tokens that run at a time (default 512)
  --no-subgroups --no-f16   behave as if the adapter lacked them
  --json                 a summary as JSON on standard output`;

interface Rejected {
  readonly id: string;
  readonly reason: string;
}

function count(parsed: ParsedArguments, name: string, fallback: number): number {
  const text = lastValue(parsed, name);
  const value = text === null ? fallback : Number(text);
  if (!Number.isInteger(value) || value < 0) {
    throw new UsageError('bad-number', `--${name} needs a whole number`, { actual: text ?? '' });
  }
  return value;
}

function choice<T extends string>(
  parsed: ParsedArguments,
  name: string,
  choices: readonly T[],
  fallback: T,
): T {
  const text = lastValue(parsed, name) ?? fallback;
  const found = choices.find((each) => each === text);
  if (!found)
    throw new UsageError('bad-choice', `--${name} needs one of ${choices.join(', ')}`, { actual: text });
  return found;
}

function readOptions(parsed: ParsedArguments): MechanismOptions {
  const thresholds = (lastValue(parsed, 'thresholds') ?? defaultMechanismOptions.thresholds.join(','))
    .split(',')
    .map(Number);
  if (!thresholds.every((t) => Number.isInteger(t) && t >= 0)) {
    throw new UsageError('bad-number', '--thresholds needs whole numbers, separated by commas', {
      actual: lastValue(parsed, 'thresholds') ?? '',
    });
  }
  return {
    queries: choice(parsed, 'queries', ['answer', 'all'], defaultMechanismOptions.queries),
    statistics: choice(parsed, 'statistics', ['full', 'core'], defaultMechanismOptions.statistics),
    sinkTokens: count(parsed, 'sink', defaultMechanismOptions.sinkTokens),
    thresholds,
    bins: count(parsed, 'bins', defaultMechanismOptions.bins),
  };
}

/** The examples of a file as tokens, with the hash of what was read; bad lines are listed, never the end of it. */
async function readItems(
  path: string,
  folder: ModelFolder,
  limit: number,
  maxTokens: number,
  options: MechanismOptions,
): Promise<{ items: MeasuredItem[]; rejected: Rejected[]; sha256: string | null }> {
  const items: MeasuredItem[] = [];
  const rejected: Rejected[] = [];
  const source = await openPath(path);
  try {
    for await (const { number, text, problem } of jsonLines(source)) {
      if (text.trim() === '' && problem === null) continue;
      if (items.length + rejected.length >= limit) break;
      const id = `line ${number}`;
      if (problem !== null) {
        rejected.push({ id, reason: problem });
        continue;
      }
      let row: JsonValue;
      try {
        row = JSON.parse(text) as JsonValue;
      } catch (error) {
        rejected.push({ id, reason: `the line is no JSON: ${messageOf(error)}` });
        continue;
      }
      const read = readItem(row, id, folder.tokenizer, folder.checkpoint.tokenizerConfig);
      if (!read.ok) rejected.push({ id: read.id, reason: read.reason });
      else if (read.item.ids.length > maxTokens) {
        const tokens = read.item.ids.length;
        rejected.push({ id: read.item.id, reason: `${tokens} tokens, more than ${maxTokens}` });
      } else if (queryPositions(read.item, options.queries).length === 0) {
        rejected.push({ id: read.item.id, reason: 'it has no query tokens' });
      } else items.push(read.item);
    }
    const sha256 = path === '-' ? null : await sha256OfSource(source, undefined, nodeSha256);
    return { items, rejected, sha256 };
  } finally {
    await source.close();
  }
}

/** Items as JSON lines: what the document says of each, its token ids, and which tokens are queries. */
async function writeItems(path: string, items: readonly MeasuredItem[], queries: QuerySet): Promise<void> {
  const lines = items.map((item) =>
    JSON.stringify({ ...describeItem(item, queries), queries, ids: [...item.ids] }),
  );
  await writeWhole(path, `${lines.join('\n')}\n`);
}

/** Writes JSON piece by piece: a document of many heads and items is longer than a string may be. */
async function writeDocument(path: string, document: MechanismDocument): Promise<number> {
  const part = `${path}.part`;
  const file = await open(part, 'w');
  let bytes = 0;
  const write = async (text: string): Promise<void> => {
    bytes += (await file.write(text)).bytesWritten;
  };
  try {
    const { subjects, ...head } = document;
    await write(`${JSON.stringify(head, null, 1).slice(0, -2)},\n "subjects": [`);
    for (const [index, subject] of subjects.entries()) {
      await write(index === 0 ? '\n  {' : ',\n  {');
      const fields = Object.entries(subject).filter(([, value]) => value !== undefined);
      for (const [at, [name, value]] of fields.entries()) {
        await write(`${at === 0 ? '' : ','}\n   ${JSON.stringify(name)}: `);
        if (!Array.isArray(value)) await write(JSON.stringify(value));
        else {
          // One row a line.
          await write('[');
          for (const [row, entry] of (value as unknown[]).entries()) {
            await write(`${row === 0 ? '' : ','}\n    ${JSON.stringify(entry)}`);
          }
          await write(']');
        }
      }
      await write('\n  }');
    }
    await write('\n ]\n}\n');
    await file.close();
    await rename(part, path);
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(part, { force: true });
    throw error;
  }
  return bytes;
}

interface SubjectPlan {
  readonly name: SubjectName;
  readonly adapter: Adapter | null;
}

/** Base first, then adapters, then the control; names are told apart where two folders are called alike. */
async function openSubjects(parsed: ParsedArguments, folder: ModelFolder): Promise<SubjectPlan[]> {
  const { checkpoint } = folder;
  const plans: SubjectPlan[] = [{ name: { name: checkpoint.name, kind: 'base' }, adapter: null }];
  const taken = new Set([checkpoint.name]);
  const folders = [
    ...(parsed.values.get('adapter') ?? []).map((path) => ({ path, kind: 'adapter' as const })),
    ...(parsed.values.get('control') ?? []).map((path) => ({ path, kind: 'control' as const })),
  ];
  for (const { path, kind } of folders) {
    const adapter = await openAdapterFolder(path, checkpoint);
    let name = adapter.name;
    for (let n = 2; taken.has(name); n++) name = `${adapter.name} ${n}`;
    taken.add(name);
    // A checkpoint that acc train kept: its maps are frames of a strip.
    const step = stepOfFolder(basename(path));
    plans.push({
      name: { name, kind, adapterSha256: adapter.sha256, ...(step === null ? {} : { step }) },
      adapter,
    });
  }
  return plans;
}

interface LoadChoices {
  readonly weightType: WeightType;
  readonly kvType: KvType;
  readonly chunkTokens: number;
}

async function measureSubject(
  engine: EngineDevice,
  model: string,
  plan: SubjectPlan,
  items: readonly MeasuredItem[],
  load: LoadChoices,
  options: MechanismOptions,
): Promise<{ measured: SubjectMeasurement; plannedBytes: number }> {
  const { name } = plan.name;
  const folder = await openModelFolder(model);
  const session = await ModelSession.load(
    engine,
    folder.checkpoint,
    { ...load, contextLength: sizesOf(items, options).tokens },
    {
      ...(plan.adapter ? { adapter: plan.adapter } : {}),
      onKernels: (done, total) => progressLine(`${name}: compiling kernels ${done}/${total}`),
      onProgress: ({ doneBytes, totalBytes }) =>
        progressLine(`${name}: loading ${((100 * doneBytes) / totalBytes).toFixed(0)} %`),
    },
  );
  await folder.close();
  try {
    const { memory } = session.plan;
    const extra = planMechanism(
      engine,
      folder.checkpoint.config,
      memory.options,
      sizesOf(items, options),
      options,
    );
    const measured = await measureMechanism(session, items, options, {
      onProgress: (done, total) => progressLine(`${name}: ${done}/${total} tokens`),
    });
    return { measured, plannedBytes: memory.totalBytes + extra.bufferBytes + extra.scratchBytes };
  } finally {
    session.destroy();
    endProgress();
  }
}

/** `acc mechanism`. */
export async function run(argv: string[]): Promise<number> {
  const one = ['model', 'control', 'data', 'out', 'items', 'queries', 'statistics', 'limit', 'max-tokens'];
  const more = ['sink', 'thresholds', 'bins', 'weights', 'kv', 'chunk'];
  const parsed = parseArguments(argv, {
    ...Object.fromEntries([...one, ...more].map((name) => [name, 'one'] as const)),
    adapter: 'many',
    ...Object.fromEntries(['json', 'help', 'no-subgroups', 'no-f16'].map((name) => [name, 'flag'] as const)),
  });
  if (parsed.flags.has('help')) {
    await print(help);
    return EXIT_DONE;
  }
  const itemsPath = lastValue(parsed, 'items');
  const [model, data] = ['model', 'data'].map((name) => lastValue(parsed, name));
  const out = lastValue(parsed, 'out') ?? itemsPath;
  if (!model || !data || !out) {
    throw new UsageError('missing-option', 'acc mechanism needs --model, --data and --out');
  }
  if (parsed.words.length > 0) {
    throw new UsageError('unknown-word', 'acc mechanism takes options only', { actual: parsed.words[0]! });
  }
  const options = readOptions(parsed);
  await refuseInput(itemsPath ?? out, { '--data': data });
  await checkWritable(itemsPath ?? out);
  const opened = await openModelFolder(model);
  const { checkpoint } = opened;
  const subjects = await openSubjects(parsed, opened);
  const limit = lastValue(parsed, 'limit') === null ? Infinity : count(parsed, 'limit', 0);
  const most = count(parsed, 'max-tokens', checkpoint.config.maxPositionEmbeddings);
  const { items, rejected, sha256: dataHash } = await readItems(data, opened, limit, most, options);
  await opened.close();
  for (const { id, reason } of rejected) note(`rejected ${printable(id)}: ${printable(reason)}`);
  if (items.length === 0) {
    throw new InputError('no-items', 'No example of the file can be measured', {
      where: data,
      expected: 'examples.jsonl with messages that end in an assistant message',
    });
  }
  if (itemsPath !== null) {
    await writeItems(itemsPath, items, options.queries);
    if (parsed.flags.has('json')) await printJson({ out: itemsPath, items: items.length, rejected });
    else note(`${items.length} items as tokens: ${itemsPath}`);
    return rejected.length > 0 ? EXIT_REJECTED : EXIT_DONE;
  }
  const engine = await openNodeEngine({
    ...(parsed.flags.has('no-subgroups') ? { subgroups: false } : {}),
    ...(parsed.flags.has('no-f16') ? { f16: false } : {}),
  });
  const automatic = isSmall(checkpoint) ? 'f32' : 'f16';
  const weights = choice<WeightType | 'auto'>(parsed, 'weights', ['auto', ...weightTypes], 'auto');
  const kvTypes = Object.keys(kvTypeCode) as KvType[];
  const kv = choice<KvType | 'auto'>(parsed, 'kv', ['auto', ...kvTypes], 'auto');
  const load: LoadChoices = {
    weightType: weights === 'auto' ? automatic : weights,
    kvType: kv === 'auto' ? automatic : kv,
    chunkTokens: count(parsed, 'chunk', 512),
  };
  const made: MechanismSubject[] = [];
  let base: SubjectMeasurement | null = null;
  let plannedBytes = 0;
  const started = performance.now();
  for (const plan of subjects) {
    const result = await measureSubject(engine, model, plan, items, load, options);
    made.push(subjectOf(plan.name, result.measured, base));
    base ??= result.measured;
    plannedBytes = Math.max(plannedBytes, result.plannedBytes);
  }
  const document = makeDocument({
    queries: options.queries,
    settings: { sinkTokens: options.sinkTokens, thresholds: options.thresholds },
    model: describeModel(checkpoint.name, checkpoint.config),
    items: items.map((item) => describeItem(item, options.queries)),
    subjects: made,
    run: {
      program: `acc ${version}`,
      config: { ...options, ...load },
      data: { sha256: dataHash, items: items.length, rejected },
      adapter: engine.facts,
      features: engine.features,
      elapsedMs: Math.round(performance.now() - started),
      plannedBytes,
      peakBytes: engine.buffers.peakBytes,
    },
  });
  const bytes = await writeDocument(out, document);
  engine.destroy();
  const summary = {
    out,
    bytes,
    items: items.length,
    rejected,
    subjects: made.map(({ name, kind }) => ({ name, kind })),
    elapsedMs: document.run['elapsedMs'],
  };
  if (parsed.flags.has('json')) await printJson(summary);
  else {
    note(`${items.length} items, ${made.length} subjects, ${bytes} bytes: ${out}`);
  }
  return rejected.length > 0 ? EXIT_REJECTED : EXIT_DONE;
}
