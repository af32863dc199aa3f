import type { TrajectoryLocator } from '../trajectories/import.ts';
import type { CompileTask } from './compileTask.ts';
import type { TrajectoryIndex } from './trajectoryIndex.ts';

/** One task of a run, before its file is at hand. */
export interface PlannedTask {
  readonly fileId: number;
  /** The opened file (an archive itself, not its member). */
  readonly path: string;
  readonly mode: CompileTask['mode'];
  readonly items: readonly { readonly locator: TrajectoryLocator; readonly number: number }[];
  readonly window: CompileTask['window'];
}

const taskBytes = 4 * 1024 * 1024;
const taskItems = 256;
/** A stream passes over everything before the wanted record: worth it from this many records on. */
const fewRecords = 3;

interface Item {
  readonly fileId: number;
  readonly path: string;
  readonly locator: TrajectoryLocator;
  /** Position among all trajectories of its file. */
  readonly number: number;
}

/** The opened file's name: what stands before the first member of an archive. */
export function openedPath(file: string): string {
  const end = file.indexOf('!/');
  return end < 0 ? file : file.slice(0, end);
}

/**
 * Cuts the chosen rows (in input order) into tasks that one worker can do alone. Records that lie in plain bytes
 * or in an archive entry of their own are read by their place; those in compressed streams or columns by passing
 * through the file once. The order of tasks and of items in them is the input order, so the output does not
 * depend on how many workers there are.
 */
export function planTasks(index: TrajectoryIndex, chosen: (row: number) => boolean): PlannedTask[] {
  const tasks: PlannedTask[] = [];
  const numberOf = new Map<string, number>();
  let run: Item[] = [];
  const flush = (): void => {
    if (run.length > 0) tasks.push(...tasksOf(run));
    run = [];
  };
  for (let row = 0; row < index.length; row++) {
    const fileId = index.fileId.at(row);
    const path = openedPath(index.file.at(row));
    const key = `${fileId}/${path}`;
    const number = numberOf.get(key) ?? 0;
    numberOf.set(key, number + 1);
    if (!chosen(row)) continue;
    const previous = run[run.length - 1];
    if (previous && (previous.fileId !== fileId || previous.path !== path)) flush();
    run.push({ fileId, path, number, locator: index.locator(row) });
  }
  flush();
  return tasks;
}

function needsStream(items: readonly Item[]): boolean {
  if (items.length <= fewRecords) return false;
  if (items.some(({ locator }) => locator.place.type === 'row')) return true;
  const perEntry = new Map<string, number>();
  for (const { locator } of items) {
    if (!locator.chain.some((step) => step.type !== 'tar')) continue;
    const entry = locator.file;
    const count = (perEntry.get(entry) ?? 0) + 1;
    if (count > fewRecords) return true;
    perEntry.set(entry, count);
  }
  // A stream-compressed archive is passed through from its start for every entry.
  return items.some(({ locator }) => locator.chain[0]?.type === 'gzip' || locator.chain[0]?.type === 'zstd');
}

function tasksOf(items: readonly Item[]): PlannedTask[] {
  const [first] = items;
  if (!first) return [];
  const { fileId, path } = first;
  if (needsStream(items)) return [{ fileId, path, mode: 'stream', items, window: null }];
  const tasks: PlannedTask[] = [];
  let batch: Item[] = [];
  let start = Infinity;
  let end = 0;
  let bytes = 0;
  const flush = (): void => {
    if (batch.length === 0) return;
    const isDense = Number.isFinite(start) && end - start <= 2 * bytes + 65536;
    tasks.push({ fileId, path, mode: 'seek', items: batch, window: isDense ? { start, end } : null });
    batch = [];
    start = Infinity;
    end = 0;
    bytes = 0;
  };
  for (const item of items) {
    const { place, chain } = item.locator;
    if (place.type === 'bytes' && chain.length === 0) {
      if (batch.length > 0 && Math.max(end, place.end) - Math.min(start, place.start) > taskBytes) flush();
      start = Math.min(start, place.start);
      end = Math.max(end, place.end);
      bytes += place.end - place.start;
    } else if (batch.length >= 8) flush();
    batch.push(item);
    if (batch.length >= taskItems) flush();
  }
  flush();
  return tasks;
}
