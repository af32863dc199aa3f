import type { AdapterFacts } from '../gpu/device.ts';
import type { WebGpuCounts } from './webgpuCounters.ts';

/** What `acc bench` can measure. */
export const benchSuites = [
  'matmul',
  'dense',
  'moe',
  'box',
  'context',
  'training',
  'mechanism',
  'mechanism-memory',
] as const;
export type BenchSuite = (typeof benchSuites)[number];

/**
 * Which onnxruntime-web WebGPU runs beside ours: with subgroups hidden from it (`corrected`: its attention
 * assumes at least 8 lanes), or `shipped`. It keeps one device for the life of a page or process, so each lane
 * is a page or process of its own; ours runs in both.
 */
export const benchLanes = ['corrected', 'shipped'] as const;
export type BenchLane = (typeof benchLanes)[number];

/** One engine on one case. */
export interface BenchRow {
  readonly suite: BenchSuite;
  readonly lane: BenchLane;
  /** `1024×1024×1024`, `prefill 128`, `decode`, `32768 tokens prefill` … */
  readonly test: string;
  readonly engine: string;
  /** CPU rows are for reference and never compared with GPU rows. */
  readonly runsOn: 'gpu' | 'cpu';
  readonly medianMs: number;
  readonly minMs: number;
  readonly rate: number;
  readonly unit: 'GFLOP/s' | 'tokens/s';
  /** Of one run, or of one decoded token; null for engines that do not use WebGPU. */
  readonly counts: WebGpuCounts | null;
  /** Largest difference from the reference named by the suite; NaN where none was taken. */
  readonly difference: number;
  readonly correct: boolean;
  readonly note: string;
}

/** Ours against the fastest correct peer on the same adapter. */
export interface BenchVerdict {
  readonly test: string;
  readonly lane: BenchLane;
  readonly peer: string;
  readonly ratio: number;
  readonly target: number;
  readonly met: boolean;
}

/** Memory of one context length. */
export interface ContextMemory {
  readonly tokens: number;
  readonly plannedBytes: number;
  readonly allocatedBytes: number;
  readonly kvBytes: number;
  readonly largestBufferBytes: number;
}

/** Memory of training on rows of one length. */
export interface TrainingMemoryRow {
  readonly tokens: number;
  readonly plannedBytes: number;
  readonly peakBytes: number;
  readonly keptBytes: number;
  readonly largestBufferBytes: number;
}

/** Everything measured in one page or process. */
export interface BenchReport {
  readonly lane: BenchLane;
  readonly adapter: AdapterFacts;
  readonly choices: Readonly<Record<string, unknown>>;
  readonly repeats: number;
  readonly rows: readonly BenchRow[];
  readonly memory: readonly ContextMemory[];
  readonly trainingMemory: readonly TrainingMemoryRow[];
  /** Engines that could not run here, with the reason. */
  readonly absent: readonly string[];
}

export const oursName = 'ours';

/** How many times as fast as `peer` ours must be. Targets of whole models are set against onnxruntime-web. */
function targetOf(row: BenchRow, peer: string): number {
  if (row.suite === 'matmul') return 1.5;
  if (row.suite === 'training') return 2;
  if (!peer.startsWith('onnxruntime-web')) return 1;
  return row.test.startsWith('decode') ? 10 : 5;
}

/** For each case and each target that holds in it, a verdict against the fastest correct GPU peer that has it. */
export function verdicts(rows: readonly BenchRow[]): BenchVerdict[] {
  return rows
    .filter((row) => row.engine === oursName && row.suite !== 'context')
    .flatMap((ours) => {
      const best = new Map<number, BenchRow>();
      for (const row of rows) {
        const isPeer =
          row.test === ours.test &&
          row.suite === ours.suite &&
          row.lane === ours.lane &&
          row.runsOn === 'gpu' &&
          row.correct &&
          !row.engine.startsWith(oursName);
        const target = targetOf(ours, row.engine);
        if (isPeer && row.rate > (best.get(target)?.rate ?? 0)) best.set(target, row);
      }
      return [...best].map(([target, { engine: peer, rate }]) => {
        const ratio = ours.rate / rate;
        const test = `${ours.suite} ${ours.test}`;
        return { test, lane: ours.lane, peer, ratio, target, met: ours.correct && ratio >= target };
      });
    });
}
