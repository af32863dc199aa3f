import type { EngineDevice } from './device.ts';
import { ShaderCompileError } from './errors.ts';
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

/** An alternative that this driver does not compile. */
interface RefusedTrial {
  readonly operation: TuneResult['operation'];
  readonly choice: string;
  readonly reason: string;
}

export interface TuneReport {
  readonly choices: KernelChoices;
  /** Empty when the choices came from the store. */
  readonly measured: readonly TuneResult[];
  readonly refused: readonly RefusedTrial[];
  readonly fromStore: boolean;
}

export interface TuneOptions {
  readonly store?: ChoiceStore;
  /** Milliseconds after which the operations not yet measured keep their defaults; 2,000 by default. */
  readonly limitMs?: number;
  /** Milliseconds that one sample lasts at least; 20 by default, on software adapters that of one operation. */
  readonly sampleMs?: number;
  readonly clock?: () => number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Raised when kernels change so much that old measurements no longer hold. */
const storeVersion = 4;
/** Another kernel replaces the one in use below this share of its time: what is stored then stays for good. */
const clearlyFaster = 0.9;
const mostRepeats = 1024;

interface Trial {
  readonly operation: TuneResult['operation'];
  readonly choice: Partial<KernelChoices>;
  readonly name: string;
}

interface TimedTrial extends Trial {
  readonly medianMs: number;
}

/**
 * Picks kernel variants by timing them on this device, or takes what an earlier start stored. Sets
 * `engine.choices`. Before subgroups are trusted, a probe checks that neighbouring threads share them.
 */
export async function tuneKernels(engine: EngineDevice, options: TuneOptions = {}): Promise<TuneReport> {
  const clock = options.clock ?? (() => performance.now());
  const key = `kernels/${storeVersion}/${engine.adapterKey}`;
  const stored = parseStored(await options.store?.load(key), engine);
  if (stored) {
    engine.choices = stored.choices;
    return { ...stored, measured: [], fromStore: true };
  }
  const start = clock();
  const limitMs = options.limitMs ?? 2000;
  if (engine.choices.subgroups && !(await subgroupsAreLinear(engine))) {
    engine.choices = withoutSubgroups(engine.choices);
  }
  const sampleMs = options.sampleMs ?? (engine.facts.software ? 0 : 20);
  const timed: TimedTrial[] = [];
  const refused: RefusedTrial[] = [];
  const list = trials(engine);
  const skipped = new Set<TuneResult['operation']>();
  for (const [index, trial] of list.entries()) {
    options.onProgress?.(index, list.length);
    const { operation, name } = trial;
    // An operation is decided only if all its alternatives were measured; one that lost a kernel must be.
    const mustDecide = refused.some((other) => other.operation === operation);
    if (clock() - start > limitMs && !mustDecide) {
      skipped.add(operation);
      continue;
    }
    try {
      timed.push({ ...trial, medianMs: await measure(engine, trial, sampleMs, clock) });
    } catch (error) {
      if (!(error instanceof ShaderCompileError)) throw error;
      refused.push({ operation, choice: name, reason: error.message });
    }
  }
  options.onProgress?.(list.length, list.length);
  let { choices } = engine;
  for (const operation of new Set(list.map((trial) => trial.operation))) {
    if (skipped.has(operation)) continue;
    const own = timed.filter((trial) => trial.operation === operation);
    choices = { ...choices, ...fastest(own, engine.choices)?.choice };
  }
  engine.choices = choices;
  if (skipped.size === 0) await options.store?.save(key, JSON.stringify({ ...choices, refused }));
  const measured = timed.map(({ operation, name, medianMs }) => ({ operation, choice: name, medianMs }));
  return { choices, measured, refused, fromStore: false };
}

/** The fastest of an operation's alternatives; the one in use, unless that is clearly slower. */
function fastest(timed: readonly TimedTrial[], current: KernelChoices): TimedTrial | undefined {
  const [best] = timed.toSorted((a, b) => a.medianMs - b.medianMs);
  const used = timed.find((trial) => isInUse(trial, current));
  return best && used && best.medianMs >= clearlyFaster * used.medianMs ? used : best;
}

function isInUse({ choice }: Trial, current: KernelChoices): boolean {
  return Object.entries(choice).every(([name, value]) => current[name as keyof KernelChoices] === value);
}

/** The alternatives of each operation; what is in use comes first. */
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
  const uses = (trial: Trial): number => (isInUse(trial, engine.choices) ? 0 : 1);
  const operations = [...new Set(list.map(({ operation }) => operation))];
  return operations.flatMap((operation) =>
    list.filter((trial) => trial.operation === operation).sort((a, b) => uses(a) - uses(b)),
  );
}

/**
 * Milliseconds of one run of a small but representative problem: the median of a few samples. A sample repeats the
 * problem until it lasts `sampleMs`, since what a GPU does in less than that drowns in the latency of its queue.
 */
async function measure(
  engine: EngineDevice,
  trial: Trial,
  sampleMs: number,
  clock: () => number,
): Promise<number> {
  const { choices } = engine;
  engine.choices = { ...choices, ...trial.choice };
  const { run, dispose } = problem(engine, trial.operation);
  const recorder = new Recorder(engine, clock);
  try {
    const collector = new PipelineCollector(engine);
    run(collector);
    await engine.pipelines.prepare(collector.requests);
    const sample = async (repeats: number): Promise<number> => {
      const start = clock();
      for (let n = 0; n < repeats; n++) run(recorder);
      recorder.submit();
      await recorder.settle();
      return clock() - start;
    };
    // The first run compiles lazily on some drivers.
    const first = await sample(1);
    let repeats = 1;
    let elapsedMs = await sample(repeats);
    while (elapsedMs < sampleMs && repeats < mostRepeats) elapsedMs = await sample((repeats *= 2));
    const times = [elapsedMs];
    if (first < 200) times.push(await sample(repeats), await sample(repeats));
    return (times.sort((a, b) => a - b)[times.length >> 1] ?? 0) / repeats;
  } finally {
    dispose();
    recorder.dispose();
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

/** The same kernels where subgroups cannot be trusted. */
export function withoutSubgroups(choices: KernelChoices): KernelChoices {
  const { matmul } = choices;
  return { ...choices, subgroups: false, matmul: matmul === 'lanes' ? 'register' : matmul };
}

/** Runs the probe: true when thread i of a workgroup is lane i mod size of subgroup i / size. */
export async function subgroupsAreLinear(engine: EngineDevice): Promise<boolean> {
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

/** Stored choices with what was refused, if they are whole and fit this device; anything else is measured anew. */
function parseStored(
  text: string | null | undefined,
  engine: EngineDevice,
): Pick<TuneReport, 'choices' | 'refused'> | null {
  if (!text) return null;
  try {
    const value: unknown = JSON.parse(text);
    const choices = readChoices(value, engine);
    // Choices that were stored before have none beside them.
    return choices && { choices, refused: (value as Partial<TuneReport>).refused ?? [] };
  } catch {
    return null;
  }
}

/** Choices read from JSON, if they are whole and fit this device. */
export function readChoices(value: unknown, engine: EngineDevice): KernelChoices | null {
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
