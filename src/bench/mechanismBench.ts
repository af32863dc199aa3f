import type { EngineDevice } from '../gpu/device.ts';
import {
  defaultMechanismOptions,
  measureMechanism,
  planMechanism,
  sizesOf,
  type MechanismOptions,
} from '../mechanism/index.ts';
import { tokenHash, type MeasuredItem } from '../mechanism/items.ts';
import type { TokenRole } from '../mechanism/document.ts';
import { ModelSession } from '../model/session.ts';
import { largestBuffer, longContextConfig } from './contextBench.ts';
import { benchPrompt } from './modelBench.ts';
import { randomCheckpoint, tinyDenseConfig, tinyMoeConfig } from './randomCheckpoint.ts';
import type { BenchRow, ContextMemory } from './report.ts';
import type { BenchContext } from './runBench.ts';
import { timeInTurns } from './timing.ts';

const answerTokens = 64;

/** An item of random tokens: 16 pieces of evidence, every fourth gold, and an answer at the end. */
function benchItem(tokens: number, vocabSize: number): MeasuredItem {
  const ids = Uint32Array.from(benchPrompt(tokens, vocabSize));
  const context = tokens - answerTokens;
  const roles = Array.from({ length: tokens }, (_, t): TokenRole => (t < context ? 'context' : 'answer'));
  const evidence = Array.from({ length: 16 }, (_, p) => ({
    id: String(p),
    role: p % 4 === 0 ? ('gold' as const) : ('distractor' as const),
    start: Math.floor((p * context) / 16) + 8,
    end: Math.floor(((p + 1) * context) / 16),
  }));
  return { id: 'bench', hash: tokenHash(ids), kind: 'search', ids, evidence, roles };
}

const variants: readonly { readonly name: string; readonly options: MechanismOptions }[] = [
  {
    name: 'distance, entropy, gold mass of all queries',
    options: { ...defaultMechanismOptions, queries: 'all', statistics: 'core' },
  },
  { name: 'all statistics of 64 answer tokens', options: defaultMechanismOptions },
];

/** Prefill alone and with statistics, in turns, at 2,048 tokens: what measuring costs. */
export async function benchMechanism(context: BenchContext): Promise<BenchRow[]> {
  const tokens = Math.min(2048, context.maxContext);
  const rows: BenchRow[] = [];
  for (const [label, config] of [
    ['dense', tinyDenseConfig],
    ['moe', tinyMoeConfig],
  ] as const) {
    context.progress(`statistics beside prefill, ${label}`);
    const session = await ModelSession.load(context.engine, await randomCheckpoint(label, config), {
      weightType: 'f32',
      kvType: 'f32',
      contextLength: tokens,
      chunkTokens: 512,
    });
    const item = benchItem(tokens, session.checkpoint.config.vocabSize);
    const timings = await timeInTurns(
      [
        {
          name: 'alone',
          run: async () => {
            session.reset();
            await session.prefill(item.ids, { wantLogits: false });
            session.recorder.submit();
            await session.recorder.settle();
          },
        },
        ...variants.map(({ name, options }) => ({
          name,
          run: async () => void (await measureMechanism(session, [item], options)),
        })),
      ],
      context.repeats,
      undefined,
      (name, elapsedMs) => context.progress(`${label}: ${name} ${elapsedMs.toFixed(0)} ms`),
    );
    const alone = timings.get('alone')!;
    for (const [name, { medianMs, minMs, cpuMs, counts }] of timings) {
      const percent = (value: number, base: number): string => `${((value / base - 1) * 100).toFixed(1)} %`;
      rows.push({
        suite: 'mechanism',
        lane: context.lane,
        test: `${label} prefill ${tokens}`,
        engine: name === 'alone' ? 'prefill alone' : `with ${name}`,
        runsOn: 'gpu',
        medianMs,
        minMs,
        rate: (tokens * 1000) / medianMs,
        unit: 'tokens/s',
        counts,
        difference: NaN,
        correct: true,
        note:
          name === 'alone'
            ? ''
            : `adds ${percent(medianMs, alone.medianMs)} (fastest runs: ${percent(minMs, alone.minMs)}${Number.isNaN(cpuMs) ? '' : `; processor time: ${percent(cpuMs, alone.cpuMs)}`})`,
      });
    }
    session.destroy();
  }
  return rows;
}

/** Bytes of a session that measures one item of `tokens` tokens, all of them queries. */
async function measureLength(
  engine: EngineDevice,
  tokens: number,
  options: MechanismOptions,
): Promise<ContextMemory> {
  const checkpoint = await randomCheckpoint('long-context', { ...longContextConfig, num_hidden_layers: 1 });
  engine.scratch.clear();
  engine.buffers.sweep();
  const idle = engine.buffers.allocatedBytes;
  engine.buffers.resetPeak();
  const { result, largestBytes } = await largestBuffer(engine, async () => {
    const session = await ModelSession.load(engine, checkpoint, {
      weightType: 'f32',
      kvType: 'f32',
      contextLength: tokens,
      chunkTokens: 512,
    });
    const items = [benchItem(tokens, checkpoint.config.vocabSize)];
    const { memory } = session.plan;
    const extra = planMechanism(engine, checkpoint.config, memory.options, sizesOf(items, options), options);
    await measureMechanism(session, items, options);
    session.destroy();
    return { memory, plannedBytes: memory.totalBytes + extra.bufferBytes + extra.scratchBytes };
  });
  return {
    tokens,
    plannedBytes: result.plannedBytes,
    allocatedBytes: engine.buffers.peakBytes - idle,
    kvBytes: result.memory.kvBytes,
    largestBufferBytes: largestBytes,
  };
}

/** Memory of statistics at 8k, 16k, 32k … tokens. */
export async function benchMechanismMemory(context: BenchContext): Promise<ContextMemory[]> {
  const memory: ContextMemory[] = [];
  const options: MechanismOptions = { ...defaultMechanismOptions, queries: 'all', statistics: 'core' };
  for (let tokens = 8192; tokens <= context.maxContext; tokens *= 2) {
    context.progress(`statistics of ${tokens} tokens, all queries`);
    memory.push(await measureLength(context.engine, tokens, options));
  }
  return memory;
}
