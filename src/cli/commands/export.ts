import { createReadStream, existsSync, statSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  accRow,
  exportTargets,
  openAiRow,
  promptCompletionRow,
  shareGptRow,
  tokenIdsRow,
} from '../../compile/export/formats.ts';
import type { ExportOptions, ExportRow, ExportTarget } from '../../compile/export/formats.ts';
import { ParquetExport } from '../../compile/export/parquet.ts';
import { trainerConfigs } from '../../compile/export/trainerConfigs.ts';
import type { SetTokens } from '../../compile/export/trainingEstimate.ts';
import type { Example } from '../../compile/types.ts';
import { InputError, messageOf, UsageError } from '../../core/errors.ts';
import { isObject } from '../../core/json.ts';
import { lastValue, parseArguments } from '../compileArguments.ts';
import { openTokenizer } from '../compileTokenizer.ts';
import { EXIT_DONE, EXIT_REJECTED, note, print, printJson } from '../output.ts';

const help = `acc export DIR --to TARGET --out PATH: a compiled set in another trainer's format

DIR is a folder written by acc compile, or an examples.jsonl; PATH a file or folder.

  --to TARGET         ${exportTargets.join(' | ')}
  --tokenizer NAME|DIR  for token-ids (qwen3)
  --escape-media      breaks <image>, <video> and <audio> tags, which some trainers replace by media
  --json              one JSON document on standard output

Ready settings for Qwen3-30B-A3B (TRL, axolotl, LLaMA-Factory, ms-swift; full and LoRA) are written beside the data, and
RECIPES.md, which says what each reads, how much memory it needs and what it costs.`;

/** Writes a compiled set for another trainer. Exit code 1 when lines could not be read (they are listed). */
export async function run(argv: string[]): Promise<number> {
  const parsed = parseArguments(argv, {
    to: 'one',
    out: 'one',
    tokenizer: 'one',
    'escape-media': 'flag',
    json: 'flag',
    help: 'flag',
  });
  if (parsed.flags.has('help')) {
    await print(help);
    return EXIT_DONE;
  }
  const [input] = parsed.words;
  const out = lastValue(parsed, 'out');
  const target = lastValue(parsed, 'to') as ExportTarget | null;
  if (input === undefined || out === null || target === null) {
    throw new UsageError('bad-usage', 'export needs DIR, --to and --out', {
      advice: 'see acc export --help',
    });
  }
  if (!exportTargets.includes(target)) {
    throw new UsageError('bad-option', 'option --to is not usable', {
      expected: exportTargets.join(', '),
      actual: target,
    });
  }
  const { examples, budget } = await findSet(input);
  const path = await outputPath(out, target);
  const options: ExportOptions = { escapeMedia: parsed.flags.has('escape-media') };
  const write =
    target === 'parquet' ? writeParquet : writeLines(target, lastValue(parsed, 'tokenizer') ?? 'qwen3');
  const bad: string[] = [];
  const size = { examples: 0, tokens: 0, squares: 0, longest: 0 };
  const count = await write(counted(readExamples(examples, bad), size), path, options);
  // Rows of controls may be longer than the budget, and trainers cut or drop what is longer than they are told.
  const longest = Math.max(budget, size.longest);
  const configs = trainerConfigs(target, path.slice(path.lastIndexOf('/') + 1), longest, size);
  for (const config of configs) await writeFile(join(dirname(path), config.name), config.text);
  if (parsed.flags.has('json')) {
    await printJson({
      out: path,
      to: target,
      examples: count,
      configs: configs.map((config) => config.name),
      rejected: bad,
    });
  } else {
    note(`${count} examples in ${path}; settings: ${configs.map((config) => config.name).join(', ')}`);
    for (const line of bad) note(`  ${line}`);
  }
  return bad.length > 0 ? EXIT_REJECTED : EXIT_DONE;
}

async function findSet(input: string): Promise<{ examples: string; budget: number }> {
  const isFolder = existsSync(input) && statSync(input).isDirectory();
  const examples = isFolder ? join(input, 'examples.jsonl') : input;
  if (!existsSync(examples)) {
    throw new InputError('unreadable-file', 'there is no compiled set', {
      where: input,
      expected: 'examples.jsonl',
    });
  }
  const recipe = join(dirname(examples), 'recipe.json');
  let budget = 131072;
  if (existsSync(recipe)) {
    try {
      const value: unknown = JSON.parse(await readFile(recipe, 'utf8'));
      const stated = isObject(value) && isObject(value['options']) ? value['options']['budget'] : null;
      if (typeof stated === 'number') budget = stated;
    } catch {
      // A damaged recipe only costs the budget; the data is what counts.
    }
  }
  return { examples, budget };
}

/** A folder gets a file named after the target. */
async function outputPath(out: string, target: ExportTarget): Promise<string> {
  const isFile = extname(out) !== '';
  const path = isFile ? out : join(out, `${target}.${target === 'parquet' ? 'parquet' : 'jsonl'}`);
  await mkdir(dirname(path), { recursive: true });
  return path;
}

/** Passes examples on and adds up their tokens, for the settings and the estimate of a training run. */
async function* counted(
  examples: AsyncIterable<Example>,
  size: { -readonly [Key in keyof SetTokens]: SetTokens[Key] } & { longest: number },
): AsyncGenerator<Example> {
  for await (const example of examples) {
    const length = (example.tokens?.prompt ?? 0) + (example.tokens?.completion ?? 0);
    size.examples++;
    size.tokens += length;
    size.squares += length * length;
    size.longest = Math.max(size.longest, length);
    yield example;
  }
}

async function* readExamples(path: string, bad: string[]): AsyncGenerator<Example> {
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    number++;
    if (line.trim() === '') continue;
    try {
      const value: unknown = JSON.parse(line);
      if (!isObject(value) || !Array.isArray(value['messages'])) throw new Error('it has no messages');
      yield value as unknown as Example;
    } catch (error) {
      bad.push(`line ${number}: not an example (${messageOf(error)})`);
    }
  }
}

type Write = (examples: AsyncIterable<Example>, path: string, options: ExportOptions) => Promise<number>;

function writeLines(target: Exclude<ExportTarget, 'parquet'>, tokenizerName: string): Write {
  return async (examples, path, options) => {
    const toRow = await rowMaker(target, tokenizerName, options);
    return writeChunks(path, async (write) => {
      let count = 0;
      for await (const example of examples) {
        await write(Buffer.from(`${JSON.stringify(toRow(example))}\n`));
        count++;
      }
      return count;
    });
  };
}

async function rowMaker(
  target: Exclude<ExportTarget, 'parquet'>,
  tokenizerName: string,
  options: ExportOptions,
): Promise<(example: Example) => ExportRow> {
  switch (target) {
    case 'openai':
      return (example) => openAiRow(example, options);
    case 'sharegpt':
      return (example) => shareGptRow(example, options);
    case 'acc':
      return (example) => accRow(example, options);
    case 'prompt-completion':
      return (example) => promptCompletionRow(example, options);
    case 'token-ids': {
      const { tokenizer, template } = await openTokenizer(tokenizerName);
      return (example) => tokenIdsRow(example, options, tokenizer, template);
    }
  }
}

const writeParquet: Write = async (examples, path, options) => {
  const parquet = new ParquetExport(options);
  return writeChunks(path, async (write) => {
    let count = 0;
    for await (const example of examples) {
      const bytes = await parquet.add(example);
      if (bytes) await write(bytes);
      count++;
    }
    await write(await parquet.finish());
    return count;
  });
};

/** Writes to a part file that gets its name when it is complete. */
async function writeChunks(
  path: string,
  produce: (write: (bytes: Uint8Array) => Promise<void>) => Promise<number>,
): Promise<number> {
  const part = `${path}.part`;
  const handle = await open(part, 'w');
  try {
    const count = await produce(async (bytes) => {
      await handle.write(bytes);
    });
    await handle.close();
    await rename(part, path);
    return count;
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(part, { force: true });
    throw error;
  }
}
