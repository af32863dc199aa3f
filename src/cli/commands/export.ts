import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
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
import type { RecipeTokenizer } from '../../compile/recipe.ts';
import { InputError, messageOf, UsageError } from '../../core/errors.ts';
import { isObject } from '../../core/json.ts';
import { jsonLines } from '../../evaluate/jsonLines.ts';
import { bundledTokenizers } from '../../tokenizer/bundledTokenizers.ts';
import { sha256OfSource } from '../../trajectories/io/sha256.ts';
import { readVerdicts } from '../checkFile.ts';
import { lastValue, parseArguments, refuseWords } from '../compileArguments.ts';
import { openTokenizer, type LoadedTokenizer } from '../compileTokenizer.ts';
import { fileSource, nodeSha256 } from '../nodeSource.ts';
import { EXIT_DONE, EXIT_REJECTED, note, print, printJson } from '../output.ts';
import {
  checkWritable,
  fileWriter,
  makeFolder,
  refuseInput,
  writeWhole,
  type FileWriter,
} from '../outputFile.ts';

const help = `acc export DIR --to TARGET --out PATH: a compiled set in another trainer's format

DIR is a folder written by acc compile, or an examples.jsonl; PATH a file or folder.

  --to TARGET         ${exportTargets.join(' | ')}
  --tokenizer NAME|DIR  for token-ids: the one the set was compiled with (default: by its recipe.json, else qwen3)
  --escape-media      breaks <image>, <video> and <audio> tags, which some trainers replace by media
  --exclude-flags FLAG…  leaves out examples with these flags, and with --checks those with these verdicts
  --checks FILE       verdicts on this set, as acc check writes them
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
    'exclude-flags': 'many',
    checks: 'one',
    json: 'flag',
    help: 'flag',
  });
  if (parsed.flags.has('help')) {
    await print(help);
    return EXIT_DONE;
  }
  refuseWords(parsed, 'export', 1);
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
  const { examples, budget, tokenizer } = await findSet(input);
  const excluded = new Set((parsed.values.get('exclude-flags') ?? []).flatMap((value) => value.split(',')));
  const checks = lastValue(parsed, 'checks');
  const verdicts = await verdictsOf(checks, examples);
  const options: ExportOptions = { escapeMedia: parsed.flags.has('escape-media') };
  const openIds = (): Promise<LoadedTokenizer> =>
    tokenizerOf(lastValue(parsed, 'tokenizer'), tokenizer, examples);
  const write =
    target === 'parquet' ? writeParquet(options) : writeLines(await rowMaker(target, options, openIds));
  const path = await outputPath(out, target);
  await refuseInput(path, { DIR: examples, ...(checks === null ? {} : { '--checks': checks }) });
  const bad: string[] = [];
  const size = { examples: 0, tokens: 0, squares: 0, longest: 0 };
  const left = { excluded: 0, unchecked: 0 };
  const kept = withoutFlags(readExamples(examples, bad), excluded, verdicts, left);
  const count = await write(counted(kept, size), path);
  // Rows of controls may be longer than the budget, and trainers cut or drop what is longer than they are told.
  const longest = Math.max(budget, size.longest);
  const configs = trainerConfigs(target, basename(path), longest, size);
  for (const config of configs) await writeWhole(join(dirname(path), config.name), config.text);
  if (parsed.flags.has('json')) {
    await printJson({
      out: path,
      to: target,
      examples: count,
      excluded: left.excluded,
      ...(verdicts ? { unchecked: left.unchecked } : {}),
      configs: configs.map((config) => config.name),
      rejected: bad,
    });
  } else {
    note(`${count} examples in ${path}; settings: ${configs.map((config) => config.name).join(', ')}`);
    if (excluded.size > 0) note(`${left.excluded} examples left out by ${[...excluded].join(', ')}`);
    if (left.unchecked > 0) note(`${left.unchecked} examples were not checked and are kept`);
    for (const line of bad) note(`  ${line}`);
  }
  return bad.length > 0 ? EXIT_REJECTED : EXIT_DONE;
}

interface CompiledSet {
  readonly examples: string;
  readonly budget: number;
  /** That of the recipe; null where it states none. */
  readonly tokenizer: RecipeTokenizer | null;
}

async function findSet(input: string): Promise<CompiledSet> {
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
  let tokenizer: RecipeTokenizer | null = null;
  if (existsSync(recipe)) {
    try {
      const value: unknown = JSON.parse(await readFile(recipe, 'utf8'));
      const stated = isObject(value) && isObject(value['options']) ? value['options']['budget'] : null;
      if (typeof stated === 'number') budget = stated;
      const counted = isObject(value) ? value['tokenizer'] : null;
      if (isObject(counted) && typeof counted['sha256'] === 'string')
        tokenizer = counted as unknown as RecipeTokenizer;
    } catch {
      // A damaged recipe only costs what it says of budget and tokenizer; the data is what counts.
    }
  }
  return { examples, budget, tokenizer };
}

/**
 * The tokenizer of the ids: one that is named, else that of the recipe. Throws `InputError` where it is not the one that
 * the set was compiled with: lengths and budget would be another's.
 */
async function tokenizerOf(
  name: string | null,
  recipe: RecipeTokenizer | null,
  examples: string,
): Promise<LoadedTokenizer> {
  const isBundled = recipe !== null && Object.hasOwn(bundledTokenizers, recipe.name);
  const loaded = await openTokenizer(name ?? (isBundled ? recipe.name : 'qwen3'));
  const isOther =
    recipe !== null &&
    (loaded.tokenizer.sha256 !== recipe.sha256 ||
      // A template that is named may be another on purpose.
      (name === null && loaded.templateSha256 !== (recipe.templateSha256 ?? loaded.templateSha256)));
  if (!isOther) return loaded;
  throw new InputError('other-tokenizer', 'The set was compiled with another tokenizer or chat template', {
    where: examples,
    expected: `${recipe.name} with sha256 ${recipe.sha256}`,
    actual: `${loaded.tokenizer.name} with sha256 ${loaded.tokenizer.sha256}`,
    advice: `give --tokenizer the folder or tokenizer.json of ${recipe.name}`,
  });
}

const fileEndings = ['.jsonl', '.json', '.parquet'];

/** A folder gets a file named after the target; a name with another ending than a file's is that of a folder. */
async function outputPath(out: string, target: ExportTarget): Promise<string> {
  const isFolder = existsSync(out) && statSync(out).isDirectory();
  const isFile = !isFolder && fileEndings.includes(extname(out).toLowerCase());
  const path = isFile ? out : join(out, `${target}.${target === 'parquet' ? 'parquet' : 'jsonl'}`);
  await makeFolder(dirname(path));
  await checkWritable(path);
  return path;
}

type Verdicts = ReadonlyMap<number, readonly string[]>;

/** Verdicts by line; null without a check. Throws `InputError` where they are on another file. */
async function verdictsOf(checks: string | null, examples: string): Promise<Verdicts | null> {
  if (checks === null) return null;
  const { dataSha256, byLine } = await readVerdicts(checks);
  const source = await fileSource(examples);
  const actual = await sha256OfSource(source, undefined, nodeSha256).finally(() => source.close());
  if (actual !== dataSha256) {
    throw new InputError('other-data', 'The checks are of another set of examples', {
      where: checks,
      expected: `the set with sha256 ${actual}`,
      actual: dataSha256,
      advice: `run acc check on ${examples}`,
    });
  }
  return byLine;
}

/** Passes on the examples that carry none of the flags, and counts the others. */
async function* withoutFlags(
  examples: AsyncIterable<NumberedExample>,
  excluded: ReadonlySet<string>,
  verdicts: Verdicts | null,
  left: { excluded: number; unchecked: number },
): AsyncGenerator<Example> {
  for await (const { line, example } of examples) {
    const found = verdicts?.get(line);
    if (verdicts && !found) left.unchecked++;
    if ([...(example.flags ?? []), ...(found ?? [])].some((flag) => excluded.has(flag))) left.excluded++;
    else yield example;
  }
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

/** An example with the number of its line. */
interface NumberedExample {
  readonly line: number;
  readonly example: Example;
}

async function* readExamples(path: string, bad: string[]): AsyncGenerator<NumberedExample> {
  const source = await fileSource(path);
  try {
    for await (const { number, text, problem } of jsonLines(source)) {
      if (text.trim() === '' && problem === null) continue;
      try {
        if (problem !== null) throw new Error(problem);
        const value: unknown = JSON.parse(text);
        if (!isObject(value) || !Array.isArray(value['messages'])) throw new Error('it has no messages');
        yield { line: number, example: value as unknown as Example };
      } catch (error) {
        bad.push(`line ${number}: not an example (${messageOf(error)})`);
      }
    }
  } finally {
    await source.close();
  }
}

type Write = (examples: AsyncIterable<Example>, path: string) => Promise<number>;

function writeLines(toRow: (example: Example) => ExportRow): Write {
  return (examples, path) =>
    writeChunks(path, async (write) => {
      let count = 0;
      for await (const example of examples) {
        await write(`${JSON.stringify(toRow(example))}\n`);
        count++;
      }
      return count;
    });
}

async function rowMaker(
  target: Exclude<ExportTarget, 'parquet'>,
  options: ExportOptions,
  openIds: () => Promise<LoadedTokenizer>,
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
      const { tokenizer, template } = await openIds();
      return (example) => tokenIdsRow(example, options, tokenizer, template);
    }
  }
}

function writeParquet(options: ExportOptions): Write {
  return (examples, path) =>
    writeChunks(path, async (write) => {
      const parquet = new ParquetExport(options);
      let count = 0;
      for await (const example of examples) {
        const bytes = await parquet.add(example);
        if (bytes) await write(bytes);
        count++;
      }
      await write(await parquet.finish());
      return count;
    });
}

/** Writes a file whole or not at all. */
async function writeChunks(
  path: string,
  produce: (write: FileWriter['write']) => Promise<number>,
): Promise<number> {
  const file = await fileWriter(path);
  let count: number;
  try {
    count = await produce((part) => file.write(part));
  } catch (error) {
    await file.discard();
    throw error;
  }
  await file.end();
  return count;
}
