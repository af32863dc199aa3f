import {
  controlKinds,
  defaultCompileOptions,
  defaultMask,
  evidenceOrders,
  resolveCompileOptions,
} from '../../compile/options.ts';
import { defaultCuration, type CurationOptions } from '../../compile/setCurator.ts';
import type { CompileOptions, EvidenceMaskOptions, Rejection } from '../../compile/types.ts';
import { UsageError } from '../../core/errors.ts';
import type { AgentKind, Issue } from '../../trajectories/schema.ts';
import {
  lastValue,
  numberValue,
  parseArguments,
  type OptionShape,
  type ParsedArguments,
} from '../compileArguments.ts';
import { runCompile, type CompileJob } from '../compileRun.ts';
import {
  EXIT_DONE,
  EXIT_REJECTED,
  endProgress,
  note,
  print,
  printable,
  printJson,
  progressLine,
} from '../output.ts';
import { defaultShardBytes, readPlan } from '../shardPlan.ts';
import { reduceShards } from '../shardReduce.ts';
import { runMap, runPlan, shardStep } from './compileShards.ts';
import { version } from '../../../package.json';

const shapes: Readonly<Record<string, OptionShape>> = {
  out: 'one',
  tokenizer: 'one',
  budget: 'one',
  seed: 'one',
  order: 'one',
  distractors: 'one',
  'distractor-tier': 'one',
  control: 'one',
  'mask-unit': 'one',
  'mask-target': 'one',
  'mask-share': 'one',
  'mask-fill': 'one',
  match: 'one',
  'swe-answer': 'one',
  rationale: 'one',
  'accept-unverified': 'flag',
  'per-instance-cap': 'one',
  'no-count': 'flag',
  kind: 'many',
  'exclude-flags': 'many',
  database: 'many',
  dedup: 'one',
  'dedup-threshold': 'one',
  decontaminate: 'many',
  'eval-share': 'one',
  jobs: 'one',
  plan: 'one',
  'shard-bytes': 'one',
  map: 'one',
  shard: 'one',
  reduce: 'one',
  json: 'flag',
  quiet: 'flag',
  help: 'flag',
};

/** Issues told on standard error; the report lists all. */
const listedIssues = 20;

const help = `acc compile FILE… --out DIR: trajectories to long-context question-answer pairs

FILE is a file or folder; - reads standard input, and without --out (or with --out -) examples go to standard output.

  --out DIR                 writes examples.jsonl, report.json, recipe.json, README.md
  --tokenizer NAME|DIR      qwen3 (default), or a folder with tokenizer.json
  --budget N                longest sequence in tokens, prompt and completion (${defaultCompileOptions.budget})
  --seed N                  permutation and choices (${defaultCompileOptions.seed})
  --order ORDER             ${evidenceOrders.join(' | ')}
  --distractors all|none|N  how many to keep; --distractor-tier 1 keeps only opened ones
  --database FILE…          SQLite files, SQL dumps, CSV, AgentBench tasks behind SQL runs
  --swe-answer FORM         diff | edited-code | file-list
  --rationale keep|drop     the run's own reasoning before the answer
  --accept-unverified       also runs whose outcome is not recorded (flagged)
  --per-instance-cap N      at most N examples of one task
  --kind ID=KIND…           overrides an inferred kind (search, swe, sql)
  --exclude-flags FLAG…     rejects examples with these flags
  --no-count                estimates tokens (fast, flagged)

Controls:
  --control KIND            ${controlKinds.join(' | ')}
  --mask-unit piece|span --mask-target gold|distractor|random --mask-share 0…1 --mask-fill filler|delete
  --match processed|supervised|none   what agent-sft is matched by

Curation:
  --dedup none|exact|near|question, --dedup-threshold 0…1
  --decontaminate FILE…     benchmark rows (JSON, JSON lines, Parquet); 13-grams found in them reject an example
  --eval-share 0…1          holds out examples that share no document (examples.eval.jsonl)

  --jobs N                  threads (1); the output does not depend on it

Over several processes or machines that share a folder; the output is that of one process:
  FILE… --plan DIR          cuts the inputs into shards of --shard-bytes N (${defaultShardBytes}), fixes all options
  --map DIR --shard LIST    compiles shards (0-3,7; all without --shard); what is done already is left alone
  --reduce DIR --out OUT    puts them together: ids, caps, curation, split

  --json                    one JSON document on standard output`;

/** Compiles trajectories. Exit code 0, or 1 when inputs were rejected (they are listed in the report). */
export async function run(argv: string[]): Promise<number> {
  const parsed = parseArguments(argv, shapes);
  if (parsed.flags.has('help')) {
    await print(help);
    return EXIT_DONE;
  }
  const step = shardStep(parsed);
  if (step === 'map') return runMap(parsed, jobsFrom(parsed));
  if (parsed.words.length === 0 && step !== 'reduce')
    throw new UsageError('no-input', 'compile needs at least one file', { advice: 'see acc compile --help' });
  const outValue = lastValue(parsed, 'out');
  const isFilter = outValue === '-' || (outValue === null && parsed.words.includes('-'));
  if (outValue === null && !isFilter && step !== 'plan')
    throw new UsageError('no-output', 'compile needs --out DIR');
  if (isFilter && parsed.flags.has('json'))
    throw new UsageError('bad-option', '--json and examples cannot share standard output');
  const started = performance.now();
  const job: CompileJob = {
    inputs: parsed.words,
    out: isFilter ? null : outValue,
    tokenizer: lastValue(parsed, 'tokenizer') ?? 'qwen3',
    databases: parsed.values.get('database') ?? [],
    benchmarks: parsed.values.get('decontaminate') ?? [],
    options: optionsFrom(parsed),
    curation: curationFrom(parsed),
    jobs: jobsFrom(parsed),
    toolVersion: version,
    onProgress: parsed.flags.has('quiet') ? () => undefined : progressReporter(started),
  };
  if (step === 'plan') return runPlan(parsed, job);
  const folder = lastValue(parsed, 'reduce');
  const { report, recipe } =
    folder === null ? await runCompile(job) : await reduceShards(folder, await readPlan(folder), job);
  endProgress();
  const { accepted, rejections, issues } = report;
  // Those of databases that could be used in part have no severity.
  const errors = (issues as unknown as Issue[]).filter(({ severity }) => severity === 'error');
  if (parsed.flags.has('json')) {
    await printJson({
      out: outValue,
      accepted: accepted.length,
      rejected: rejections.length,
      counts: report.counts,
      ledger: report.ledger,
      rejections,
      issues,
      output: recipe.output,
    });
  } else if (!parsed.flags.has('quiet')) {
    summarise(accepted.length, rejections, outValue);
    listErrors(errors, isFilter ? null : outValue);
  }
  return rejections.length > 0 || errors.length > 0 ? EXIT_REJECTED : EXIT_DONE;
}

/** What could not be read of the inputs. */
function listErrors(errors: readonly Issue[], out: string | null): void {
  for (const { code, message, file, record, byteOffset } of errors.slice(0, listedIssues)) {
    const place = [
      ...(typeof record === 'number' ? [`record ${record}`] : []),
      ...(typeof byteOffset === 'number' ? [`byte ${byteOffset}`] : []),
    ];
    const where = place.length > 0 ? `${file} (${place.join(', ')})` : file;
    note(printable(`  error ${code} in ${where}: ${message}`));
  }
  const more = errors.length - listedIssues;
  if (more > 0) note(`  and ${more} more errors${out === null ? '' : `, in ${out}/report.json`}`);
}

function summarise(accepted: number, rejections: readonly Rejection[], out: string | null): void {
  note(
    `${accepted} examples${out === null || out === '-' ? '' : ` in ${out}`}, ${rejections.length} rejected`,
  );
  const groups = new Map<string, { count: number; first: Rejection }>();
  for (const rejection of rejections) {
    const key = `${rejection.stage}: ${rejection.code}`;
    const group = groups.get(key);
    if (group) group.count++;
    else groups.set(key, { count: 1, first: rejection });
  }
  for (const [key, { count, first }] of [...groups].sort((a, b) => b[1].count - a[1].count)) {
    note(printable(`  ${String(count).padStart(6)}  ${key}  (${first.trajectoryId}: ${first.reason})`));
  }
}

function progressReporter(
  started: number,
): (progress: { doneBytes: number; totalBytes: number; accepted: number; seen: number }) => void {
  let last = started;
  return ({ doneBytes, totalBytes, accepted, seen }) => {
    const now = performance.now();
    if (now - last < 200) return;
    last = now;
    const seconds = (now - started) / 1000;
    const rate = doneBytes / 1e6 / seconds;
    const left =
      rate > 0 && totalBytes > doneBytes
        ? `, ${Math.ceil((totalBytes - doneBytes) / 1e6 / rate)} s left`
        : '';
    progressLine(
      `${accepted} of ${seen} compiled, ${(doneBytes / 1e6).toFixed(0)} of ${(totalBytes / 1e6).toFixed(0)} MB, ${rate.toFixed(1)} MB/s${left}`,
    );
  };
}

function optionsFrom(parsed: ParsedArguments): CompileOptions {
  const distractors = lastValue(parsed, 'distractors');
  const given: { -readonly [Key in keyof CompileOptions]?: CompileOptions[Key] } = {
    acceptUnverified: parsed.flags.has('accept-unverified'),
    countTokens: !parsed.flags.has('no-count'),
    kindOverrides: kindsFrom(parsed),
    excludeFlags: (parsed.values.get('exclude-flags') ?? []).flatMap((value) => value.split(',')),
  };
  const budget = numberValue(parsed, 'budget');
  if (budget !== null) given.budget = budget;
  const seed = numberValue(parsed, 'seed');
  if (seed !== null) given.seed = seed;
  const tier = numberValue(parsed, 'distractor-tier');
  if (tier !== null) given.distractorTier = tier as 1 | 2;
  const cap = numberValue(parsed, 'per-instance-cap');
  if (cap !== null) given.perInstanceCap = cap;
  if (distractors !== null) {
    given.distractors =
      distractors === 'all' || distractors === 'none'
        ? distractors
        : (numberValue(parsed, 'distractors') ?? 'all');
  }
  const text = <Key extends 'order' | 'control' | 'match' | 'sweAnswer' | 'rationale'>(
    key: Key,
    option: string,
  ): void => {
    const value = lastValue(parsed, option);
    if (value !== null) given[key] = value as CompileOptions[Key];
  };
  text('order', 'order');
  text('control', 'control');
  text('match', 'match');
  text('sweAnswer', 'swe-answer');
  text('rationale', 'rationale');
  const mask = maskFrom(parsed);
  if (given.control === 'evidence-mask') given.mask = mask;
  else refuseMask(parsed);
  return resolveCompileOptions(given);
}

/** What says how to mask does nothing without the control that masks. */
function refuseMask(parsed: ParsedArguments): void {
  const option = [...parsed.values.keys()].find((name) => name.startsWith('mask-'));
  if (option === undefined) return;
  throw new UsageError('bad-option', `option --${option} is for one control only`, {
    expected: '--control evidence-mask',
    actual: `--control ${lastValue(parsed, 'control') ?? defaultCompileOptions.control}`,
  });
}

function maskFrom(parsed: ParsedArguments): EvidenceMaskOptions {
  const choose = <T extends string>(option: string, allowed: readonly T[], fallback: T): T => {
    const value = lastValue(parsed, option) as T | null;
    if (value === null) return fallback;
    if (!allowed.includes(value))
      throw new UsageError('bad-option', `option --${option} is not usable`, {
        expected: allowed.join(', '),
        actual: value,
      });
    return value;
  };
  return {
    unit: choose('mask-unit', ['piece', 'span'], defaultMask.unit),
    target: choose('mask-target', ['gold', 'distractor', 'random'], defaultMask.target),
    share: numberValue(parsed, 'mask-share') ?? defaultMask.share,
    fill: choose('mask-fill', ['filler', 'delete'], defaultMask.fill),
  };
}

function kindsFrom(parsed: ParsedArguments): Record<string, AgentKind> {
  const kinds: [string, AgentKind][] = (parsed.values.get('kind') ?? []).map((value) => {
    const at = value.lastIndexOf('=');
    const kind = value.slice(at + 1);
    if (at < 1 || !['search', 'swe', 'sql', 'other'].includes(kind)) {
      throw new UsageError('bad-option', '--kind takes ID=KIND', {
        expected: 'search, swe, sql or other',
        actual: value,
      });
    }
    return [value.slice(0, at), kind as AgentKind];
  });
  return Object.fromEntries(kinds);
}

function curationFrom(parsed: ParsedArguments): CurationOptions {
  const dedup = lastValue(parsed, 'dedup') ?? defaultCuration.dedup;
  if (!['none', 'exact', 'near', 'question'].includes(dedup)) {
    throw new UsageError('bad-option', 'option --dedup is not usable', {
      expected: 'none, exact, near, question',
      actual: dedup,
    });
  }
  const share = (option: string, fallback: number): number => {
    const value = numberValue(parsed, option) ?? fallback;
    if (value < 0 || value > 1)
      throw new UsageError('bad-option', `option --${option} is out of range`, {
        expected: '0 … 1',
        actual: String(value),
      });
    return value;
  };
  return {
    dedup: dedup as CurationOptions['dedup'],
    threshold: share('dedup-threshold', defaultCuration.threshold),
    evalShare: share('eval-share', defaultCuration.evalShare),
  };
}

function jobsFrom(parsed: ParsedArguments): number {
  const jobs = numberValue(parsed, 'jobs') ?? 1;
  if (!Number.isInteger(jobs) || jobs < 1 || jobs > 64)
    throw new UsageError('bad-option', 'option --jobs is out of range', {
      expected: '1 … 64',
      actual: String(jobs),
    });
  return jobs;
}
