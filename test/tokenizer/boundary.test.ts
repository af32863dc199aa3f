import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countJoined, countText, isSafeBoundary } from '../../src/tokenizer/countJoined.ts';
import { loadTokenizer } from '../../src/tokenizer/loadTokenizer.ts';
import type { Tokenizer } from '../../src/tokenizer/types.ts';
import { byteLevel, isolate, patterns, readQwen3Json, smallTokenizerJson } from '../helpers/tokenizers.ts';

const added = [
  { content: '<|a|>', special: true },
  { content: '<|a|>b' },
  { content: 'é9', normalized: true },
];
const tokenizers: Record<string, Tokenizer> = {
  qwen3: loadTokenizer(readQwen3Json(), 'qwen3'),
  gpt2: loadTokenizer(
    smallTokenizerJson({ preTokenizers: [{ ...byteLevel, use_regex: true }], addedTokens: added }),
    'gpt2',
  ),
  cl100k: loadTokenizer(
    smallTokenizerJson({ preTokenizers: [isolate(patterns.cl100k), byteLevel], normalizer: { type: 'NFC' } }),
    'cl100k',
  ),
  o200k: loadTokenizer(
    smallTokenizerJson({ preTokenizers: [isolate(patterns.o200k), byteLevel], addedTokens: added }),
    'o200k',
  ),
  'normalised added tokens': loadTokenizer(
    smallTokenizerJson({
      preTokenizers: [isolate(patterns.cl100k), byteLevel],
      normalizer: { type: 'NFC' },
      addedTokens: added,
    }),
    'normalised',
  ),
};

const awkward = [
  ...[
    'the',
    ' then',
    'The',
    "'s",
    "'",
    "'ll",
    '12',
    '9',
    '.',
    '/',
    ';',
    '(',
    ';\n',
    '//',
    ' ',
    '  ',
    '\t',
    '\n',
    '\r',
  ],
  ...['<|im_end|>', '<|im_', 'end|>', '<|a|>', '<|a', '|>', '|>b', 'b', '<tool_call>', '<', '>'],
  ...[
    'e',
    '\u0301',
    'é',
    '\u0958',
    '\u0344',
    '\u0338',
    '東',
    '\u3000',
    '\ufeff',
    '\u0085',
    '\ud83d',
    '\ude00',
  ],
];
const fragment = fc.oneof(fc.constantFrom(...awkward), fc.string({ unit: 'binary', maxLength: 2 }));
const text = fc.array(fragment, { maxLength: 12 }).map((parts) => parts.join(''));

describe.each(Object.entries(tokenizers))('a safe cut (%s)', (_, tokenizer) => {
  it('leaves both sides their own tokens, for all pairs of awkward fragments', () => {
    const pieces = awkward.flatMap((first) =>
      ['', ' the', '\n', ';', '1'].map((more) => [more + first, first + more]),
    );
    const broken: string[] = [];
    for (const [before] of pieces) {
      for (const [, after] of pieces) {
        if (before === undefined || after === undefined || !isSafeBoundary(tokenizer, before, after))
          continue;
        const parts = tokenizer.count(before) + tokenizer.count(after);
        if (parts !== tokenizer.count(before + after)) broken.push(JSON.stringify([before, after]));
      }
    }
    expect(broken).toEqual([]);
  });

  it('leaves both sides their own tokens, for any text', () => {
    let safe = 0;
    fc.assert(
      fc.property(text, text, (before, after) => {
        if (!isSafeBoundary(tokenizer, before, after)) return;
        safe++;
        expect([...tokenizer.encode(before), ...tokenizer.encode(after)]).toEqual([
          ...tokenizer.encode(before + after),
        ]);
      }),
      { numRuns: 3000 },
    );
    expect(safe).toBeGreaterThan(250);
  });

  it('lets counts of parts be added', () => {
    const line = fc.array(fragment, { minLength: 1, maxLength: 30 }).map((parts) => parts.join(''));
    const part = fc
      .tuple(line, fc.nat({ max: 80 }), line)
      .map(([start, times, end]) => start + 'word, 12 more\n'.repeat(times) + end);
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        const counted = parts.map((item) => countText(tokenizer, item));
        expect(countJoined(tokenizer, counted)).toBe(tokenizer.count(parts.join('')));
      }),
      { numRuns: 500 },
    );
  });
});

it('cuts are found where contexts are joined', () => {
  const qwen3 = tokenizers['qwen3'];
  if (!qwen3) throw new Error('no tokenizer');
  expect(isSafeBoundary(qwen3, 'end of a page.\n', 'Next page')).toBe(true);
  expect(isSafeBoundary(qwen3, 'word', ' next')).toBe(true);
  expect(isSafeBoundary(qwen3, 'anything<|im_end|>', '\n')).toBe(true);
  expect(isSafeBoundary(qwen3, 'wo', 'rd')).toBe(false);
  expect(isSafeBoundary(qwen3, '<|im_', 'end|>')).toBe(false);
  expect(isSafeBoundary(qwen3, 'line\n', '\nline')).toBe(false);
});
