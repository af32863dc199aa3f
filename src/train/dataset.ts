import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { ByteSource } from '../core/byteSource.ts';
import { InputError, throwIfCancelled, WorkbenchError } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';
import { Rng } from '../core/rng.ts';
import type { TrainConfig } from './config.ts';
import { readTrainingExample, splitTurns, type TrainingExample } from './conversation.ts';
import type { EncodedExample, ExampleEncoder } from './masks.ts';
import { packRows } from './pack.ts';
import type { TrainingRow } from './types.ts';

/** One example of a file: where it lies and what it takes. Its tokens are made when they are needed. */
export interface ExampleEntry {
  readonly id: string;
  /** Byte range of its line. */
  readonly start: number;
  readonly end: number;
  readonly line: number;
  /** Which of the line's learnt replies it is, from 0; null for the whole conversation. */
  readonly turn: number | null;
  readonly control: string | null;
  readonly heldOut: boolean;
  readonly tokens: number;
  readonly supervisedTokens: number;
  readonly hiddenReasoning: number;
}

/** An example that is not trained on, and why. */
export interface DroppedExample {
  readonly id: string;
  readonly line: number;
  readonly code: 'unreadable' | 'nothing-supervised' | 'too-long' | 'excluded';
  readonly reason: string;
  readonly tokens: number | null;
}

export interface IndexOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (doneBytes: number, totalBytes: number | null, examples: number) => void;
  /** Ids that the reader took out of the set. */
  readonly excluded?: ReadonlySet<string>;
  /** Ids held out by the reader, besides those marked in the file. */
  readonly heldOut?: ReadonlySet<string>;
  /** `together` where absent. */
  readonly turns?: TrainConfig['turns'];
}

const newline = 0x0a;
/** Longest line that is taken for an example; a 131,072-token context has under 1 MiB. */
const longestLine = 256 * 1024 * 1024;

/** Lines of a source with their byte ranges; blank ones are left out. */
async function* linesOf(
  source: ByteSource,
  onBytes: (bytes: Uint8Array) => void,
  signal: AbortSignal | undefined,
): AsyncGenerator<{ readonly text: string | null; readonly start: number; readonly end: number }> {
  const decoder = new TextDecoder();
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let position = 0;
  let start = 0;
  const take = (last: Uint8Array): string | null => {
    if (heldBytes + last.length > longestLine) return null;
    const text = held.map((part) => decoder.decode(part, { stream: true })).join('') + decoder.decode(last);
    return text;
  };
  for await (const chunk of source.stream(0, signal)) {
    throwIfCancelled(signal, 'reading the training data');
    onBytes(chunk);
    let from = 0;
    for (;;) {
      const at = chunk.indexOf(newline, from);
      if (at < 0) break;
      const text = take(chunk.subarray(from, at));
      if (text === null || text.trim() !== '') yield { text, start, end: position + at };
      held = [];
      heldBytes = 0;
      from = at + 1;
      start = position + from;
    }
    if (from < chunk.length) {
      heldBytes += chunk.length - from;
      // Too long to be an example: only its length is kept.
      if (heldBytes <= longestLine) held.push(chunk.slice(from));
      else held = [];
    }
    position += chunk.length;
  }
  if (heldBytes > 0) {
    const text = take(new Uint8Array(0));
    if (text === null || text.trim() !== '') yield { text, start, end: position };
  }
}

function parse(text: string | null, line: number): ReturnType<typeof readTrainingExample> {
  if (text === null) return { ok: false, reason: `the line is longer than ${longestLine} bytes` };
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    return { ok: false, reason: 'the line is not JSON' };
  }
  return readTrainingExample(value, `line ${line}`);
}

/**
 * A file of training examples (JSON lines), read once for lengths and hash. Only the index stays in memory; examples
 * are read and encoded again when a step needs them.
 */
export class TrainingData {
  readonly name: string;
  /** Of the file's bytes, hex. */
  readonly sha256: string;
  readonly entries: readonly ExampleEntry[];
  readonly dropped: readonly DroppedExample[];
  readonly encoder: ExampleEncoder;
  private readonly source: ByteSource;

  private constructor(
    source: ByteSource,
    encoder: ExampleEncoder,
    digest: string,
    entries: readonly ExampleEntry[],
    dropped: readonly DroppedExample[],
  ) {
    this.source = source;
    this.encoder = encoder;
    this.name = source.name;
    this.sha256 = digest;
    this.entries = entries;
    this.dropped = dropped;
  }

  /** Reads the whole file once. Bad lines are dropped and listed; a file without any example is refused. */
  static async index(
    source: ByteSource,
    encoder: ExampleEncoder,
    { signal, onProgress, excluded, heldOut, turns = 'together' }: IndexOptions = {},
  ): Promise<TrainingData> {
    const hash = sha256.create();
    const entries: ExampleEntry[] = [];
    const dropped: DroppedExample[] = [];
    let line = 0;
    let doneBytes = 0;
    const onBytes = (bytes: Uint8Array): void => {
      hash.update(bytes);
      doneBytes += bytes.length;
      onProgress?.(doneBytes, source.sizeBytes, entries.length);
    };
    for await (const { text, start, end } of linesOf(source, onBytes, signal)) {
      throwIfCancelled(signal, 'reading the training data');
      line++;
      const read = parse(text, line);
      if (!read.ok) {
        dropped.push({ id: `line ${line}`, line, code: 'unreadable', reason: read.reason, tokens: null });
        continue;
      }
      const { example } = read;
      if (excluded?.has(example.id)) {
        dropped.push({
          id: example.id,
          line,
          code: 'excluded',
          reason: 'excluded by the reader',
          tokens: null,
        });
        continue;
      }
      const isHeldOut = example.heldOut || (heldOut?.has(example.id) ?? false);
      const parts = partsOf(example, turns);
      for (const [index, one] of parts.entries()) {
        throwIfCancelled(signal, 'reading the training data');
        const { id } = one;
        let encoded: EncodedExample;
        try {
          encoded = encoder.encode(one);
        } catch (error) {
          if (!(error instanceof WorkbenchError)) throw error;
          dropped.push({ id, line, code: 'unreadable', reason: error.message, tokens: null });
          continue;
        }
        const { supervisedTokens, hiddenReasoning } = encoded;
        const tokens = encoded.ids.length;
        if (supervisedTokens === 0) {
          const reason = 'no token of it is learnt: no assistant message is trained on';
          dropped.push({ id, line, code: 'nothing-supervised', reason, tokens });
          continue;
        }
        entries.push({
          id,
          start,
          end,
          line,
          turn: one === example ? null : index,
          control: example.control,
          heldOut: isHeldOut,
          tokens,
          supervisedTokens,
          hiddenReasoning,
        });
        onProgress?.(doneBytes, source.sizeBytes, entries.length);
      }
    }
    if (entries.length === 0) {
      throw new InputError('no-examples', 'The file holds no example to train on', {
        where: source.name,
        expected: 'JSON lines with messages, as acc compile writes them',
        actual: dropped[0] ? `${dropped[0].id}: ${dropped[0].reason}` : 'an empty file',
      });
    }
    return new TrainingData(source, encoder, bytesToHex(hash.digest()), entries, dropped);
  }

  /** The example of an entry, read from the file again. */
  async read(entry: ExampleEntry): Promise<TrainingExample> {
    const bytes = await this.source.read(entry.start, entry.end);
    const read = parse(new TextDecoder().decode(bytes), entry.line);
    if (!read.ok) {
      throw new InputError('data-changed', 'The training data changed while it was in use', {
        where: `${this.name}, line ${entry.line}`,
        actual: read.reason,
        advice: 'start again with the file as it is now',
      });
    }
    const { example } = read;
    if (entry.turn === null || example.type !== 'conversation') return example;
    return splitTurns(example)[entry.turn] ?? example;
  }

  async encode(entry: ExampleEntry): Promise<EncodedExample> {
    const encoded = this.encoder.encode(await this.read(entry));
    if (encoded.ids.length !== entry.tokens || encoded.supervisedTokens !== entry.supervisedTokens) {
      throw new InputError('data-changed', 'The training data changed while it was in use', {
        where: `${this.name}, line ${entry.line}`,
        advice: 'start again with the file as it is now',
      });
    }
    return encoded;
  }
}

/** A conversation whole, or where each reply is learnt apart, as often as there are several. */
function partsOf(example: TrainingExample, turns: TrainConfig['turns']): readonly TrainingExample[] {
  if (turns === 'together' || example.type !== 'conversation') return [example];
  const parts = splitTurns(example);
  return parts.length > 1 ? parts : [example];
}

/** Which examples are trained on, which are held out, and how they lie in rows. */
export interface RowPlan {
  /** Entries by row. */
  readonly rows: readonly (readonly ExampleEntry[])[];
  readonly heldOut: readonly ExampleEntry[];
  readonly dropped: readonly DroppedExample[];
  readonly trainedTokens: number;
  readonly trainedSupervisedTokens: number;
  readonly rowsPerStep: number;
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
}

/**
 * Splits, checks lengths and packs.
 * @throws InputError when examples are too long and the policy is to refuse, or nothing is left
 */
export function planRows(data: TrainingData, config: TrainConfig): RowPlan {
  const tooLong = data.entries.filter(({ tokens }) => tokens > config.maxLength);
  if (tooLong.length > 0 && config.overLength === 'refuse') {
    const longest = tooLong.reduce((a, b) => (b.tokens > a.tokens ? b : a));
    throw new InputError(
      'examples-too-long',
      `${tooLong.length} of ${data.entries.length} examples are too long`,
      {
        where: data.name,
        expected: `at most ${config.maxLength} tokens`,
        actual: `${longest.tokens} in ${longest.id} (line ${longest.line})`,
        advice: `raise "maxLength", or set "overLength" to "drop" to leave them out (they are listed in the run record)`,
      },
    );
  }
  const dropped = [
    ...data.dropped,
    ...tooLong.map(({ id, line, tokens }): DroppedExample => ({
      id,
      line,
      code: 'too-long',
      reason: `${tokens} tokens, the limit is ${config.maxLength}`,
      tokens,
    })),
  ];
  const fitting = data.entries.filter(({ tokens }) => tokens <= config.maxLength);
  const marked = fitting.filter(({ heldOut }) => heldOut);
  let rest = fitting.filter(({ heldOut }) => !heldOut);
  let drawn: readonly ExampleEntry[] = [];
  // Turns of one conversation stay on one side.
  const lines = [...new Set(rest.map(({ line }) => line))];
  if (config.evalShare > 0 && lines.length > 1) {
    const count = Math.min(lines.length - 1, Math.max(1, Math.round(config.evalShare * lines.length)));
    const chosen = new Set(new Rng(`${config.seed}/held-out`).shuffle(lines).slice(0, count));
    drawn = rest.filter(({ line }) => chosen.has(line));
    rest = rest.filter(({ line }) => !chosen.has(line));
  }
  if (rest.length === 0) {
    throw new InputError('no-examples', 'No example is left to train on', {
      where: data.name,
      actual: `${data.entries.length} read, ${tooLong.length} too long, ${marked.length} held out`,
      advice: 'raise "maxLength", or give data that is not held out',
    });
  }
  const rows = config.packing
    ? packRows(
        rest.map(({ tokens }) => tokens),
        config.maxLength,
      ).map((indices) => indices.map((index) => rest[index]!))
    : rest.map((entry) => [entry]);
  const rowsPerStep = config.batchSize * config.gradAccumSteps;
  const stepsPerEpoch = Math.ceil(rows.length / rowsPerStep);
  return {
    rows,
    heldOut: [...marked, ...drawn],
    dropped,
    trainedTokens: rest.reduce((sum, { tokens }) => sum + tokens, 0),
    trainedSupervisedTokens: rest.reduce((sum, entry) => sum + entry.supervisedTokens, 0),
    rowsPerStep,
    stepsPerEpoch,
    totalSteps: config.steps ?? stepsPerEpoch * (config.epochs ?? 1),
  };
}

/** The rows of a step, by batch: `gradAccumSteps` batches of `batchSize` rows; the last step of an epoch may have fewer. */
export class RowOrder {
  private epoch = -1;
  private order: readonly number[] = [];
  private readonly plan: RowPlan;
  private readonly config: TrainConfig;

  constructor(plan: RowPlan, config: TrainConfig) {
    this.plan = plan;
    this.config = config;
  }

  /** @param step from 0 */
  at(step: number): { readonly epoch: number; readonly batches: readonly (readonly number[])[] } {
    const { rows, stepsPerEpoch, rowsPerStep } = this.plan;
    const epoch = Math.floor(step / stepsPerEpoch);
    if (epoch !== this.epoch) {
      const indices = rows.map((_, index) => index);
      const { shuffle, seed } = this.config;
      this.order = shuffle ? new Rng(`${seed}/order/${epoch}`).shuffle(indices) : indices;
      this.epoch = epoch;
    }
    const first = (step % stepsPerEpoch) * rowsPerStep;
    const window = this.order.slice(first, first + rowsPerStep);
    const batches: number[][] = [];
    for (let at = 0; at < window.length; at += this.config.batchSize) {
      batches.push(window.slice(at, at + this.config.batchSize));
    }
    return { epoch, batches };
  }
}

/** One row of the model's input from the documents that lie in it. */
export function joinRow(
  documents: readonly EncodedExample[],
  weighting: TrainConfig['lossWeighting'],
): TrainingRow {
  const total = documents.reduce((sum, { ids }) => sum + ids.length, 0);
  const ids = new Uint32Array(total);
  const labels = new Int32Array(total);
  const tokenWeights = weighting === 'sequence' ? new Float32Array(total) : null;
  const documentStarts: number[] = [];
  let at = 0;
  for (const document of documents) {
    documentStarts.push(at);
    ids.set(document.ids, at);
    labels.set(document.labels, at);
    // Each example's tokens share a weight of one.
    tokenWeights?.fill(1 / Math.max(1, document.supervisedTokens), at, at + document.ids.length);
    at += document.ids.length;
  }
  return { ids, labels, documentStarts, ...(tokenWeights ? { tokenWeights } : {}) };
}
