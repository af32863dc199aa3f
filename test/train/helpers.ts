import { CancelledError } from '../../src/core/errors.ts';
import { newCounters } from '../../src/gpu/counters.ts';
import { GpuDeviceLostError } from '../../src/gpu/errors.ts';
import type { AdapterChoices } from '../../src/gpu/variants.ts';
import type { Adapter } from '../../src/model/adapter.ts';
import { ChatTemplate } from '../../src/tokenizer/chatTemplate.ts';
import { loadTokenizer } from '../../src/tokenizer/loadTokenizer.ts';
import { qwen3Template } from '../../src/tokenizer/qwen3Template.ts';
import type { Tokenizer } from '../../src/tokenizer/types.ts';
import { readTrainConfig, type TrainConfig } from '../../src/train/config.ts';
import { readTrainingExample, type ConversationExample } from '../../src/train/conversation.ts';
import { planRows, TrainingData, type IndexOptions } from '../../src/train/dataset.ts';
import { ExampleEncoder } from '../../src/train/masks.ts';
import { TrainingRun, type RunHandlers, type RunTrainer } from '../../src/train/run.ts';
import { FolderRunStore, type RunFolder } from '../../src/train/runStore.ts';
import type { EvaluationReport, StepReport, TrainerState, TrainingRow } from '../../src/train/types.ts';
import type { JsonValue } from '../../src/core/json.ts';
import { bytesSource } from '../helpers/checkpoint.ts';
import { readQwen3Json } from '../helpers/tokenizers.ts';

let tokenizer: Tokenizer | undefined;

/** Qwen3's tokenizer with its template, in our words unless another is given. */
export function qwenEncoder(template = qwen3Template, superviseNewline = false): ExampleEncoder {
  tokenizer ??= loadTokenizer(readQwen3Json(), 'qwen3');
  return new ExampleEncoder(tokenizer, new ChatTemplate(template), ['<|im_end|>', '<|endoftext|>'], {
    superviseNewline,
  });
}

export function conversation(row: JsonValue): ConversationExample {
  const read = readTrainingExample(row, 'row');
  if (!read.ok || read.example.type !== 'conversation') throw new Error('no conversation');
  return read.example;
}

/** A compiled example of about `words` words. */
export function exampleLine(id: string, words: number, more: Record<string, JsonValue> = {}): string {
  const context = Array.from({ length: words }, (_, i) => `word${(i * 7919) % 100}`).join(' ');
  return JSON.stringify({
    id,
    messages: [
      { role: 'user', content: `${context}\n\nWhat is ${id}?` },
      { role: 'assistant', content: `<think>\nIt says so.\n</think>\n\nIt is ${id}.` },
    ],
    flags: [],
    ...more,
  });
}

export function indexLines(
  lines: readonly string[],
  encoder = qwenEncoder(),
  options: IndexOptions = {},
): Promise<TrainingData> {
  const bytes = new TextEncoder().encode(lines.join('\n'));
  return TrainingData.index(bytesSource('data.jsonl', bytes), encoder, options);
}

/** A folder of a run in memory. */
export class MemoryRunFolder implements RunFolder {
  constructor(
    readonly files = new Map<string, Uint8Array>(),
    private readonly path = '',
  ) {}

  folder(name: string): MemoryRunFolder {
    return new MemoryRunFolder(this.files, `${this.path}${name}/`);
  }
  write(name: string, pieces: Iterable<Uint8Array>): Promise<void> {
    this.files.set(this.path + name, Uint8Array.from([...pieces].flatMap((piece) => [...piece])));
    return Promise.resolve();
  }
  open(name: string): ReturnType<RunFolder['open']> {
    const bytes = this.files.get(this.path + name);
    return Promise.resolve(bytes ? { ...bytesSource(name, bytes), close: () => Promise.resolve() } : null);
  }
  append(name: string, text: string): Promise<void> {
    const before = this.files.get(this.path + name) ?? new Uint8Array(0);
    return this.write(name, [before, new TextEncoder().encode(text)]);
  }
  text(name: string): string {
    return new TextDecoder().decode(this.files.get(this.path + name));
  }
}

export interface FakeFaults {
  /** Steps (from 1) whose loss is not a number. */
  readonly notFiniteAt?: number;
  /** The device is lost in this step, once. */
  loseAt?: number;
  readonly loseAlways?: boolean;
  /** Held-out losses to give in turn, instead of computing them. */
  readonly heldOut?: readonly number[];
}

/** What a fake trainer says it computes with where no others are asked for. */
export const fakeKernels: AdapterChoices = {
  adapter: 'fake',
  choices: {
    matmul: 'register',
    sharedTiles: 'f32',
    matvec: 'thread',
    attention: 'thread',
    rowThreads: 1,
    headThreads: 1,
    flatThreads: 16,
    attentionWorkgroups: 8,
    subgroups: false,
  },
};

/** A trainer without a model: two numbers chase the mean label by AdamW-like rules that never repeat a state. */
export class FakeTrainer implements RunTrainer {
  steps = 0;
  a = Float32Array.of(0.5, -0.25);
  b = Float32Array.of(0, 0);
  m = Float32Array.of(0, 0);
  private evaluations = 0;

  constructor(
    private readonly faults: FakeFaults = {},
    readonly seen: number[][] = [],
    readonly kernels: AdapterChoices = fakeKernels,
  ) {}

  step(
    batches: readonly (readonly TrainingRow[])[],
    learningRate: number,
    signal?: AbortSignal,
  ): Promise<StepReport> {
    if (signal?.aborted) return Promise.reject(new CancelledError('the step'));
    if (this.faults.loseAlways || this.faults.loseAt === this.steps + 1) {
      delete this.faults.loseAt;
      return Promise.reject(new GpuDeviceLostError('unknown', 'a test'));
    }
    const rows = batches.flat();
    const finite = this.faults.notFiniteAt !== this.steps + 1;
    let supervisedTokens = 0;
    let processedTokens = 0;
    let sum = 0;
    for (const { ids, labels } of rows) {
      processedTokens += ids.length;
      for (const label of labels) {
        if (label < 0) continue;
        supervisedTokens++;
        sum += label;
      }
    }
    this.seen.push(rows.map(({ ids }) => ids.length));
    if (finite) {
      const target = (sum / supervisedTokens) % 1;
      for (const array of [this.a, this.b]) {
        for (let i = 0; i < array.length; i++) {
          this.m[i] = 0.9 * this.m[i]! + (array[i]! - target);
          array[i] = array[i]! - learningRate * this.m[i]!;
        }
      }
      this.steps++;
    }
    return Promise.resolve({
      step: this.steps,
      loss: finite ? Math.abs(this.b[0]! - 1) : NaN,
      gradNorm: 1,
      learningRate,
      supervisedTokens,
      processedTokens,
      tokenAccuracy: 0,
      entropy: 0,
      auxLoss: null,
      zLoss: null,
      expertLoad: null,
      finite,
      elapsedMs: 1,
      counters: newCounters(),
    });
  }

  evaluate(rows: readonly TrainingRow[]): Promise<EvaluationReport> {
    const given = this.faults.heldOut?.[this.evaluations++];
    const weightSum = rows.reduce((sum, { labels }) => sum + labels.filter((label) => label >= 0).length, 0);
    const loss = given ?? Math.abs(this.b[0]! - 1);
    return Promise.resolve({
      lossSum: loss * weightSum,
      weightSum,
      supervisedTokens: weightSum,
      correctTokens: 0,
    });
  }

  adapter(): Promise<Adapter> {
    const pair = { a: this.a.slice(), b: this.b.slice(), rank: 1, inFeatures: 2, outFeatures: 2, scale: 2 };
    return Promise.resolve({
      name: 'fake',
      sha256: '',
      baseModel: null,
      pairs: new Map([['model.layers.0.self_attn.q_proj', pair]]),
    });
  }

  state(): Promise<TrainerState> {
    const tensors = {
      rank: 1,
      inFeatures: 2,
      outFeatures: 2,
      loraA: this.a.slice(),
      loraB: this.b.slice(),
      mA: this.m.slice(),
      mB: this.m.slice(),
      vA: this.m.slice(),
      vB: this.m.slice(),
    };
    return Promise.resolve({
      step: this.steps,
      tensors: new Map([['model.layers.0.self_attn.q_proj', tensors]]),
    });
  }

  restore({ step, tensors }: TrainerState): void {
    const held = tensors.get('model.layers.0.self_attn.q_proj')!;
    this.steps = step;
    this.a = held.loraA.slice();
    this.b = held.loraB.slice();
    this.m = held.mA.slice();
  }
}

/** A run over made-up examples with a fake trainer. */
export async function fakeRun(
  lines: readonly string[],
  given: Partial<Record<keyof TrainConfig, JsonValue>>,
  options: {
    readonly folder?: MemoryRunFolder;
    readonly faults?: FakeFaults;
    readonly handlers?: RunHandlers;
    readonly identity?: string;
    readonly templateSha256?: string;
    /** Of the trainers that are opened, where the run asks for none. */
    readonly kernels?: AdapterChoices;
  } = {},
): Promise<{
  run: TrainingRun;
  folder: MemoryRunFolder;
  seen: number[][];
  /** Kernels that the run asked its trainers for. */
  asked: (AdapterChoices | null)[];
}> {
  const config = readTrainConfig(given);
  const data = await indexLines(lines);
  const folder = options.folder ?? new MemoryRunFolder();
  const seen: number[][] = [];
  const asked: (AdapterChoices | null)[] = [];
  const faults = options.faults ?? {};
  const run = new TrainingRun(
    {
      config,
      data,
      plan: planRows(data, config),
      openTrainer: (kernels) => {
        asked.push(kernels);
        return Promise.resolve(new FakeTrainer(faults, seen, kernels ?? options.kernels));
      },
      store: new FolderRunStore(
        folder,
        options.identity ?? 'this run',
        { baseModel: 'fake', expertCount: null, layerCount: 1 },
        options.templateSha256,
      ),
      flopsOf: (lengths) => lengths.reduce((sum, n) => sum + n, 0),
      clock: () => 0,
    },
    options.handlers ?? {},
  );
  return { run, folder, seen, asked };
}
