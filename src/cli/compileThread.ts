import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import type { DraftTrajectory } from '../trajectories/format.ts';
import { startMapper, type MapperSetup } from './compileMapperThread.ts';

/** Marks worker threads of the compile pool, so that loading this module elsewhere starts nothing. */
export const threadTask = 'acc-compile';

interface Task {
  readonly id: number;
  readonly drafts: readonly DraftTrajectory[];
}

/** Runs the map step in this worker thread until the pool ends it. */
async function serve(setup: MapperSetup): Promise<void> {
  const port = parentPort!;
  const mapper = await startMapper(setup);
  port.on('message', (task: Task) => port.postMessage({ id: task.id, outcomes: mapper.map(task.drafts) }));
  port.postMessage({ ready: true });
}

const data = workerData as { readonly task?: string; readonly setup?: MapperSetup } | null;
if (!isMainThread && data?.task === threadTask && data.setup) void serve(data.setup);
