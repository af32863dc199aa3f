import { readFile } from 'node:fs/promises';
import { InputError, messageOf, UsageError } from '../../core/errors.ts';
import { isObject, type JsonValue } from '../../core/json.ts';
import { kvTypeCode, weightTypes, type KvType, type WeightType } from '../../gpu/tensors.ts';
import { encodePrompt, type Prompt } from '../../model/prompt.ts';
import { writeSafetensors } from '../../model/safetensors.ts';
import { ModelSession } from '../../model/session.ts';
import { greedySampling, type SamplingOptions } from '../../gpu/kernels/sampling.ts';
import {
  lastValue,
  numberValue,
  parseArguments,
  refuseWords,
  type ParsedArguments,
} from '../compileArguments.ts';
import type { Tokenizer } from '../../tokenizer/types.ts';
import { wholeNumber } from '../evaluateFiles.ts';
import { isSmall, openAdapterFolder, openModelFolder } from '../modelFolder.ts';
import { openNodeEngine } from '../nodeEngine.ts';
import { endProgress, EXIT_DONE, note, print, printJson, progressLine } from '../output.ts';
import { checkWritable, refuseInput, writeWhole } from '../outputFile.ts';

const help = `acc run --model DIR --prompt FILE [options]: text generation on the WGSL engine

  --model DIR            Hugging Face checkpoint (Qwen3 or Qwen3-MoE)
  --adapter DIR          PEFT LoRA adapter, merged while loading
  --prompt FILE          text, taken as it is; or JSON: {"messages": […]} through the model's chat template,
                         {"ids": […]} as token ids; - for standard input
  --chat                 take a text prompt as a user message through the chat template
  --max-new-tokens N     default 128; 0 only reads the prompt
  --logits FILE          write the logits of the prompt's last position as safetensors ("logits" [V] f32)
  --temperature X        default 0: greedy; with --top-k N, --top-p X, --min-p X, --repetition-penalty X, --seed N
  --weights TYPE         auto (default: f32 for small models, else f16), f32, f16, int8 or int4
  --kv TYPE              auto (default: f32 for small models, else f16), f32, f16 or int8
  --context N            longest conversation in tokens (default: what this prompt and reply need)
  --chunk N              tokens of the prompt that run at a time (default 512)
  --no-subgroups --no-f16   behave as if the adapter lacked them
  --json                 one JSON document with text, ids, speeds, memory and GPU counters`;

function numberOption(parsed: ParsedArguments, name: string, fallback: number): number {
  const text = lastValue(parsed, name);
  const value = text === null ? fallback : Number(text);
  if (!Number.isFinite(value) || value < 0) {
    throw new UsageError('bad-number', `--${name} needs a number`, { actual: text ?? '' });
  }
  return value;
}

function wholeOption(parsed: ParsedArguments, name: string, fallback: number, least: number): number {
  return wholeNumber(numberValue(parsed, name), fallback, name, least);
}

function samplingOf(parsed: ParsedArguments): SamplingOptions {
  return {
    ...greedySampling,
    temperature: numberOption(parsed, 'temperature', 0),
    topK: wholeOption(parsed, 'top-k', 0, 0),
    topP: numberOption(parsed, 'top-p', 1),
    minP: numberOption(parsed, 'min-p', 0),
    repetitionPenalty: numberOption(parsed, 'repetition-penalty', 1),
    seed: wholeOption(parsed, 'seed', 0, 0),
  };
}

function choiceOption<T extends string>(
  parsed: ParsedArguments,
  name: string,
  choices: readonly T[],
  fallback: T,
): T {
  const text = lastValue(parsed, name) ?? fallback;
  const choice = choices.find((each) => each === text);
  if (!choice)
    throw new UsageError('bad-choice', `--${name} needs one of ${choices.join(', ')}`, { actual: text });
  return choice;
}

/** Throws `InputError` for what is no token id; whether the model has it is known only with the model. */
function tokenIds(values: readonly JsonValue[], path: string): number[] {
  return values.map((value, at) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32) return value;
    throw new InputError('bad-prompt', 'The prompt holds something other than token ids', {
      where: `${path}, ids[${at}]`,
      expected: 'a whole number from 0',
      actual: JSON.stringify(value).slice(0, 80),
    });
  });
}

async function readPrompt(path: string, asChat: boolean): Promise<Prompt> {
  let text: string;
  try {
    text =
      path === '-'
        ? await new Response(process.stdin as unknown as BodyInit).text()
        : await readFile(path, 'utf8');
  } catch (error) {
    throw new InputError('unreadable-file', 'The prompt cannot be read', {
      where: path,
      actual: messageOf(error),
    });
  }
  if (/^\s*[{[]/.test(text)) {
    let value: JsonValue | undefined;
    try {
      value = JSON.parse(text) as JsonValue;
    } catch {
      // Text that merely starts with a bracket is a prompt like any other.
    }
    if (isObject(value) && Array.isArray(value['ids']))
      return { kind: 'ids', ids: tokenIds(value['ids'], path) };
    const messages = Array.isArray(value) ? value : isObject(value) ? value['messages'] : undefined;
    if (Array.isArray(messages) && messages.every((message) => isObject(message) && 'role' in message)) {
      return { kind: 'messages', messages: messages.filter(isObject) };
    }
  }
  return asChat ? { kind: 'messages', messages: [{ role: 'user', content: text }] } : { kind: 'text', text };
}

/** `acc run`. */
export async function run(argv: string[]): Promise<number> {
  const one = [
    'model',
    'adapter',
    'prompt',
    'max-new-tokens',
    'logits',
    'temperature',
    'top-k',
    'top-p',
    'min-p',
  ];
  const more = ['repetition-penalty', 'seed', 'weights', 'kv', 'context', 'chunk'];
  const parsed = parseArguments(argv, {
    ...Object.fromEntries([...one, ...more].map((name) => [name, 'one'] as const)),
    ...Object.fromEntries(
      ['chat', 'json', 'help', 'no-subgroups', 'no-f16'].map((name) => [name, 'flag'] as const),
    ),
  });
  if (parsed.flags.has('help')) {
    await print(help);
    return EXIT_DONE;
  }
  refuseWords(parsed, 'run', 0);
  const folder = lastValue(parsed, 'model');
  const promptFile = lastValue(parsed, 'prompt');
  if (folder === null || promptFile === null)
    throw new UsageError('missing-option', 'acc run needs --model and --prompt');
  const maxNewTokens = wholeOption(parsed, 'max-new-tokens', 128, 0);
  const chunkTokens = wholeOption(parsed, 'chunk', 512, 1);
  const sampling = samplingOf(parsed);
  const logitsFile = lastValue(parsed, 'logits');
  if (logitsFile !== null) {
    await refuseInput(logitsFile, { '--prompt': promptFile });
    await checkWritable(logitsFile);
  }
  const prompt = await readPrompt(promptFile, parsed.flags.has('chat'));
  const opened = await openModelFolder(folder);
  const { checkpoint, tokenizer } = opened;
  const ids = encodePrompt(prompt, tokenizer, checkpoint.tokenizerConfig);
  if (ids.length === 0)
    throw new InputError('empty-prompt', 'The prompt has no tokens', { where: promptFile });
  const adapterFolder = lastValue(parsed, 'adapter');
  const adapter = adapterFolder === null ? null : await openAdapterFolder(adapterFolder, checkpoint);
  const engine = await openNodeEngine({
    ...(parsed.flags.has('no-subgroups') ? { subgroups: false } : {}),
    ...(parsed.flags.has('no-f16') ? { f16: false } : {}),
  });
  const automatic = isSmall(checkpoint) ? 'f32' : 'f16';
  const weights = choiceOption<WeightType | 'auto'>(parsed, 'weights', ['auto', ...weightTypes], 'auto');
  const kvTypes = Object.keys(kvTypeCode) as KvType[];
  const kv = choiceOption<KvType | 'auto'>(parsed, 'kv', ['auto', ...kvTypes], 'auto');
  const contextLength = wholeOption(parsed, 'context', ids.length + maxNewTokens, 1);
  const session = await ModelSession.load(
    engine,
    checkpoint,
    {
      weightType: weights === 'auto' ? automatic : weights,
      kvType: kv === 'auto' ? automatic : kv,
      contextLength,
      chunkTokens,
    },
    {
      ...(adapter ? { adapter } : {}),
      onKernels: (done, total) => progressLine(`compiling kernels ${done}/${total}`),
      onProgress: ({ doneBytes, totalBytes }) =>
        progressLine(`loading ${((100 * doneBytes) / totalBytes).toFixed(0)} %`),
    },
  );
  await opened.close();
  endProgress();
  const promptStarted = performance.now();
  if (logitsFile !== null || maxNewTokens === 0) {
    const logits = await session.lastLogits(ids, {
      onPrefill: (done, total) => progressLine(`prompt ${done}/${total} tokens`),
    });
    endProgress();
    if (logitsFile !== null) {
      const tensor = { name: 'logits', shape: [logits.length], data: logits };
      await writeWhole(logitsFile, writeSafetensors([tensor]));
    }
  }
  const outcome = await generateText(session, ids, tokenizer, { maxNewTokens, sampling }, promptStarted);
  const { memory } = session.plan;
  const facts = {
    model: checkpoint.name,
    adapterLoaded: adapter?.name ?? null,
    adapter: engine.facts,
    features: engine.features,
    weights: memory.options.weightType,
    kv: memory.options.kvType,
    promptTokens: ids.length,
    ...outcome,
    memory: { plannedBytes: memory.totalBytes, peakBytes: engine.buffers.peakBytes },
    gpu: { ...engine.counters },
  };
  if (parsed.flags.has('json')) await printJson(facts);
  else {
    await print(outcome.text);
    note(
      `prompt ${ids.length} tokens at ${outcome.promptTokensPerSecond.toFixed(1)}/s, reply ${outcome.ids.length} tokens at ${outcome.tokensPerSecond.toFixed(1)}/s on ${engine.facts.description || engine.facts.vendor}`,
    );
  }
  session.destroy();
  engine.destroy();
  return EXIT_DONE;
}

async function generateText(
  session: ModelSession,
  ids: ArrayLike<number>,
  tokenizer: Tokenizer,
  options: { readonly maxNewTokens: number; readonly sampling: SamplingOptions },
  promptStarted: number,
): Promise<{
  text: string;
  ids: number[];
  promptTokensPerSecond: number;
  tokensPerSecond: number;
  stopped: boolean;
}> {
  const made: number[] = [];
  let firstAt = performance.now();
  let stopped = false;
  if (options.maxNewTokens > 0) {
    for await (const { token, isStop } of session.generate(ids, options)) {
      if (made.length === 0) firstAt = performance.now();
      stopped = isStop;
      if (!isStop) made.push(token);
      progressLine(`${made.length} tokens`);
    }
    endProgress();
  }
  const perSecond = (count: number, ms: number): number => (ms > 0 ? (1000 * count) / ms : 0);
  return {
    text: tokenizer.decode(made),
    ids: made,
    promptTokensPerSecond: perSecond(ids.length, firstAt - promptStarted),
    tokensPerSecond: perSecond(Math.max(0, made.length - 1), performance.now() - firstAt),
    stopped,
  };
}
