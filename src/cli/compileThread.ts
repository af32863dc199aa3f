import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import type { MappedOutcome } from '../compile/setReducer.ts';
import { VerdictBook } from '../trajectories/folder/verdictBook.ts';
import type { DraftTrajectory } from '../trajectories/format.ts';
import { startMapper, type MapperFacts, type MapperSetup } from './compileMapperThread.ts';
import type { LineBatch } from './lineBatch.ts';
import { LineReader, type LineResult, type OpenedLines, type RenamedDraft } from './lineReader.ts';
import { failureOf, type ThreadFailure } from './threadFailure.ts';

/** Marks worker threads of the compile pool, so that loading this module elsewhere starts nothing. */
export const threadTask = 'acc-compile';

/** Work for a thread, and what it answers. */
export type ThreadTask =
  | { readonly type: 'drafts'; readonly drafts: readonly DraftTrajectory[] }
  | { readonly type: 'lines'; readonly batch: LineBatch }
  | { readonly type: 'open'; readonly batch: LineBatch }
  | { readonly type: 'renamed'; readonly batch: LineBatch; readonly renamed: readonly RenamedDraft[] };

export type ThreadResult = readonly MappedOutcome[] | LineResult | OpenedLines;

export type ThreadMessage =
  | { readonly ready: MapperFacts }
  | { readonly unready: ThreadFailure }
  | { readonly id: number; readonly result: ThreadResult }
  | { readonly id: number; readonly failure: ThreadFailure };

/** Runs the map step in this worker thread until the pool ends it. */
async function serve(setup: MapperSetup): Promise<void> {
  const port = parentPort!;
  const mapper = await startMapper(setup).catch((error: unknown) => {
    port.postMessage({ unready: failureOf(error) } satisfies ThreadMessage);
    return null;
  });
  if (!mapper) return;
  const encoder = new TextEncoder();
  // The main thread then only hashes and writes the bytes.
  const map = (draft: DraftTrajectory): MappedOutcome => {
    const [outcome] = mapper.map([draft]);
    if (!('line' in outcome!) || typeof outcome.line !== 'string') return outcome!;
    return { ...outcome, line: encoder.encode(outcome.line) };
  };
  const books = setup.books.map((files) => VerdictBook.from(files));
  const reader = new LineReader(map, books);
  const answer = async (task: ThreadTask): Promise<ThreadResult> => {
    if (task.type === 'drafts') return task.drafts.map(map);
    if (task.type === 'open') return reader.open(task.batch);
    return task.type === 'lines' ? reader.read(task.batch) : reader.readRenamed(task.batch, task.renamed);
  };
  port.on('message', ({ id, task }: { id: number; task: ThreadTask }) => {
    answer(task).then(
      (result) => port.postMessage({ id, result } satisfies ThreadMessage),
      (error: unknown) => port.postMessage({ id, failure: failureOf(error) } satisfies ThreadMessage),
    );
  });
  port.postMessage({ ready: mapper.facts } satisfies ThreadMessage);
}

const data = workerData as { readonly task?: string; readonly setup?: MapperSetup } | null;
if (!isMainThread && data?.task === threadTask && data.setup) void serve(data.setup);
