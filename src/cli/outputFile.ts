import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { finished } from 'node:stream/promises';
import { InputError, messageOf } from '../core/errors.ts';

/** What to throw where a file cannot be written. */
export function cannotWrite(path: string, error: unknown): InputError {
  return new InputError('cannot-write', 'The file cannot be written', {
    where: path,
    actual: messageOf(error),
  });
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

/** A file written part by part, without ever holding more than its buffer. */
export interface FileWriter {
  write(part: string | Uint8Array): Promise<void>;
  end(): Promise<void>;
}

/** Opens a file to be written from its beginning; its folder is made. Each step throws `InputError` where it fails. */
export async function fileWriter(path: string): Promise<FileWriter> {
  let failure: unknown = null;
  const check = (): void => {
    if (failure !== null) throw cannotWrite(path, failure);
  };
  const stream = await mkdir(dirname(path), { recursive: true })
    .then(() => open(path, 'w'))
    .then((file) => file.createWriteStream())
    .catch((error: unknown) => {
      throw cannotWrite(path, error);
    });
  stream.on('error', (error) => {
    failure = error;
  });
  return {
    async write(part) {
      check();
      // The listener above hears what went wrong.
      if (!stream.write(part)) await once(stream, 'drain').catch(() => undefined);
      check();
    },
    async end() {
      stream.end();
      await finished(stream).catch(() => undefined);
      check();
    },
  };
}
