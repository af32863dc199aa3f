import { stat } from 'node:fs/promises';
import { mapOrdered } from '../compile/orderedMap.ts';
import { InputError } from '../core/errors.ts';
import type { DraftTrajectory } from '../trajectories/format.ts';
import type { Issue } from '../trajectories/schema.ts';
import type { NamedFile } from './compileFiles.ts';
import { startMapper, type MapperFacts } from './compileMapperThread.ts';
import { CompilePool } from './compilePool.ts';
import { mapperSetup } from './compileRun.ts';
import type { LineBatch } from './lineBatch.ts';
import { LineReader, NoIds, type LineResult } from './lineReader.ts';
import { draftBatches, type OutcomeMapper } from './readInputs.ts';
import { isFinished, ShardWriter } from './shardFile.ts';
import { batchesOf, shardPath, type CompilePlan, type Shard } from './shardPlan.ts';

export interface MappedShard {
  readonly shard: number;
  /** Runs told, rejected ones too. */
  readonly trajectories: number;
  /** It was there already: nothing was done. */
  readonly wasDone: boolean;
}

type Started = Awaited<ReturnType<typeof startOutcomeMapper>>;

/** The map step of this process: loaded once, when a shard needs it, and used for as many as it is given. */
export class ShardMapper {
  private readonly folder: string;
  private readonly plan: CompilePlan;
  private readonly jobs: number;
  private started: Promise<Started> | null = null;

  constructor(folder: string, plan: CompilePlan, jobs: number) {
    this.folder = folder;
    this.plan = plan;
    this.jobs = jobs;
  }

  async stop(): Promise<void> {
    await (await this.started)?.pool?.stop();
  }

  /** Maps one shard, unless its result is there. @throws InputError when an input is not as it was planned */
  async map(index: number): Promise<MappedShard> {
    const { plan, folder } = this;
    const shard = plan.shards[index]!;
    const path = shardPath(folder, index);
    if (await isFinished(path, plan.sha256)) return { shard: index, trajectories: 0, wasDone: true };
    for (const file of filesOf(plan, shard)) await checkUnchanged(file);
    this.started ??= startOutcomeMapper(plan, this.jobs);
    const { mapper, facts, pool } = await this.started;
    const writer = await ShardWriter.open(path, { plan: plan.sha256, shard: index, facts });
    try {
      let range = 0;
      let trajectories = 0;
      await mapOrdered<LineBatch | Drafts, LineResult>(
        shard.type === 'lines' ? batchesOf(plan, shard) : this.drafts(shard),
        (unit) => ('drafts' in unit ? mapDrafts(mapper, unit) : mapper.readLines(unit)),
        async (result) => {
          for (const event of result.events) if (!('issue' in event)) trajectories++;
          await writer.range(range++, result);
        },
        pool ? this.jobs * 2 : 1,
      );
      await writer.finish();
      return { shard: index, trajectories, wasDone: false };
    } catch (error) {
      await writer.abandon();
      throw error;
    }
  }

  /** Runs of whole files, with what was found wrong on the way to them. */
  private async *drafts(shard: Shard & { type: 'files' }): AsyncGenerator<Drafts> {
    let issues: Issue[] = [];
    const handlers = {
      onIssue: (issue: Issue): void => {
        issues.push(issue);
      },
      onProgress: (): void => undefined,
    };
    const take = (): Issue[] => {
      const taken = issues;
      issues = [];
      return taken;
    };
    // Ids stay as they are: whether one was given before is known only to the reduce step.
    for await (const drafts of draftBatches(
      this.plan.prepared.files.slice(shard.from, shard.to),
      handlers,
      new NoIds(),
      0,
      0,
    )) {
      yield { issues: take(), drafts };
    }
    if (issues.length > 0) yield { issues: take(), drafts: [] };
  }
}

async function mapDrafts(mapper: OutcomeMapper, { issues, drafts }: Drafts): Promise<LineResult> {
  const outcomes = await mapper.map(drafts);
  return {
    isRegular: true,
    events: [
      ...issues.map((issue) => ({ issue })),
      ...drafts.map((draft, index) => ({
        id: draft.id,
        record: draft.source.record,
        draft: 0,
        outcome: outcomes[index]!,
      })),
    ],
  };
}

interface Drafts {
  readonly issues: readonly Issue[];
  readonly drafts: readonly DraftTrajectory[];
}

/** Whoever maps in this process: itself, or threads. */
export async function startOutcomeMapper(
  { job, prepared }: CompilePlan,
  jobs: number,
): Promise<{
  readonly mapper: OutcomeMapper;
  readonly facts: MapperFacts;
  readonly pool: CompilePool | null;
}> {
  const setup = await mapperSetup(job, prepared);
  if (jobs > 1) {
    const pool = await CompilePool.start(jobs, setup);
    return { mapper: pool, facts: pool.facts, pool };
  }
  const own = await startMapper(setup);
  const reader = new LineReader((draft) => own.map([draft])[0]!, prepared.books);
  const mapper: OutcomeMapper = {
    map: async (drafts) => own.map(drafts),
    readLines: (batch) => reader.read(batch),
    readRenamed: (batch, renamed) => reader.readRenamed(batch, renamed),
  };
  return { mapper, facts: own.facts, pool: null };
}

function filesOf({ prepared }: CompilePlan, shard: Shard): readonly NamedFile[] {
  return shard.type === 'lines'
    ? [prepared.files[shard.file]!]
    : prepared.files.slice(shard.from, shard.to).flatMap((file) => file.parts ?? [file]);
}

async function checkUnchanged({ path, bytes }: NamedFile): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found?.size === bytes) return;
  throw new InputError('changed-input', 'a file is not as it was when the plan was made', {
    where: path,
    expected: `${bytes} bytes`,
    actual: found ? `${found.size} bytes` : 'no file',
    advice: 'plan again, or make the file visible on this machine under the same path',
  });
}
