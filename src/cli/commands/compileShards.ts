import { UsageError } from '../../core/errors.ts';
import { lastValue, numberValue, type ParsedArguments } from '../compileArguments.ts';
import type { CompileJob } from '../compileRun.ts';
import { EXIT_DONE, note, printJson } from '../output.ts';
import { ShardMapper, type MappedShard } from '../shardMap.ts';
import { defaultShardBytes, readPlan, writePlan } from '../shardPlan.ts';

/** What the two later steps take; everything else was fixed by the plan. */
const allowed = {
  map: ['map', 'shard', 'jobs', 'json', 'quiet'],
  reduce: ['reduce', 'out', 'jobs', 'json', 'quiet'],
} as const;

/** Which step of a compilation over several processes is asked for; null for a whole one. */
export function shardStep(parsed: ParsedArguments): 'plan' | 'map' | 'reduce' | null {
  const steps = (['plan', 'map', 'reduce'] as const).filter((name) => parsed.values.has(name));
  if (steps.length > 1)
    throw new UsageError('bad-option', `--${steps.join(' and --')} are separate steps`, {
      advice: 'first --plan, then --map for every shard, then --reduce',
    });
  const step = steps[0] ?? null;
  for (const [option, owner] of [
    ['shard', 'map'],
    ['shard-bytes', 'plan'],
  ] as const) {
    if (parsed.values.has(option) && step !== owner)
      throw new UsageError('bad-option', `option --${option} goes with --${owner}`, {
        actual: step === null ? 'a whole compilation' : `--${step}`,
      });
  }
  if (step !== 'map' && step !== 'reduce') return step;
  const given = [...parsed.flags, ...parsed.values.keys(), ...parsed.words];
  const extra = given.find((name) => !(allowed[step] as readonly string[]).includes(name));
  if (extra !== undefined)
    throw new UsageError('bad-option', `--${step} takes no ${extra}`, {
      advice: 'the plan holds the inputs and all options',
    });
  return step;
}

/** `acc compile FILE… --plan DIR` */
export async function runPlan(parsed: ParsedArguments, job: CompileJob): Promise<number> {
  const folder = lastValue(parsed, 'plan') ?? '';
  const { shards, prepared } = await writePlan(job, folder, shardBytesFrom(parsed));
  const bytes = prepared.files.reduce((sum, file) => sum + file.bytes, 0);
  if (parsed.flags.has('json')) await printJson({ plan: folder, shards: shards.length, bytes });
  else if (!parsed.flags.has('quiet'))
    note(`${shards.length} shards of ${(bytes / 1e6).toFixed(0)} MB planned in ${folder}`);
  return EXIT_DONE;
}

/** `acc compile --map DIR [--shard LIST]` */
export async function runMap(parsed: ParsedArguments, jobs: number): Promise<number> {
  const folder = lastValue(parsed, 'map') ?? '';
  const plan = await readPlan(folder);
  const wanted = shardsFrom(parsed, plan.shards.length);
  const mapper = new ShardMapper(folder, plan, jobs);
  const done: MappedShard[] = [];
  try {
    for (const shard of wanted) {
      const result = await mapper.map(shard);
      done.push(result);
      if (!parsed.flags.has('quiet') && !parsed.flags.has('json'))
        note(
          result.wasDone
            ? `shard ${shard} was done already`
            : `shard ${shard}: ${result.trajectories} trajectories`,
        );
    }
  } finally {
    await mapper.stop();
  }
  if (parsed.flags.has('json')) await printJson({ plan: folder, shards: done });
  return EXIT_DONE;
}

function shardBytesFrom(parsed: ParsedArguments): number {
  const bytes = numberValue(parsed, 'shard-bytes') ?? defaultShardBytes;
  if (!Number.isInteger(bytes) || bytes < 1)
    throw new UsageError('bad-option', 'option --shard-bytes is out of range', {
      expected: 'bytes of input, at least 1',
      actual: String(bytes),
    });
  return bytes;
}

/** `0-3,7` as numbers; all without an option. */
function shardsFrom(parsed: ParsedArguments, count: number): number[] {
  const text = lastValue(parsed, 'shard');
  if (text === null) return Array.from({ length: count }, (_, index) => index);
  const shards = text.split(',').flatMap((part) => {
    const range = /^(\d+)(?:-(\d+))?$/.exec(part.trim());
    const from = Number(range?.[1] ?? NaN);
    const to = Number(range?.[2] ?? from);
    if (!range || to < from || to >= count)
      throw new UsageError('bad-option', 'option --shard names no shards of the plan', {
        expected: `numbers from 0 to ${count - 1}, as 0-3,7`,
        actual: part,
      });
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
  return [...new Set(shards)];
}
