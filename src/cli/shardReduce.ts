import { access } from 'node:fs/promises';
import { InputError } from '../core/errors.ts';
import type { DraftTrajectory } from '../trajectories/format.ts';
import type { IdRegistry } from '../trajectories/import.ts';
import type { MappedOutcome } from '../compile/setReducer.ts';
import type { MapperFacts } from './compileMapperThread.ts';
import {
  counterOfReducer,
  writeSet,
  type CompileJob,
  type CompileOutcomeSummary,
  type OutcomeSource,
} from './compileRun.ts';
import type { LineBatch } from './lineBatch.ts';
import type { LineResult, RenamedDraft } from './lineReader.ts';
import { readDrafts, readLines, type InputReader, type OutcomeMapper } from './readInputs.ts';
import { ShardReader } from './shardFile.ts';
import { startOutcomeMapper } from './shardMap.ts';
import { batchesOf, shardPath, type CompilePlan, type Shard } from './shardPlan.ts';

type Handlers = Parameters<OutcomeSource['read']>[0];

/**
 * Puts the results of all shards together in the order of the plan: the bytes are those of one process, whoever
 * made the shards and whenever. Runs whose id was given before, and files that only a whole reading understands,
 * are compiled here; only then are the inputs needed.
 * @throws InputError when shards are missing or were made by other programs or tokenizers
 */
export async function reduceShards(
  folder: string,
  plan: CompilePlan,
  job: Pick<CompileJob, 'out' | 'jobs' | 'onProgress'>,
): Promise<CompileOutcomeSummary> {
  await checkShards(folder, plan);
  const facts = await commonFacts(folder, plan);
  const lazy = new LazyMapper(plan, job.jobs, facts);
  try {
    return await writeSet({ ...job, ...plan.job }, plan.prepared, {
      facts,
      counter: await counterOfReducer(plan.job),
      read: (handlers) => readShards(folder, plan, { ...handlers, ...readerParts(plan, lazy, job.jobs) }),
    });
  } finally {
    await lazy.stop();
  }
}

function readerParts(
  { prepared }: CompilePlan,
  pool: OutcomeMapper,
  jobs: number,
): Omit<InputReader, keyof Handlers> {
  return { pool, books: prepared.books, map: () => [], concurrency: jobs > 1 ? jobs * 2 : 1 };
}

async function readShards(folder: string, plan: CompilePlan, reader: InputReader): Promise<void> {
  const ids: IdRegistry = new Map();
  const { files } = plan.prepared;
  let before = 0;
  for (let index = 0; index < plan.shards.length;) {
    const shard = plan.shards[index]!;
    if (shard.type === 'files') {
      const planned = files.slice(shard.from, shard.to);
      const path = shardPath(folder, index);
      if (await isAllNew(path, plan, ids)) await tellShard(path, plan, ids, reader);
      else await readDrafts(planned, reader, ids, before);
      before += planned.reduce((sum, file) => sum + file.bytes, 0);
      reader.onProgress(before);
      index++;
      continue;
    }
    let last = index;
    while (isSameFile(plan.shards[last + 1], shard)) last++;
    const file = files[shard.file]!;
    const batches = (plan.shards.slice(index, last + 1) as (typeof shard)[]).flatMap((part) =>
      batchesOf(plan, part),
    );
    const paths = Array.from({ length: last + 1 - index }, (_, at) => shardPath(folder, index + at));
    const results = new ShardedFile(paths, plan.sha256, reader.pool!);
    try {
      // One range after another: they are read from files in their order.
      const inOrder = { ...reader, concurrency: 1 };
      await readLines(file, shard.format, inOrder, results, ids, before, batches);
    } finally {
      await results.close();
    }
    before += file.bytes;
    index = last + 1;
  }
}

function isSameFile(shard: Shard | undefined, first: Shard & { type: 'lines' }): boolean {
  return shard?.type === 'lines' && shard.file === first.file;
}

/** True when no run of the shard has an id that was given before, in it or ahead of it. */
async function isAllNew(path: string, plan: CompilePlan, ids: IdRegistry): Promise<boolean> {
  const own = new Set<string>();
  const reader = await ShardReader.open(path, plan.sha256);
  try {
    for (let range = await reader.next(); range; range = await reader.next()) {
      for (const event of range.events) {
        if ('issue' in event) continue;
        if (ids.has(event.id) || own.has(event.id)) return false;
        own.add(event.id);
      }
    }
  } finally {
    await reader.close();
  }
  return true;
}

async function tellShard(
  path: string,
  plan: CompilePlan,
  ids: IdRegistry,
  { onIssue, onOutcome }: InputReader,
): Promise<void> {
  const reader = await ShardReader.open(path, plan.sha256);
  for (let range = await reader.next(); range; range = await reader.next()) {
    for (const event of range.events) {
      if ('issue' in event) onIssue(event.issue);
      else {
        ids.set(event.id, 1);
        await onOutcome(event.outcome);
      }
    }
  }
}

/** The ranges of a file from its shards, in order; what has to be compiled again goes to `again`. */
class ShardedFile implements OutcomeMapper {
  private readonly paths: readonly string[];
  private readonly plan: string;
  private readonly again: OutcomeMapper;
  private next = 0;
  private reader: ShardReader | null = null;

  constructor(paths: readonly string[], plan: string, again: OutcomeMapper) {
    this.paths = paths;
    this.plan = plan;
    this.again = again;
  }

  map(drafts: readonly DraftTrajectory[]): Promise<readonly MappedOutcome[]> {
    return this.again.map(drafts);
  }

  readRenamed(batch: LineBatch, renamed: readonly RenamedDraft[]): Promise<readonly MappedOutcome[]> {
    return this.again.readRenamed(batch, renamed);
  }

  async readLines(batch: LineBatch): Promise<LineResult> {
    for (;;) {
      this.reader ??= await ShardReader.open(this.paths[this.next++] ?? '', this.plan);
      const result = await this.reader.next();
      if (result) return result;
      this.reader = null;
      if (this.next < this.paths.length) continue;
      throw new InputError('cut-shard', 'a shard holds fewer ranges than the plan', {
        where: `${batch.file}, byte ${batch.start}`,
      });
    }
  }

  async close(): Promise<void> {
    await this.reader?.close();
  }
}

/** Loads tokenizer and databases only when something has to be compiled after all. */
class LazyMapper implements OutcomeMapper {
  private readonly plan: CompilePlan;
  private readonly jobs: number;
  /** What the shards were mapped with. */
  private readonly facts: MapperFacts;
  private started: ReturnType<typeof startOutcomeMapper> | null = null;

  constructor(plan: CompilePlan, jobs: number, facts: MapperFacts) {
    this.plan = plan;
    this.jobs = jobs;
    this.facts = facts;
  }

  async map(drafts: readonly DraftTrajectory[]): Promise<readonly MappedOutcome[]> {
    return (await this.start()).map(drafts);
  }

  async readLines(batch: LineBatch): Promise<LineResult> {
    return (await this.start()).readLines(batch);
  }

  async readRenamed(batch: LineBatch, renamed: readonly RenamedDraft[]): Promise<readonly MappedOutcome[]> {
    return (await this.start()).readRenamed(batch, renamed);
  }

  async stop(): Promise<void> {
    await (await this.started)?.pool?.stop();
  }

  private async start(): Promise<OutcomeMapper> {
    this.started ??= startOutcomeMapper(this.plan, this.jobs);
    const { mapper, facts } = await this.started;
    if (JSON.stringify(facts) !== JSON.stringify(this.facts))
      throw factsDiffer('the runs that this process compiles again', this.facts, facts);
    return mapper;
  }
}

async function checkShards(folder: string, { shards }: CompilePlan): Promise<void> {
  const missing: number[] = [];
  for (let index = 0; index < shards.length; index++) {
    await access(shardPath(folder, index)).catch(() => missing.push(index));
  }
  if (missing.length === 0) return;
  const listed = missing.slice(0, 20).join(',');
  throw new InputError('missing-shards', `${missing.length} of ${shards.length} shards are not mapped yet`, {
    where: folder,
    actual: `missing: ${listed}${missing.length > 20 ? ', …' : ''}`,
    advice: `acc compile --map ${folder} --shard ${listed}`,
  });
}

/** What the processes found in tokenizer and databases: it must be one thing. */
async function commonFacts(folder: string, { shards, sha256 }: CompilePlan): Promise<MapperFacts> {
  let common: MapperFacts | null = null;
  for (let index = 0; index < shards.length; index++) {
    const path = shardPath(folder, index);
    const reader = await ShardReader.open(path, sha256);
    await reader.close();
    const { facts } = reader.header;
    common ??= facts;
    if (JSON.stringify(facts) !== JSON.stringify(common)) throw factsDiffer(path, common, facts);
  }
  return common ?? { databaseIssues: [], tokenizer: null };
}

function factsDiffer(where: string, expected: MapperFacts, actual: MapperFacts): InputError {
  return new InputError(
    'shards-differ',
    'tokenizer, chat template or databases are not those of the other shards',
    {
      where,
      expected: JSON.stringify(expected.tokenizer),
      actual: JSON.stringify(actual.tokenizer),
      advice: 'remove the shards that were mapped with the wrong ones and map them again',
    },
  );
}
