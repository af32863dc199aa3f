import { join } from 'node:path';
import { resolveCompileOptions } from '../../compile/options.ts';
import { sqlSessions } from '../../compile/sql/sessions.ts';
import { defaultCuration } from '../../compile/setCurator.ts';
import type { CompileOptions } from '../../compile/types.ts';
import type { ReplicationArm } from '../../evaluate/replication.ts';
import { makeWorld, worldKinds } from '../../world/makeWorld.ts';
import { runCompile } from '../compileRun.ts';
import { writeWorldFolder } from '../worldFolder.ts';

/** What an arm is trained on; both arms of agent SFT share their examples. */
type TrainedArm = Exclude<ReplicationArm, 'base'>;

const compileOptions: Readonly<Record<TrainedArm, Partial<CompileOptions>>> = {
  acc: {},
  'sft-processed': { control: 'agent-sft', match: 'none' },
  'sft-supervised': { control: 'agent-sft', match: 'none' },
  'acc-no-distractors': { distractors: 'none' },
  'acc-chronological': { order: 'chronological' },
};

/** The trajectories of all arms: the same runs of the world's agents. Throws `InputError` where others lie. */
export async function writeWorld(
  folder: string,
  options: { readonly count: number; readonly seed: number; readonly sizes: readonly [number, number] },
  overwrite: boolean,
): Promise<void> {
  const files = makeWorld({ ...options, kinds: worldKinds }, await sqlSessions());
  await writeWorldFolder(folder, files, { by: 'acc replicate', overwrite });
}

/** Compiles an arm's training set for a seed, and gives its file. The same inputs give the same bytes. */
export async function compileArm(
  arm: TrainedArm,
  job: {
    readonly world: string;
    readonly out: string;
    readonly tokenizer: string;
    readonly budget: number;
    readonly seed: number;
    readonly version: string;
  },
): Promise<string> {
  const { budget, seed } = job;
  await runCompile({
    inputs: [job.world],
    out: job.out,
    tokenizer: job.tokenizer,
    databases: [join(job.world, 'databases')],
    benchmarks: [],
    options: resolveCompileOptions({ ...compileOptions[arm], budget, seed }),
    curation: defaultCuration,
    jobs: 1,
    toolVersion: job.version,
    onProgress: () => {},
  });
  return join(job.out, 'examples.jsonl');
}
