import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { outcomeFrom, outcomeHead, type OutcomeHead } from '../compile/outcomeJson.ts';
import { InputError } from '../core/errors.ts';
import type { Issue } from '../trajectories/schema.ts';
import type { MapperFacts } from './compileMapperThread.ts';
import { linesOf } from './fileLines.ts';
import type { LineEvent, LineResult } from './lineReader.ts';

const shardFormat = 'acc-compile-shard';
const chunkBytes = 1 << 18;

/** First line of a shard's file. */
export interface ShardHeader {
  /** SHA-256 of the plan. */
  readonly plan: string;
  readonly shard: number;
  readonly facts: MapperFacts;
}

/** A line that stands before the events of a range of lines, or of some of the runs of whole files. */
interface RangeHead {
  readonly range: number;
  readonly isRegular: boolean;
  readonly events: number;
}

/** An event without its example's line, which follows on a line of its own. */
type EventHead =
  | { readonly issue: Issue }
  | {
      readonly id: string;
      readonly record: number;
      readonly draft: number;
      readonly outcome: OutcomeHead;
    };

/**
 * Writes the result of one shard as JSON lines. It appears under its name only when it is complete, so a process
 * that is killed leaves nothing that counts, and two that did the same shard leave the same bytes.
 */
export class ShardWriter {
  private readonly path: string;
  private readonly part: string;
  private readonly file: FileHandle;
  private waiting: (string | Uint8Array)[] = [];
  private waitingLength = 0;
  private lines = 0;

  private constructor(path: string, part: string, file: FileHandle) {
    this.path = path;
    this.part = part;
    this.file = file;
  }

  static async open(path: string, header: ShardHeader): Promise<ShardWriter> {
    const part = `${path}.${process.pid}-${Math.trunc(performance.timeOrigin)}.part`;
    const writer = new ShardWriter(path, part, await open(part, 'w'));
    await writer.line(JSON.stringify({ format: shardFormat, ...header }));
    return writer;
  }

  /** The events of one range, in order. */
  async range(range: number, { isRegular, events }: LineResult): Promise<void> {
    await this.line(JSON.stringify({ range, isRegular, events: events.length } satisfies RangeHead));
    for (const event of events) {
      if ('issue' in event) {
        await this.line(JSON.stringify(event));
        continue;
      }
      const { outcome } = event;
      await this.line(JSON.stringify({ ...event, outcome: outcomeHead(outcome) } satisfies EventHead));
      if ('line' in outcome) await this.line(outcome.line);
    }
  }

  async finish(): Promise<void> {
    await this.line(JSON.stringify({ end: this.lines }));
    await this.flush();
    await this.file.close();
    await rename(this.part, this.path);
  }

  /** After a failure: nothing half-written stays. */
  async abandon(): Promise<void> {
    await this.file.close().catch(() => undefined);
    await rm(this.part, { force: true });
  }

  private async line(text: string | Uint8Array): Promise<void> {
    this.waiting.push(text, '\n');
    this.waitingLength += text.length + 1;
    this.lines++;
    if (this.waitingLength >= chunkBytes) await this.flush();
  }

  private async flush(): Promise<void> {
    if (this.waiting.length === 0) return;
    const bytes = Buffer.concat(
      this.waiting.map((part) => (typeof part === 'string' ? Buffer.from(part, 'utf8') : part)),
    );
    this.waiting = [];
    this.waitingLength = 0;
    await this.file.write(bytes);
  }
}

/** Reads a shard's file, a range at a time. @throws InputError when it is not a whole result of this plan */
export class ShardReader {
  private readonly path: string;
  private readonly lines: AsyncGenerator<Buffer>;
  readonly header: ShardHeader;

  private constructor(path: string, lines: AsyncGenerator<Buffer>, header: ShardHeader) {
    this.path = path;
    this.lines = lines;
    this.header = header;
  }

  static async open(path: string, plan: string): Promise<ShardReader> {
    const lines = linesOf(path);
    const first = await lines.next();
    const header = parse<ShardHeader & { format?: string }>(path, first.done ? Buffer.alloc(0) : first.value);
    if (header.format !== shardFormat || header.plan !== plan) {
      await lines.return(undefined);
      throw new InputError('foreign-shard', 'the file is no result of this plan', {
        where: path,
        advice: 'remove it and map the shard again',
      });
    }
    return new ShardReader(path, lines, header);
  }

  /** The next range; null after the last. */
  async next(): Promise<LineResult | null> {
    const head = parse<RangeHead | { end: number }>(this.path, await this.line());
    if ('end' in head) {
      await this.close();
      return null;
    }
    const events: LineEvent[] = [];
    for (let count = 0; count < head.events; count++) events.push(await this.event());
    return { isRegular: head.isRegular, events };
  }

  async close(): Promise<void> {
    await this.lines.return(undefined);
  }

  private async event(): Promise<LineEvent> {
    const event = parse<EventHead>(this.path, await this.line());
    if ('issue' in event) return event;
    const { outcome } = event;
    const line = 'rejection' in outcome ? null : (await this.line()).toString('utf8');
    return { ...event, outcome: outcomeFrom(outcome, line) };
  }

  private async line(): Promise<Buffer> {
    const next = await this.lines.next();
    if (next.done)
      throw new InputError('cut-shard', 'the file ends before its end', {
        where: this.path,
        advice: 'remove it and map the shard again',
      });
    return next.value;
  }
}

/** True when the file is a whole result of this plan, told by its first and last line. */
export async function isFinished(path: string, plan: string): Promise<boolean> {
  try {
    await (await ShardReader.open(path, plan)).close();
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const tail = Buffer.alloc(Math.min(size, 64));
      await file.read(tail, 0, tail.length, size - tail.length);
      return /\n\{"end":\d+\}\n$/.test(tail.toString('latin1'));
    } finally {
      await file.close();
    }
  } catch {
    return false;
  }
}

function parse<Value>(path: string, bytes: Buffer): Value {
  try {
    return JSON.parse(bytes.toString('utf8')) as Value;
  } catch {
    throw new InputError('damaged-shard', 'a line of the file is no JSON', {
      where: path,
      advice: 'remove it and map the shard again',
    });
  }
}
