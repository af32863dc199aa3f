import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { access, constants, mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { finished } from 'node:stream/promises';
import { InputError, messageOf, UsageError } from '../core/errors.ts';

/** What to throw where a file cannot be written. */
export function cannotWrite(path: string, error: unknown): InputError {
  return new InputError('cannot-write', 'The file cannot be written', {
    where: path,
    actual: messageOf(error),
  });
}

/**
 * Makes a folder that files are to be written into. Called before any work for them: throws `InputError` where there
 * is something else of that name or where nothing may be written.
 */
export async function makeFolder(path: string): Promise<void> {
  const refused = (actual: string): InputError =>
    new InputError('cannot-write', 'The folder cannot be written to', {
      where: path,
      expected: 'a folder, or the name of one to be made',
      actual,
    });
  if ((await stat(path).catch(() => null))?.isDirectory() === false) throw refused('a file');
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw refused(messageOf(error));
  }
}

/** Makes the folder of a file to come. Throws `InputError` where the file cannot be written, before any work for it. */
export async function checkWritable(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    const isNew = !existsSync(path);
    await (await open(path, 'a')).close();
    if (isNew) await rm(path);
  } catch (error) {
    throw cannotWrite(path, error);
  }
}

/** Throws `UsageError` where a file to be written is one that is read: it would be lost before that. */
export async function refuseInput(path: string, inputs: Readonly<Record<string, string>>): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (!found?.isFile()) return;
  for (const [option, input] of Object.entries(inputs)) {
    const read = await stat(input).catch(() => null);
    if (read?.ino !== found.ino || read.dev !== found.dev) continue;
    throw new UsageError('output-is-input', `The file to be written is that of ${option}`, {
      where: path,
      expected: 'a file of its own',
      advice: 'give the output another name',
    });
  }
}

/** A file written part by part, without ever holding more than its buffer. */
export interface FileWriter {
  write(part: string | Uint8Array): Promise<void>;
  end(): Promise<void>;
  /** Instead of `end`: what was written is dropped, and an earlier file stays. */
  discard(): Promise<void>;
}

/**
 * Opens a file to be written from its beginning; its folder is made. What is written lies under the name with `.part`
 * behind it until `end`; devices and pipes take it at once. Each step throws `InputError` where it fails.
 */
export async function fileWriter(path: string): Promise<FileWriter> {
  let failure: unknown = null;
  const check = (): void => {
    if (failure !== null) throw cannotWrite(path, failure);
  };
  const held = await stat(path).catch(() => null);
  const isWhole = held === null || held.isFile();
  // What a link leads to is written, and the link stays.
  const target = held?.isFile() ? await realpath(path) : path;
  const written = isWhole ? `${target}.part` : path;
  const stream = await mkdir(dirname(path), { recursive: true })
    .then(() => open(written, 'w'))
    .then((file) => file.createWriteStream())
    .catch((error: unknown) => {
      throw cannotWrite(path, error);
    });
  stream.on('error', (error) => {
    failure = error;
  });
  const finish = async (): Promise<void> => {
    stream.end();
    await finished(stream).catch(() => undefined);
  };
  const discard = async (): Promise<void> => {
    await finish();
    if (isWhole) await rm(written, { force: true });
  };
  return {
    async write(part) {
      check();
      // The listener above hears what went wrong.
      if (!stream.write(part)) await once(stream, 'drain').catch(() => undefined);
      check();
    },
    async end() {
      await finish();
      if (failure === null && isWhole) {
        await rename(written, target).catch((error: unknown) => {
          failure = error;
        });
      }
      if (failure !== null) await discard();
      check();
    },
    discard,
  };
}

/** Writes a file whole or not at all; its folder is made. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const file = await fileWriter(path);
  try {
    await file.write(content);
  } catch (error) {
    await file.discard();
    throw error;
  }
  await file.end();
}
