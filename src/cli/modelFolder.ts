import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { InputError } from '../core/errors.ts';
import { openAdapter, type Adapter } from '../model/adapter.ts';
import type { CheckpointFiles } from '../model/checkpoint.ts';
import { openCheckpoint, type Checkpoint } from '../model/checkpoint.ts';
import { loadTokenizer } from '../tokenizer/loadTokenizer.ts';
import type { Tokenizer } from '../tokenizer/types.ts';
import { fileSource, type NodeSource } from './nodeSource.ts';

/** A checkpoint in a folder on disk; `close` releases its file handles. */
export interface ModelFolder {
  readonly checkpoint: Checkpoint;
  readonly tokenizer: Tokenizer;
  close(): Promise<void>;
}

/** The files of a folder on disk; what was opened is noted in `opened`, to be closed by the caller. */
function folderFiles(folder: string, opened: NodeSource[]): CheckpointFiles {
  return {
    name: basename(resolve(folder)),
    async open(fileName) {
      const path = join(folder, fileName);
      if (!existsSync(path)) return null;
      const source = await fileSource(path);
      opened.push(source);
      return source;
    },
  };
}

/** A PEFT LoRA adapter in a folder on disk, read whole. */
export async function openAdapterFolder(folder: string, checkpoint: Checkpoint): Promise<Adapter> {
  const opened: NodeSource[] = [];
  try {
    return await openAdapter(folderFiles(folder, opened), checkpoint);
  } finally {
    for (const source of opened) await source.close();
  }
}

/** Opens a Hugging Face checkpoint folder with its tokenizer. Throws `InputError` saying what is wrong with it. */
export async function openModelFolder(folder: string): Promise<ModelFolder> {
  const opened: NodeSource[] = [];
  const files = folderFiles(folder, opened);
  const close = async (): Promise<void> => {
    for (const source of opened) await source.close();
  };
  try {
    const checkpoint = await openCheckpoint(files);
    if (checkpoint.tokenizerJson === null) {
      throw new InputError('missing-tokenizer', 'The model folder has no tokenizer.json', { where: folder });
    }
    return { checkpoint, tokenizer: loadTokenizer(checkpoint.tokenizerJson, files.name), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Whether the weights take so little in f32 that rounding them would save nothing worth having. */
export function isSmall(checkpoint: Checkpoint): boolean {
  let elements = 0;
  for (const { shape } of checkpoint.tensors.values())
    elements += shape.reduce((product, n) => product * n, 1);
  return elements * 4 <= 64 * 2 ** 20;
}
