import type { EngineDevice } from './device.ts';
import type { KernelSink } from './kernel.ts';
import { attention } from './kernels/attention.ts';
import { sureLanes } from './kernels/common.ts';
import { matmul } from './kernels/matmul.ts';
import { subgroupProbeKernel } from './kernels/subgroupProbe.ts';
import { PipelineCollector } from './pipelineCache.ts';
import { Recorder } from './recorder.ts';
import { createRows, createWeight, destroyWeight, kvPageSections } from './tensors.ts';
import type { KernelChoices } from './variants.ts';

/** Where measured choices are kept between starts; keys name adapter and driver. */
export interface ChoiceStore {
  load(key: string): Promise<string | null>;
  save(key: string, value: string): Promise<void>;
}

/** What was measured for one alternative of an operation. */
interface TuneResult {
  readonly operation: 'matmul' | 'matvec' | 'attention';
  readonly choice: string;
  readonly medianMs: number;
}

export interface TuneReport {
  readonly choices: KernelChoices;
  /** Empty when the choices came from the store. */
  readonly measured: readonly TuneResult[];
  readonly fromStore: boolean;
}

export interface TuneOptions {
  readonly store?: ChoiceStore;
  /** Milliseconds after which the operations not yet measured keep their defaults; 2,000 by default. */
  readonly limitMs?: number;
  readonly clock?: () => number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Raised when kernels change so much that old measurements no longer hold. */
const storeVersion = 3;

interface Trial {
  readonly operation: TuneResult['operation'];
  readonly choice: Partial<KernelChoices>;
  readonly name: string;
}

/**
 * Picks kernel variants by timing them on this device, or takes what an earlier start stored. Sets
 * `engine.choices`. Before subgroups are trusted, a probe checks that neighbouring threads share them.
 */
export async function tuneKernels(engine: EngineDevice, options: TuneOptions = {}): Promise<TuneReport> {
  const clock = options.clock ?? (() => performance.now());
  const key = `kernels/${storeVersion}/${engine.adapterKey}`;
  const stored = parseChoices(await options.store?.load(key), engine);
  if (stored) {
    engine.choices = stored;
    return { choices: stored, measured: [], fromStore: true };
  }
  const start = clock();
  const limitMs = options.limitMs ?? 2000;
  if (engine.choices.subgroups && !(await subgroupsAreLinear(engine))) {
    engine.choices = {
      ...engine.choices,
      subgroups: false,
      matmul: engine.choices.matmul === 'lanes' ? 'register' : engine.choices.matmul,
    };
  }
  const measured: TuneResult[] = [];
  const list = trials(engine);
  const best = new Map<TuneResult['operation'], { ms: number; choice: Partial<KernelChoices> }>();
  const skipped = new Set<TuneResult['operation']>();
  for (const [index, trial] of list.entries()) {
    options.onProgress?.(index, list.length);
    // An operation is decided only if all its alternatives were measured.
    if (clock() - start > limitMs) {
      skipped.add(trial.operation);
      continue;
    }
    const medianMs = await measure(engine, trial, clock);
    measured.push({ operation: trial.operation, choice: trial.name, medianMs });
    const leader = best.get(trial.operation);
    if (!leader || medianMs < leader.ms) best.set(trial.operation, { ms: medianMs, choice: trial.choice });
  }
  options.onProgress?.(list.length, list.length);
  let { choices } = engine;
  for (const [operation, { choice }] of best) {
    if (!skipped.has(operation)) choices = { ...choices, ...choice };
  }
  engine.choices = choices;
  if (skipped.size === 0) await options.store?.save(key, JSON.stringify(choices));
  return { choices, measured, fromStore: false };
}

function trials(engine: EngineDevice): readonly Trial[] {
  const matmuls: KernelChoices['matmul'][] =
    sureLanes(engine) > 0 ? ['lanes', 'register', 'shared'] : ['register', 'shared'];
  const list: Trial[] = [];
  for (const matmul of matmuls) list.push({ operation: 'matmul', choice: { matmul }, name: matmul });
  if (engine.features.f16) {
    list.push({
      operation: 'matmul',
      choice: { matmul: 'shared', sharedTiles: 'f16' },
      name: 'shared in f16',
    });
  }
  for (const matvec of ['thread', 'lanes'] as const) {
    list.push({ operation: 'matvec', choice: { matvec }, name: matvec });
  }
  // The tiles take seconds to compile on CPU drivers, where they never win.
  if (!engine.facts.software) {
    for (const attention of ['tile', 'thread'] as const) {
      list.push({ operation: 'attention', choice: { attention }, name: attention });
    }
  }
  return list;
}

/** Median of a few awaited runs of a small but representative problem. */
async function measure(engine: EngineDevice, trial: Trial, clock: () => number): Promise<number> {
  const { choices } = engine;
  engine.choices = { ...choices, ...trial.choice };
  const { run, dispose } = problem(engine, trial.operation);
  try {
    const collector = new PipelineCollector(engine);
    run(collector);
    await engine.pipelines.prepare(collector.requests);
    const recorder = new Recorder(engine, clock);
    const once = async (): Promise<number> => {
      const start = clock();
      run(recorder);
      recorder.submit();
      await recorder.settle();
      return clock() - start;
    };
    // The first run compiles lazily on some drivers.
    const first = await once();
    const times = [await once()];
    if (first < 200) times.push(await once(), await once());
    recorder.dispose();
    return times.sort((a, b) => a - b)[times.length >> 1] ?? 0;
  } finally {
    dispose();
    engine.choices = choices;
  }
}

function problem(
  engine: EngineDevice,
  operation: TuneResult['operation'],
): { run: (sink: KernelSink) => void; dispose: () => void } {
  const { buffers } = engine;
  // Software adapters get a hundredth of the work: both sizes run for some milliseconds.
  const size = engine.facts.software ? 256 : 1024;
  if (operation === 'attention') {
    const layout = { type: 'f16', numKeyValueHeads: 4, headDim: 128 } as const;
    const page = {
      range: buffers.range('tune/page', kvPageSections(layout, size).sizeBytes),
      firstToken: 0,
      capacity: size,
    };
    const q = createRows(buffers, 'tune/q', size, 8 * 128);
    const out = createRows(buffers, 'tune/out', size, 8 * 128);
    return {
      run: (sink) =>
        attention(sink, { q, out, numHeads: 8, kv: layout, pages: [page], firstToken: 0, scale: 0.1 }),
      dispose: () => [q.range, out.range, page.range].forEach(({ buffer }) => buffers.destroy(buffer)),
    };
  }
  const rows = operation === 'matmul' ? size : 1;
  const cols = operation === 'matmul' ? size : 4 * size;
  const weight = createWeight(buffers, 'tune/w', 'f16', cols, size, engine.maxBindingBytes);
  const x = createRows(buffers, 'tune/x', rows, size);
  const out = createRows(buffers, 'tune/out', rows, cols);
  return {
    run: (sink) => matmul(sink, { x, weight, out, allowHalf: true }),
    dispose: () => {
      destroyWeight(buffers, weight);
      buffers.destroy(x.range.buffer);
      buffers.destroy(out.range.buffer);
    },
  };
}

/** Runs the probe: true when thread i of a workgroup is lane i mod size of subgroup i / size. */
async function subgroupsAreLinear(engine: EngineDevice): Promise<boolean> {
  const recorder = new Recorder(engine);
  const out = engine.buffers.range('tune/probe', 64 * 4);
  try {
    recorder.dispatch({
      kernel: subgroupProbeKernel,
      variant: {},
      buffers: { out },
      params: { threads: 64 },
      workgroups: 1,
      cost: { flops: 64, bytes: 256 },
    });
    return (await recorder.readUints(out)).every((fine) => fine === 1);
  } finally {
    recorder.dispose();
    engine.buffers.destroy(out.buffer);
  }
}

const allowed: { readonly [K in keyof KernelChoices]?: readonly string[] } = {
  matmul: ['lanes', 'register', 'shared'],
  sharedTiles: ['f32', 'f16'],
  matvec: ['thread', 'lanes'],
  attention: ['thread', 'quad', 'tile'],
};

/** Stored choices, if they are whole and fit this device; anything else is measured anew. */
function parseChoices(text: string | null | undefined, engine: EngineDevice): KernelChoices | null {
  if (!text) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const record = value as Record<string, unknown>;
  const result: Record<string, unknown> = { ...engine.choices };
  for (const [name, current] of Object.entries(engine.choices)) {
    const stored = record[name];
    const names = allowed[name as keyof KernelChoices];
    if (typeof stored !== typeof current) return null;
    if (names && !names.includes(String(stored))) return null;
    if (typeof stored === 'number' && !(Number.isInteger(stored) && stored > 0 && stored <= 4096))
      return null;
    result[name] = stored;
  }
  if (result['sharedTiles'] === 'f16' && !engine.features.f16) return null;
  if (result['subgroups'] === true && !engine.features.subgroups) return null;
  return result as unknown as KernelChoices;
}
