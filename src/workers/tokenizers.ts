import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { RecipeTokenizer } from '../compile/recipe.ts';
import { InputError } from '../core/errors.ts';
import { isObject, type JsonValue } from '../core/json.ts';
import { bundledTokenizers, fetchBelow, openBundledTokenizer } from '../tokenizer/bundledTokenizers.ts';
import { loadTokenizer } from '../tokenizer/loadTokenizer.ts';
import { qwen3Template } from '../tokenizer/qwen3Template.ts';
import { templateBeside, templateFiles } from '../tokenizer/templateBeside.ts';
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

/** True for the files beside a tokenizer that its chat template may stand in. */
export function isTemplateName(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return templateFiles.some((known) => known === name);
}

/** What another worker makes a tokenizer and its chat template of. */
export interface TokenizerBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Text of the chat template: the tokenizer's own, or Qwen3's where it came with none. */
  readonly template: string;
}

/** A tokenizer with its chat template. */
export interface ChatTokenizer {
  readonly tokenizer: Tokenizer;
  /** Text of the chat template, as in `TokenizerBytes`. */
  readonly template: string;
  /** Texts that end a turn. */
  readonly turnEnds: readonly string[];
}

/** What the recipe says of a tokenizer. */
export function recipeTokenizer({
  tokenizer,
  template,
}: Pick<ChatTokenizer, 'tokenizer' | 'template'>): RecipeTokenizer {
  const { name, sha256: hash } = tokenizer;
  return { name, sha256: hash, templateSha256: bytesToHex(sha256(utf8ToBytes(template))) };
}

interface Loaded extends Omit<TokenizerBytes, 'template'> {
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

  async chat(id: string, session: ProjectSession): Promise<ChatTokenizer> {
    const beside = filesBeside(id, session);
    return {
      tokenizer: await this.load(id, session),
      template: (await templateBeside(beside)) ?? qwen3Template,
      turnEnds: ['<|im_end|>', ...endOf(await beside('tokenizer_config.json'))],
    };
  }

  async bytes(id: string, session: ProjectSession): Promise<TokenizerBytes> {
    const { name, bytes } = await this.#load(id, session);
    return { name, bytes, template: (await templateBeside(filesBeside(id, session))) ?? qwen3Template };
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

/** Texts of the files that came with a tokenizer, by name; null for one that did not. */
function filesBeside(id: string, session: ProjectSession): (name: string) => Promise<string | null> {
  const ids = session.files.get(Number(id.replace(/^file:/, '')))?.templateFiles ?? [];
  return async (name) => {
    for (const file of ids.map((fileId) => session.files.get(fileId))) {
      if (file && file.info.path !== name && !file.info.path.endsWith(`/${name}`)) continue;
      const blob = await file?.bytes?.blobOf(file.info.path);
      if (blob) return blob.text();
      throw new InputError('template-missing', 'The chat template of the chosen tokenizer is not at hand', {
        where: file?.info.path ?? name,
        advice: 'import the tokenizer again, together with the file that holds its template',
      });
    }
    return null;
  };
}

/** The token that a tokenizer_config.json names as the end. */
function endOf(json: string | null): string[] {
  try {
    const config = JSON.parse(json ?? '{}') as JsonValue;
    const end = isObject(config) ? config['eos_token'] : null;
    return typeof end === 'string' ? [end] : [];
  } catch {
    return [];
  }
}

function nameOf(session: ProjectSession, id: string): string {
  const path = session.files.get(Number(id.replace(/^file:/, '')))?.info.path ?? id;
  const parts = path.split('/');
  // `Qwen3-4B/tokenizer.json` is known by its folder.
  return (parts.length > 1 ? parts[parts.length - 2] : parts[0]?.replace(/\.json$/, '')) ?? id;
}
