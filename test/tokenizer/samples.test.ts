import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../src/tokenizer/loadTokenizer.ts';
import { hasShared, sharedPath, sharedSkipReason } from '../helpers/shared.ts';
import { readQwen3Json, referenceEncoder } from '../helpers/tokenizers.ts';

/** Of long files the beginning, the middle and the end: the reference takes a second a megabyte. */
const PART = 20_000;

function partsOf(text: string): string[] {
  if (text.length <= 3 * PART) return [text];
  const middle = text.length >> 1;
  return [text.slice(0, PART), text.slice(middle, middle + PART), text.slice(-PART)];
}

describe.skipIf(!hasShared)(`recorded files (skipped when ${sharedSkipReason})`, () => {
  const json = readQwen3Json();
  const tokenizer = loadTokenizer(json, 'qwen3');
  const reference = referenceEncoder(json);
  const files = ['trajectories', 'benchmarks'].flatMap((folder) =>
    readdirSync(sharedPath(folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => ['.json', '.jsonl', '.traj', '.txt', '.md'].includes(extname(file)))
      .map((file) => join(folder, file)),
  );

  it('are there', () => {
    expect(files.length).toBeGreaterThan(50);
  });

  it.each(files)(
    '%s has the ids of the reference',
    (file) => {
      const text = readFileSync(sharedPath(file), 'utf8');
      for (const part of partsOf(text)) {
        const ids = tokenizer.encode(part);
        expect(ids).toEqual(reference(part));
        expect(tokenizer.count(part)).toBe(ids.length);
        expect(tokenizer.decode(ids)).toBe(part.normalize('NFC').replace(/\p{Surrogate}/gu, '\ufffd'));
      }
    },
    60_000,
  );
});
