import type { EngineDevice } from './device.ts';
import { attention } from './kernels/attention.ts';
import { matmul } from './kernels/matmul.ts';
import { PipelineCollector } from './pipelineCache.ts';
import { Recorder } from './recorder.ts';
import {
  createRows,
  createWeight,
  destroyWeight,
  kvPageSections,
  type KvType,
  type Rows,
  type WeightType,
} from './tensors.ts';
import type { KernelChoices } from './variants.ts';
import type { KernelSink } from './kernel.ts';

/** One measured operation. Times are milliseconds per run; the median is over `runs` awaited runs. */
export interface KernelTiming {
  readonly name: string;
  readonly medianMs: number;
  readonly minMs: number;
  readonly compileMs: number;
  /** CPU milliseconds of this process per run, where asked for: on software adapters a figure that neighbours do not spoil. */
  readonly cpuMs: number | null;
  readonly dispatches: number;
  readonly gflops: number;
  readonly gigabytesPerSecond: number;
}

export interface BenchOptions {
  readonly runs?: number;
  /** Only names that contain this text. */
  readonly only?: string;
  /** Milliseconds now; injectable for tests. */
  readonly clock?: () => number;
  /** CPU milliseconds used by this process so far. */
  readonly cpuClock?: () => number;
}

interface Case {
  readonly name: string;
  readonly choices: Partial<KernelChoices>;
  readonly flops: number;
  readonly bytes: number;
  /** Repetitions inside one run, so that a run is long enough to time. */
  readonly repeat: number;
  prepare: (engine: EngineDevice) => { run: (sink: KernelSink) => void; dispose: () => void };
}

function matmulCase(
  name: string,
  choices: Partial<KernelChoices>,
  type: WeightType,
  rows: number,
  cols: number,
  k: number,
): Case {
  const flops = 2 * rows * cols * k;
  const bits = { f32: 32, f16: 16, int8: 8.5, int4: 4.5 }[type];
  return {
    name: `${name} ${type} ${rows}×${cols}×${k}`,
    choices,
    flops,
    bytes: (cols * k * bits) / 8,
    repeat: Math.max(1, Math.round(2e7 / flops)),
    prepare(engine) {
      const x = createRows(engine.buffers, 'bench/x', rows, k);
      const out = createRows(engine.buffers, 'bench/out', rows, cols);
      const weight = createWeight(engine.buffers, 'bench/w', type, cols, k, engine.maxBindingBytes);
      return {
        run: (sink) => matmul(sink, { x, weight, out }),
        dispose: () => {
          destroyWeight(engine.buffers, weight);
          engine.buffers.destroy(x.range.buffer);
          engine.buffers.destroy(out.range.buffer);
        },
      };
    },
  };
}

function attentionCase(
  kvType: KvType,
  rows: number,
  tokens: number,
  heads: number,
  kvHeads: number,
  headDim: number,
): Case {
  const seen = rows === tokens ? tokens / 2 : tokens;
  const layout = { type: kvType, numKeyValueHeads: kvHeads, headDim };
  const { sizeBytes } = kvPageSections(layout, tokens);
  return {
    name: `attention ${kvType} ${rows} queries, ${tokens} keys, ${heads}/${kvHeads} heads of ${headDim}`,
    choices: {},
    flops: 4 * rows * seen * heads * headDim,
    bytes: sizeBytes,
    repeat: 1,
    prepare(engine) {
      const made: Rows[] = [];
      const make = (cols: number): Rows => {
        const matrix = createRows(engine.buffers, 'bench/rows', rows, cols);
        made.push(matrix);
        return matrix;
      };
      const q = make(heads * headDim);
      const out = make(heads * headDim);
      const page = {
        range: engine.buffers.range('bench/page', sizeBytes),
        firstToken: 0,
        capacity: tokens,
      };
      return {
        run: (sink) =>
          attention(sink, {
            q,
            out,
            numHeads: heads,
            kv: layout,
            pages: [page],
            firstToken: tokens - rows,
            scale: headDim ** -0.5,
          }),
        dispose: () => {
          for (const { range } of made) engine.buffers.destroy(range.buffer);
          engine.buffers.destroy(page.range.buffer);
        },
      };
    },
  };
}

/** What `npm run bench:kernels` measures. */
function benchCases(engine: EngineDevice): readonly Case[] {
  const matmuls: KernelChoices['matmul'][] = engine.features.subgroups
    ? ['lanes', 'register', 'shared']
    : ['register', 'shared'];
  const large = matmuls.flatMap((variant) =>
    (['f32', 'f16', 'int8', 'int4'] as const).flatMap((type) =>
      (type === 'f32' ? [512, 1024] : [512]).map((size) =>
        matmulCase(`matmul ${variant}`, { matmul: variant }, type, size, size, size),
      ),
    ),
  );
  const vectors = (['thread', 'lanes'] as const).flatMap((variant) =>
    (['f32', 'f16', 'int8', 'int4'] as const).map((type) =>
      matmulCase(`matvec ${variant}`, { matvec: variant }, type, 1, 1024, 1024),
    ),
  );
  return [
    ...large,
    matmulCase('matmul', {}, 'f32', 128, 1024, 256),
    ...vectors,
    attentionCase('f32', 128, 128, 8, 2, 32),
    attentionCase('f32', 1024, 1024, 8, 2, 32),
    attentionCase('f16', 256, 256, 16, 8, 128),
    attentionCase('f32', 1, 4096, 8, 2, 32),
    attentionCase('f16', 1, 4096, 16, 8, 128),
    attentionCase('int8', 1, 4096, 16, 8, 128),
  ];
}

/** Measures the kernels on an engine, one result at a time. Choices are put back afterwards. */
export async function benchKernels(
  engine: EngineDevice,
  report: (timing: KernelTiming) => void,
  options: BenchOptions = {},
): Promise<void> {
  const clock = options.clock ?? (() => performance.now());
  const recorder = new Recorder(engine, clock);
  const { choices } = engine;
  for (const test of benchCases(engine)) {
    if (options.only && !test.name.includes(options.only)) continue;
    engine.choices = { ...choices, ...test.choices };
    const { run, dispose } = test.prepare(engine);
    const collector = new PipelineCollector(engine);
    run(collector);
    const beforeCompile = clock();
    await engine.pipelines.prepare(collector.requests);
    const compileMs = clock() - beforeCompile;
    const once = async (): Promise<number> => {
      const start = clock();
      for (let i = 0; i < test.repeat; i++) run(recorder);
      recorder.submit();
      await recorder.settle();
      return (clock() - start) / test.repeat;
    };
    await once();
    const before = engine.counters.dispatches;
    const cpuBefore = options.cpuClock?.() ?? 0;
    const times: number[] = [];
    for (let i = 0; i < (options.runs ?? 5); i++) times.push(await once());
    const dispatches = (engine.counters.dispatches - before) / times.length / test.repeat;
    const cpuMs = options.cpuClock ? (options.cpuClock() - cpuBefore) / times.length / test.repeat : null;
    times.sort((a, b) => a - b);
    const medianMs = times[times.length >> 1] ?? 0;
    report({
      name: test.name,
      medianMs,
      minMs: times[0] ?? 0,
      compileMs,
      cpuMs,
      dispatches,
      gflops: test.flops / medianMs / 1e6,
      gigabytesPerSecond: test.bytes / medianMs / 1e6,
    });
    dispose();
    recorder.submit();
  }
  engine.choices = choices;
  recorder.dispose();
}
