import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { linesOf } from './fileLines.ts';
import type { CompileSink } from '../compile/setReducer.ts';
import { InputError } from '../core/errors.ts';
import { cannotWrite, makeFolder } from './outputFile.ts';

const newline = 0x0a;
/** Bytes gathered before they are written. */
const chunkBytes = 4 << 20;

export interface WrittenFile {
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly lines: number;
}

/** Files of a set that this module knows by name. */
const outputFiles = {
  examples: 'examples.jsonl',
  evaluation: 'examples.eval.jsonl',
  recipe: 'recipe.json',
  card: 'README.md',
} as const;

/**
 * Makes the folder of a set to come. Throws `InputError` where it cannot be written to, and where it holds a README.md
 * that is no card of a set.
 */
export async function checkOutputFolder(folder: string): Promise<void> {
  await makeFolder(folder);
  const has = (name: string): boolean => existsSync(join(folder, name));
  if (!has(outputFiles.card) || has(outputFiles.recipe)) return;
  throw new InputError('foreign-file', `the folder holds a ${outputFiles.card} that no compilation wrote`, {
    where: folder,
    expected: `no ${outputFiles.card}, or a ${outputFiles.recipe} beside it`,
    advice: 'give --out a folder of its own',
  });
}

/**
 * A file of lines under a name with `.part` behind it, until `place` gives it its own. Encodes lines into one of two
 * buffers while the other is written, and hashes them on the way.
 */
class LineFile {
  private readonly path: string;
  private readonly handle: FileHandle;
  private readonly hash = createHash('sha256');
  private filling = Buffer.allocUnsafeSlow(chunkBytes);
  private spare = Buffer.allocUnsafeSlow(chunkBytes);
  private used = 0;
  private writing: Promise<unknown> = Promise.resolve();
  bytes = 0;
  lines = 0;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.handle = handle;
  }

  static async open(path: string): Promise<LineFile> {
    return new LineFile(path, await writing(path, open(`${path}.part`, 'w')));
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
    await writing(this.path, this.handle.close());
    return this.hash.digest('hex');
  }

  /** Once it is closed: gives it its name, or another. */
  place(path = this.path): Promise<void> {
    return writing(path, rename(`${this.path}.part`, path));
  }

  /** Removes what was written. */
  async drop(): Promise<void> {
    await this.writing.catch(() => undefined);
    await this.handle.close().catch(() => undefined);
    await rm(`${this.path}.part`, { force: true });
  }

  private async flush(): Promise<void> {
    if (this.used === 0) return;
    const full = this.filling;
    const bytes = full.subarray(0, this.used);
    this.hash.update(bytes);
    this.bytes += bytes.length;
    await this.writing;
    this.writing = writing(this.path, this.handle.writeFile(bytes));
    // A failure is met by whoever waits next; until then it must not count as unhandled.
    this.writing.catch(() => undefined);
    this.filling = this.spare.length === chunkBytes ? this.spare : Buffer.allocUnsafeSlow(chunkBytes);
    this.spare = full;
    this.used = 0;
  }
}

/** Waits for a step of writing. @throws InputError that names the file */
async function writing<Value>(path: string, step: Promise<Value>): Promise<Value> {
  try {
    return await step;
  } catch (error) {
    throw cannotWrite(path, error);
  }
}

/** The output folder. Files appear under their names only when they are complete. */
export class OutputFolder implements CompileSink {
  private readonly folder: string;
  /** All examples. */
  private readonly whole: LineFile;
  private readonly halves: LineFile[] = [];

  private constructor(folder: string, whole: LineFile) {
    this.folder = folder;
    this.whole = whole;
  }

  /** @throws InputError when nothing can be written there */
  static async open(folder: string): Promise<OutputFolder> {
    await checkOutputFolder(folder);
    return new OutputFolder(folder, await LineFile.open(join(folder, outputFiles.examples)));
  }

  example(line: string | Uint8Array): Promise<void> {
    return this.whole.add(line);
  }

  /** Ends `examples.jsonl`; with ids of an evaluation split, those go to `examples.eval.jsonl`. */
  async finish(evalIds: ReadonlySet<string> | null): Promise<WrittenFile> {
    const sha256 = await this.whole.close();
    if (evalIds !== null) return this.finishSplit(evalIds);
    await rm(join(this.folder, outputFiles.evaluation), { force: true });
    await this.whole.place();
    const { bytes, lines } = this.whole;
    return { file: outputFiles.examples, sha256, bytes, lines };
  }

  /** Both halves are written before either gets its name: there is never a part of a set under it. */
  private async finishSplit(evalIds: ReadonlySet<string>): Promise<WrittenFile> {
    const path = join(this.folder, outputFiles.examples);
    const train = await this.half('examples.train.jsonl');
    const held = await this.half(outputFiles.evaluation);
    for await (const line of linesOf(`${path}.part`))
      await (evalIds.has(idOf(line)) ? held : train).add(line);
    await held.close();
    const sha256 = await train.close();
    await held.place();
    await train.place(path);
    await this.whole.drop();
    const { bytes, lines } = train;
    return { file: outputFiles.examples, sha256, bytes, lines };
  }

  private async half(name: string): Promise<LineFile> {
    const file = await LineFile.open(join(this.folder, name));
    this.halves.push(file);
    return file;
  }

  async write(name: string, text: string): Promise<void> {
    const path = join(this.folder, name);
    await writing(path, writeFile(`${path}.part`, text));
    await writing(path, rename(`${path}.part`, path));
  }

  /** After a failure: nothing half-written stays. */
  async abandon(): Promise<void> {
    for (const file of [this.whole, ...this.halves]) await file.drop();
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
