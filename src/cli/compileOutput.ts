import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { linesOf } from './fileLines.ts';
import type { CompileSink } from '../compile/setReducer.ts';

const newline = 0x0a;
/** Bytes gathered before they are written. */
const chunkBytes = 4 << 20;

export interface WrittenFile {
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly lines: number;
}

/** Encodes lines into one of two buffers while the other is written, and hashes them on the way. */
class LineFile {
  private readonly handle: FileHandle;
  private readonly hash = createHash('sha256');
  private filling = Buffer.allocUnsafeSlow(chunkBytes);
  private spare = Buffer.allocUnsafeSlow(chunkBytes);
  private used = 0;
  private writing: Promise<unknown> = Promise.resolve();
  bytes = 0;
  lines = 0;

  constructor(handle: FileHandle) {
    this.handle = handle;
  }

  /** @param line without its end */
  async add(line: string | Uint8Array): Promise<void> {
    // A UTF-16 unit has at most three bytes.
    const most = (typeof line === 'string' ? line.length * 3 : line.length) + 1;
    if (this.used + most > chunkBytes) await this.flush();
    if (most > this.filling.length) this.filling = Buffer.allocUnsafeSlow(most);
    if (typeof line === 'string') this.used += this.filling.write(line, this.used);
    else {
      this.filling.set(line, this.used);
      this.used += line.length;
    }
    this.filling[this.used++] = newline;
    this.lines++;
  }

  async close(): Promise<string> {
    await this.flush();
    await this.writing;
    await this.handle.close();
    return this.hash.digest('hex');
  }

  private async flush(): Promise<void> {
    if (this.used === 0) return;
    const full = this.filling;
    const bytes = full.subarray(0, this.used);
    this.hash.update(bytes);
    this.bytes += bytes.length;
    await this.writing;
    this.writing = this.handle.writeFile(bytes);
    // A failure is met by whoever waits next; until then it must not count as unhandled.
    this.writing.catch(() => undefined);
    this.filling = this.spare.length === chunkBytes ? this.spare : Buffer.allocUnsafeSlow(chunkBytes);
    this.spare = full;
    this.used = 0;
  }
}

/** The output folder. Files appear under their names only when they are complete. */
export class OutputFolder implements CompileSink {
  private readonly folder: string;
  private readonly file: LineFile;

  private constructor(folder: string, file: LineFile) {
    this.folder = folder;
    this.file = file;
  }

  static async open(folder: string): Promise<OutputFolder> {
    await mkdir(folder, { recursive: true });
    return new OutputFolder(folder, new LineFile(await open(join(folder, 'examples.jsonl.part'), 'w')));
  }

  example(line: string | Uint8Array): Promise<void> {
    return this.file.add(line);
  }

  /** Ends `examples.jsonl`; with ids of an evaluation split, those go to `examples.eval.jsonl`. */
  async finish(evalIds: ReadonlySet<string> | null): Promise<WrittenFile> {
    const sha256 = await this.file.close();
    const part = join(this.folder, 'examples.jsonl.part');
    await rm(join(this.folder, 'examples.eval.jsonl'), { force: true });
    if (evalIds === null) {
      await rename(part, join(this.folder, 'examples.jsonl'));
      return { file: 'examples.jsonl', sha256, bytes: this.file.bytes, lines: this.file.lines };
    }
    const train = new LineFile(await open(join(this.folder, 'examples.jsonl'), 'w'));
    const held = new LineFile(await open(join(this.folder, 'examples.eval.jsonl'), 'w'));
    for await (const line of linesOf(part)) {
      await (evalIds.has(idOf(line)) ? held : train).add(line);
    }
    await held.close();
    const hash = await train.close();
    await rm(part, { force: true });
    return { file: 'examples.jsonl', sha256: hash, bytes: train.bytes, lines: train.lines };
  }

  async write(name: string, text: string): Promise<void> {
    await writeFile(join(this.folder, name), text);
  }

  /** After a failure: nothing half-written stays. */
  async abandon(): Promise<void> {
    await this.file.close().catch(() => '');
    await rm(join(this.folder, 'examples.jsonl.part'), { force: true });
  }
}

/** The id of an example's line: its first key, of which only the beginning is decoded. */
function idOf(line: Buffer): string {
  for (let length = 256; ; length *= 8) {
    const id = /^\{"id":("(?:[^"\\]|\\.)*")/.exec(line.toString('utf8', 0, length))?.[1];
    if (id !== undefined) return JSON.parse(id) as string;
    if (length >= line.length) return '';
  }
}

/** Filter mode: examples go to standard output, nothing else is written. */
export class StandardOutput implements CompileSink {
  private isClosed = false;

  constructor() {
    // A closed pipe (`| head`) ends the output, not the command; the write's callback reports it as well.
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      this.isClosed = true;
    });
  }

  example(line: string | Uint8Array): Promise<void> {
    if (this.isClosed) return Promise.resolve();
    const text = typeof line === 'string' ? `${line}\n` : Buffer.concat([line, Buffer.of(newline)]);
    return new Promise((resolve) => process.stdout.write(text, () => resolve()));
  }
}
