import { countedPer, type WebGpuCounts } from './webgpuCounters.ts';

/** One thing to be timed against others. */
export interface Contestant {
  readonly name: string;
  /** One awaited run; resolves when the GPU is done. */
  readonly run: () => Promise<void>;
}

export interface Timing {
  readonly medianMs: number;
  readonly minMs: number;
  /** Processor time of this process, all threads: what a run costs whatever else the machine does. NaN in a page. */
  readonly cpuMs: number;
  readonly counts: WebGpuCounts;
}

interface Process {
  readonly cpuUsage?: () => { readonly user: number; readonly system: number };
}

/** Milliseconds of processor time so far. A software adapter in Node computes in this process. */
function processorMs(): number {
  const { process } = globalThis as unknown as { process?: Process };
  const used = process?.cpuUsage?.();
  return used ? (used.user + used.system) / 1000 : NaN;
}

/** The middle value; of an even number, the lower of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[(sorted.length - 1) >> 1] ?? NaN;
}

/**
 * Times all contestants in turns, so that whatever else the machine does falls on all alike: a warm-up of each,
 * then `repeats` rounds. Counts are those of the last run of each. `onRun` hears of every timed run.
 */
export async function timeInTurns(
  contestants: readonly Contestant[],
  repeats: number,
  clock: () => number = () => performance.now(),
  onRun: (name: string, elapsedMs: number) => void = () => undefined,
): Promise<Map<string, Timing>> {
  const times = new Map<string, number[]>(contestants.map(({ name }) => [name, []]));
  const cpu = new Map<string, number[]>(contestants.map(({ name }) => [name, []]));
  const counts = new Map<string, WebGpuCounts>();
  for (const { run } of contestants) await run();
  for (let round = 0; round < repeats; round++) {
    for (const { name, run } of contestants) {
      const started = clock();
      const cpuStarted = processorMs();
      counts.set(name, await countedPer(1, run));
      const elapsedMs = clock() - started;
      times.get(name)!.push(elapsedMs);
      cpu.get(name)!.push(processorMs() - cpuStarted);
      onRun(name, elapsedMs);
    }
  }
  return new Map(
    contestants.map(({ name }) => {
      const all = times.get(name)!;
      const cpuMs = median(cpu.get(name)!);
      return [name, { medianMs: median(all), minMs: Math.min(...all), cpuMs, counts: counts.get(name)! }];
    }),
  );
}
