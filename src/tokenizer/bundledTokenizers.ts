import { gunzipSync } from 'fflate';
import { EnvironmentError } from '../core/errors.ts';
import { loadTokenizer } from './loadTokenizer.ts';
import type { Tokenizer } from './types.ts';

/** Tokenizers that come with the workbench, by name: path of the compact form below the public folder. */
export const bundledTokenizers: Readonly<Record<string, string>> = {
  qwen3: 'tokenizers/qwen3/tokenizer.acctok',
};

/**
 * Loads a bundled tokenizer through a reader of the public folder's files (Node: the file system; a page or
 * worker: `fetch` below its base URL).
 * @throws EnvironmentError when there is no such tokenizer or file.
 */
export async function loadBundledTokenizer(
  name: string,
  read: (path: string) => Promise<Uint8Array>,
): Promise<Tokenizer> {
  const path = Object.hasOwn(bundledTokenizers, name) ? bundledTokenizers[name] : undefined;
  if (path === undefined) {
    throw new EnvironmentError('tokenizer-not-bundled', `No tokenizer called ${name} is bundled`, {
      expected: Object.keys(bundledTokenizers).join(', '),
      advice: 'give a folder or file with a tokenizer.json instead',
    });
  }
  return openBundledTokenizer(await read(path), name);
}

/** The tokenizer in the bytes of a bundled file, gzipped or (when a server has unpacked it) not. */
export function openBundledTokenizer(file: Uint8Array, name: string): Tokenizer {
  const isGzip = file[0] === 0x1f && file[1] === 0x8b;
  return loadTokenizer(isGzip ? gunzipSync(file) : file, name);
}

/** A reader for `loadBundledTokenizer` in a page or worker. */
export function fetchBelow(baseUrl: string): (path: string) => Promise<Uint8Array> {
  return async (path) => {
    const url = new URL(path, baseUrl);
    const response = await fetch(url);
    if (!response.ok) {
      throw new EnvironmentError('tokenizer-not-found', 'A bundled tokenizer cannot be fetched', {
        where: url.href,
        actual: `HTTP ${response.status}`,
      });
    }
    return new Uint8Array(await response.arrayBuffer());
  };
}
