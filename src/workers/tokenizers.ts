import { InputError } from '../core/errors.ts';
import { bundledTokenizers, fetchBelow, openBundledTokenizer } from '../tokenizer/bundledTokenizers.ts';
import { loadTokenizer } from '../tokenizer/loadTokenizer.ts';
import type { Tokenizer } from '../tokenizer/types.ts';
import type { TokenizerChoice } from './dataApi.ts';
import type { ProjectSession } from './projectSession.ts';

const labels: Readonly<Record<string, string>> = { qwen3: 'Qwen3' };
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

/** What another worker makes a tokenizer of. */
export interface TokenizerBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

interface Loaded extends TokenizerBytes {
  readonly tokenizer: Tokenizer;
}

/** Tokenizers by id: those that come with the page by name, imported files as `file:<id>`. Each is read once. */
export class TokenizerShelf {
  readonly #baseUrl: () => string;
  readonly #loaded = new Map<string, Promise<Loaded>>();

  /** @param baseUrl address of the page, below which the public files lie */
  constructor(baseUrl: () => string) {
    this.#baseUrl = baseUrl;
  }

  list(session: ProjectSession): readonly TokenizerChoice[] {
    const bundled = Object.keys(bundledTokenizers).map((id) => ({
      id,
      label: labels[id] ?? id,
      vocabSize: null,
    }));
    const imported = session
      .listFiles()
      .filter((file) => file.role === 'tokenizer')
      .map((file) => ({ id: `file:${file.id}`, label: file.path, vocabSize: null }));
    return [...bundled, ...imported];
  }

  async load(id: string, session: ProjectSession): Promise<Tokenizer> {
    return (await this.#load(id, session)).tokenizer;
  }

  async bytes(id: string, session: ProjectSession): Promise<TokenizerBytes> {
    const { name, bytes } = await this.#load(id, session);
    return { name, bytes };
  }

  #load(id: string, session: ProjectSession): Promise<Loaded> {
    const key = id.startsWith('file:') ? `${session.id}/${id}` : id;
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
    const name = id.startsWith('file:') ? nameOf(session, id) : id;
    const bytes = await this.#fileBytes(id, session);
    return { name, bytes, tokenizer: openBundledTokenizer(bytes, name) };
  }

  async #fileBytes(id: string, session: ProjectSession): Promise<Uint8Array> {
    if (Object.hasOwn(bundledTokenizers, id)) {
      return fetchBelow(this.#baseUrl())(bundledTokenizers[id] ?? '');
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
