import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Rng } from '../../core/rng.ts';
import { generateRows, type GenerateOptions } from '../../evaluate/generateRows.ts';
import type { LengthCounter } from '../../evaluate/lengthBins.ts';
import type { ReplicationBenchmark } from '../../evaluate/replication.ts';
import { nodeId } from '../../evaluate/graphwalksGenerator.ts';
import { shortTask, shortTaskKinds, type TaskWords } from '../../world/shortTasks.ts';
import { adjectives, animals, colours, goods, trades, verbs } from '../../world/words.ts';
import { writeWhole } from '../outputFile.ts';

/** A held-out set that is to be made. */
export interface SetPlan {
  readonly benchmark: ReplicationBenchmark;
  readonly tokens: number | null;
  readonly count: number;
  /** 1 for the short tasks. */
  readonly questionsPerContext: number;
  readonly maxNewTokens: number;
}

/** Of the questions that are reported; designs are tried on others (`--dev`). */
const reportedSeed = 90_001;
const devSeed = 50_001;

function* shortRows(count: number, seed: number): Generator<object> {
  const rng = new Rng(`replicate/short/${seed}`);
  const from: TaskWords = {
    words: [...adjectives, ...animals, ...colours, ...goods, ...trades, ...verbs],
    ids: Array.from({ length: 208 }, (_, index) => nodeId(index)),
  };
  for (let row = 0; row < count; row++) {
    const kind = shortTaskKinds[row % shortTaskKinds.length]!;
    const { messages } = shortTask(rng, kind, from, 0.7 * rng.next());
    // The first reply; later questions of the conversation are left out.
    const at =
      kind === 'notes' ? messages.length - 1 : messages.findIndex(({ role }) => role === 'assistant');
    yield { kind, messages: messages.slice(0, at), reply: messages[at]!.content };
  }
}

/** Writes the rows of a set and gives the file's path. The same plan gives the same bytes. */
export async function writeSetRows(
  plan: SetPlan,
  folder: string,
  counter: LengthCounter,
  isDev: boolean,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${plan.benchmark}${plan.tokens === null ? '' : `-${plan.tokens}`}.jsonl`);
  const seed = isDev ? devSeed : reportedSeed;
  const rows =
    plan.benchmark === 'short-tasks'
      ? shortRows(plan.count, seed)
      : generateRows(rowOptions(plan, plan.benchmark, seed), counter);
  let text = '';
  for (const row of rows) text += `${JSON.stringify(row)}\n`;
  await writeWhole(path, text);
  return path;
}

/** Small enough for a model of a few million weights: two needles, one step in a graph, no worked examples. */
function rowOptions(plan: SetPlan, benchmark: 'mrcr' | 'graphwalks', seed: number): GenerateOptions {
  return {
    benchmark,
    count: plan.count,
    tokens: plan.tokens!,
    seed,
    needles: 2,
    problems: ['bfs', 'parents'],
    depth: 1,
    outDegree: 2,
    frame: 'short',
    questionsPerContext: plan.questionsPerContext,
  };
}
