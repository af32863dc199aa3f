import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Example } from '../../src/compile/types.ts';
import { estimateLines, splitBlocks } from '../../src/ui/views/qa/blocks.ts';
import { itemAt, readerDocument, tokenAt } from '../../src/ui/views/qa/readerDocument.ts';

/** An example over a context with the given pieces; only what the reader uses is filled in. */
function exampleOf(content: string, ranges: readonly (readonly [number, number])[], question = ''): Example {
  return {
    id: 'x',
    kind: 'search',
    messages: [
      { role: 'user', content },
      { role: 'assistant', content: 'a' },
    ],
    question,
    answer: 'a',
    rationale: null,
    evidence: ranges.map(([start, end], index) => ({
      id: `p${index + 1}`,
      role: 'gold',
      title: 't',
      start,
      end,
      source: { file: 'f', record: 0, path: '', turn: index },
    })),
    order: 'shuffle',
    seed: 0,
    tokens: { tokenizer: 'qwen3', prompt: 0, completion: 0 },
    verification: [],
    source: { file: 'f', sha256: '', record: 0, format: 'x', trajectoryId: 't' },
    flags: [],
    dropped: [],
  };
}

describe('blocks of the reader', () => {
  it('join to the text, whatever the text and the pieces', () => {
    const content = fc
      .array(fc.oneof(fc.string({ maxLength: 400 }), fc.constant('x'.repeat(9000)), fc.constant('\n')), {
        maxLength: 30,
      })
      .map((lines) => lines.join('\n'));
    fc.assert(
      fc.property(content, fc.array(fc.nat(), { maxLength: 8 }), (text, seeds) => {
        const marks = [...new Set(seeds.map((seed) => seed % (text.length + 1)))].sort((a, b) => a - b);
        const ranges = marks.slice(1).map((end, index) => [marks[index]!, end] as const);
        const blocks = splitBlocks(readerDocument(exampleOf(text, ranges)));
        expect(blocks.map((block) => text.slice(block.start, block.end)).join('')).toBe(text);
      }),
      { numRuns: 200 },
    );
  });

  it('belong to one piece each when pieces are whole lines, and say where a piece starts', () => {
    const text = 'Intro\n\nfirst piece\n\nsecond piece\nmore\n\nQuestion: why?';
    const ranges = [
      [7, 18],
      [20, 37],
    ] as const;
    const document = readerDocument(exampleOf(text, ranges, 'why?'));
    expect(
      splitBlocks(document).map((block) => [
        text.slice(block.start, block.end),
        block.piece,
        block.opensPiece,
        block.isQuestion,
      ]),
    ).toEqual([
      ['Intro\n\n', -1, false, false],
      ['first piece\n', 0, true, false],
      ['\n', -1, false, false],
      ['second piece\nmore\n', 1, true, false],
      ['\n', -1, false, false],
      ['Question: why?', -1, false, true],
    ]);
  });

  it('are about 256 for a text of 131,072 tokens', () => {
    const text = `${'word '.repeat(15)}\n`.repeat(8700);
    expect(splitBlocks(readerDocument(exampleOf(text, []))).length).toBeGreaterThan(180);
    expect(splitBlocks(readerDocument(exampleOf(text, []))).length).toBeLessThan(300);
  });

  it('never cut a surrogate pair', () => {
    const text = '😀'.repeat(20_000);
    for (const block of splitBlocks(readerDocument(exampleOf(text, [])))) {
      expect(text.slice(block.start, block.end)).toMatch(/^(😀)+$/u);
    }
  });
});

it('estimates wrapped lines', () => {
  const text = 'ab\n\nabcdefghij\n';
  const [block] = splitBlocks(readerDocument(exampleOf(text, [])));
  expect(estimateLines(text, block!, 4)).toBe(5);
});

it('finds items and tokens by offset', () => {
  const items = [
    { start: 2, end: 4 },
    { start: 4, end: 6 },
  ];
  expect([1, 2, 3, 4, 5, 6].map((offset) => itemAt(items, offset))).toEqual([-1, 0, 0, 1, 1, -1]);
  const offsets = Uint32Array.of(0, 3, 7);
  expect([0, 1, 3, 4, 9].map((offset) => tokenAt(offsets, offset))).toEqual([0, 1, 1, 2, 3]);
});

it('shows all messages of a dialogue, with what is trained', () => {
  const example: Example = {
    ...exampleOf('context', [[0, 7]]),
    messages: [
      { role: 'system', content: 'be exact' },
      { role: 'user', content: 'context' },
      { role: 'assistant', content: 'call', train: true },
      { role: 'tool', content: 'result', train: false },
      { role: 'assistant', content: 'done', train: true },
    ],
  };
  const document = readerDocument(example);
  expect(document.parts.map((part) => [document.text.slice(part.start, part.end), part.supervised])).toEqual([
    ['be exact', false],
    ['context', false],
    ['call', true],
    ['result', false],
    ['done', true],
  ]);
  expect(document.text.slice(document.pieces[0]!.start, document.pieces[0]!.end)).toBe('context');
});
