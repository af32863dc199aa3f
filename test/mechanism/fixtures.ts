import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { JsonValue } from '../../src/core/json.ts';
import { readItem, type MeasuredItem } from '../../src/mechanism/items.ts';
import { loadTokenizer } from '../../src/tokenizer/loadTokenizer.ts';

export const fixtureFolder = resolve(import.meta.dirname, '../fixtures/mechanism');
const modelFolder = resolve(import.meta.dirname, '../fixtures/models/tiny-moe');

/** The examples of test/fixtures/mechanism through the tiny checkpoint's tokenizer. */
export function fixtureItems(): MeasuredItem[] {
  const tokenizer = loadTokenizer(readFileSync(resolve(modelFolder, 'tokenizer.json'), 'utf8'), 'tiny-moe');
  return readFileSync(resolve(fixtureFolder, 'examples.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const read = readItem(JSON.parse(line) as JsonValue, 'line', tokenizer, null);
      if (!read.ok) throw new Error(read.reason);
      return read.item;
    });
}
