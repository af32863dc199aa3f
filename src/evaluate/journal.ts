import { InputError } from '../core/errors.ts';
import { canonicalJson, isObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { jsonLines } from './jsonLines.ts';
import type { ByteSource } from '../core/byteSource.ts';
import type { BenchmarkId } from './benchmark.ts';

/** What makes two runs the same run: equal identities may share a journal, others never. */
export interface RunIdentity {
  readonly benchmark: BenchmarkId;
  /** sha256 of the benchmark file, hex. */
  readonly dataSha256: string;
  /** Name and settings of the subject, never its key. */
  readonly subject: JsonObject;
  readonly seeds: readonly number[];
  /** Sampling, limits, and which items were asked. */
  readonly options: JsonObject;
}

/** First 16 hex digits of sha256 of the identity's canonical JSON. */
export function identityHash(identity: RunIdentity): string {
  return bytesToHex(sha256(utf8ToBytes(canonicalJson(identity as unknown as JsonValue)))).slice(0, 16);
}

/** One answered question, or one that was given up. */
export interface JournalEntry {
  readonly index: number;
  readonly seed: number;
  /** What is graded; null for a failure, and for private benchmarks. */
  readonly response: string | null;
  /** Reasoning that was stripped before grading; null when there was none. */
  readonly thinking: string | null;
  /** Why the subject stopped: its own end, the token limit, or the failure's message. */
  readonly finish: 'stop' | 'length' | 'failed';
  readonly error: string | null;
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  readonly elapsedMs: number;
  /** Requests made for it, 1 when the first succeeded. */
  readonly attempts: number;
  /** For private benchmarks instead of the response: its hash and how it was graded. */
  readonly sha256: string | null;
  readonly graded: JsonObject | null;
}

/** A file that only grows; what was appended before a crash is there after it. */
export interface JournalFile {
  /** The bytes so far; null when there are none. */
  open(): Promise<ByteSource | null>;
  /** Appends a whole line (its line end included) and resolves when it is stored. */
  append(line: string): Promise<void>;
}

const journalFormat = 'acc-evaluation-journal/1';

function textOrNull(value: JsonValue | undefined): string | null {
  return typeof value === 'string' ? value : null;
}
function numberOrNull(value: JsonValue | undefined): number | null {
  return typeof value === 'number' ? value : null;
}

function readEntry(value: JsonValue): JournalEntry | null {
  if (!isObject(value)) return null;
  const { index, seed, finish } = value;
  if (typeof index !== 'number' || typeof seed !== 'number') return null;
  if (finish !== 'stop' && finish !== 'length' && finish !== 'failed') return null;
  return {
    index,
    seed,
    finish,
    response: textOrNull(value['response']),
    thinking: textOrNull(value['thinking']),
    error: textOrNull(value['error']),
    promptTokens: numberOrNull(value['promptTokens']),
    completionTokens: numberOrNull(value['completionTokens']),
    elapsedMs: numberOrNull(value['elapsedMs']) ?? 0,
    attempts: numberOrNull(value['attempts']) ?? 1,
    sha256: textOrNull(value['sha256']),
    graded: isObject(value['graded']) ? value['graded'] : null,
  };
}

function keyOf(index: number, seed: number): string {
  return `${index}/${seed}`;
}

/**
 * The responses of a run, appended one by one. A line that a crash cut in half is passed over, and the question
 * counts as not answered; everything before it is kept.
 */
export class Journal {
  /** Byte range of each answered question's line. */
  private readonly places = new Map<string, { start: number; end: number; failed: boolean }>();
  private size = 0;
  private endsLine = true;
  private writing: Promise<void> = Promise.resolve();

  private constructor(private readonly file: JournalFile) {}

  /** Opens a journal, or begins one. Throws `InputError` when the file belongs to another run. */
  static async open(file: JournalFile, identity: RunIdentity): Promise<Journal> {
    const journal = new Journal(file);
    const hash = identityHash(identity);
    const source = await file.open();
    let hasHead = false;
    if (source) {
      for await (const line of jsonLines(source)) {
        const isWhole = (await source.read(line.end - 1, line.end))[0] === 10;
        journal.size = line.end;
        journal.endsLine = isWhole;
        let value: JsonValue;
        try {
          value = JSON.parse(line.text) as JsonValue;
        } catch {
          continue;
        }
        if (!hasHead) {
          const found =
            isObject(value) && value['format'] === journalFormat ? textOrNull(value['identityHash']) : null;
          if (found !== hash) {
            throw new InputError('other-run', 'The folder holds the responses of another run', {
              where: source.name,
              expected: hash,
              actual: found ?? 'no journal of this program',
              advice: 'choose another output folder, or the options of that run',
            });
          }
          hasHead = true;
          continue;
        }
        const entry = readEntry(value);
        if (entry) journal.place(entry, line.start, line.end);
      }
    }
    if (!hasHead) {
      await journal.write(JSON.stringify({ format: journalFormat, identityHash: hash, identity }));
    }
    return journal;
  }

  private place(entry: JournalEntry, start: number, end: number): void {
    const key = keyOf(entry.index, entry.seed);
    // An answer is never replaced by a later failure.
    if (entry.finish === 'failed' && this.places.get(key)?.failed === false) return;
    this.places.set(key, { start, end, failed: entry.finish === 'failed' });
  }

  private async write(text: string): Promise<{ start: number; end: number }> {
    const line = `${this.endsLine ? '' : '\n'}${text}\n`;
    const start = this.size + (this.endsLine ? 0 : 1);
    const end = this.size + utf8ToBytes(line).length;
    this.size = end;
    this.endsLine = true;
    this.writing = this.writing.then(() => this.file.append(line));
    await this.writing;
    return { start, end };
  }

  /** Stores an answer; resolves when it is safe. */
  async add(entry: JournalEntry): Promise<void> {
    const { start, end } = await this.write(JSON.stringify(entry));
    this.place(entry, start, end);
  }

  /** Questions answered; failures count apart. */
  get answered(): number {
    let count = 0;
    for (const place of this.places.values()) if (!place.failed) count++;
    return count;
  }

  /** `answered`, `failed`, or null when it was not asked to the end. */
  state(index: number, seed: number): 'answered' | 'failed' | null {
    const place = this.places.get(keyOf(index, seed));
    return place ? (place.failed ? 'failed' : 'answered') : null;
  }

  /** The stored entry; null when there is none. */
  async read(index: number, seed: number): Promise<JournalEntry | null> {
    const place = this.places.get(keyOf(index, seed));
    const source = place ? await this.file.open() : null;
    if (!place || !source) return null;
    const text = new TextDecoder().decode(await source.read(place.start, place.end));
    return readEntry(JSON.parse(text) as JsonValue);
  }
}
