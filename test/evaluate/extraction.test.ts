import { describe, expect, it } from 'vitest';
import { boxedNumber, lastBoxed, lastLineNumber } from '../../src/evaluate/aime.ts';
import { benchmarkOf, guessBenchmark } from '../../src/evaluate/benchmarks.ts';
import { gpqaAnswer, gpqaOrder } from '../../src/evaluate/gpqa.ts';
import { extractMmluPro } from '../../src/evaluate/mmluPro.ts';
import { answerColonLetter } from '../../src/evaluate/multipleChoice.ts';
import { passAtK } from '../../src/evaluate/scoreTable.ts';
import { splitThinking } from '../../src/evaluate/thinking.ts';

describe('MMLU-Pro extraction', () => {
  it.each([
    ['the answer is (C). Or the answer is (D)', 'C', 'C', 'C'],
    ['the answer is B', 'B', 'B', 'B'],
    ['Answer: A and Answer: B\nAnswer: C', null, 'B', 'B'],
    ['I take I or J, then G, not AB', null, null, 'G'],
    ['the **answer is (E)**', 'E', 'E', 'E'],
    ['nothing here', null, null, null],
    ['the answer is (F)\nQuestion: next one. The answer is (A)', 'F', 'F', 'F'],
  ])('%j', (text, l1, l2, chain) => {
    expect(extractMmluPro(text)).toEqual({ l1, l2, chain });
  });

  it('takes linear time where the pattern is quadratic', () => {
    const started = performance.now();
    expect(answerColonLetter('answer: '.repeat(50_000))).toBeNull();
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it('counts nothing found as wrong, with the expected credit of a random draw apart', () => {
    const mmlu = benchmarkOf('mmlu-pro');
    const row = mmlu.read(
      { question: 'q', options: ['x', 'y', 'z', 'w', 'N/A'], answer: 'B', category: 'law' },
      'row 0',
    );
    expect(mmlu.grade('no idea', row, { mode: 'chain' })).toMatchObject({
      score: 0,
      extracted: null,
      measures: { 'expected random credit': 0.25, 'extraction failed': 1 },
    });
    expect(mmlu.grade('no idea', row, { mode: 'expected-random-credit' }).score).toBe(0.25);
    expect(mmlu.slices(row)).toEqual({ category: 'law' });
  });
});

describe('GPQA', () => {
  const gpqa = benchmarkOf('gpqa');
  const row = gpqa.read({ Question: 'A made-up question?', 'Correct Answer': 'same', 'Incorrect Answer 1': 'same', 'Incorrect Answer 2': 'b', 'Incorrect Answer 3': 'c' }, 'row 0'); // prettier-ignore
  const { hash } = row as { hash: string };

  it('orders options by the question’s hash and tracks the right one by index, not by text', () => {
    expect([...gpqaOrder({ hash }, 0)].sort()).toEqual([0, 1, 2, 3]);
    expect(gpqaOrder({ hash }, 0)).toEqual(gpqaOrder({ hash }, 0));
    const letters = [0, 1, 2, 3].map((variant) => gpqaAnswer({ hash }, variant));
    expect([...letters].sort()).toEqual(['A', 'B', 'C', 'D']);
    for (const [presentation, letter] of letters.entries()) {
      expect(gpqa.grade(`Answer: ${letter}`, row, { mode: 'last', presentation }).score).toBe(1);
    }
  });

  it('takes the last explicit answer and reports the first', () => {
    const right = gpqaAnswer({ hash }, 0);
    const wrong = right === 'A' ? 'B' : 'A';
    const graded = gpqa.grade(`answer : $${wrong}$ … ANSWER: ${right.toLowerCase()}`, row, { mode: 'last' });
    expect(graded).toMatchObject({
      score: 1,
      extracted: right,
      measures: { 'first match': 0, 'last match': 1 },
    });
  });

  it('shows nothing of an item, not even in errors', () => {
    expect(gpqa.gold(row, null, 0)).toEqual({ kind: 'hidden' });
    expect(() => gpqa.read({ Question: 'SECRET', 'Correct Answer': '' }, 'row 7')).toThrow(/row 7/);
    expect(() => gpqa.read({ Question: 'SECRET', 'Correct Answer': '' }, 'row 7')).not.toThrow(/SECRET/);
  });
});

describe('AIME', () => {
  it.each([
    ['so \\boxed{042}', 42],
    ['\\boxed{1} no, \\boxed{\\text{7}}', 7],
    ['\\boxed{\\frac{1}{2}}', null],
    ['\\fbox{ $1{,}0$ }', 10],
    ['\\boxed{1000}', null],
    ['\\boxed{336^{\\circ}}', 336],
    ['\\boxed{12', null],
  ])('%j', (text, value) => {
    const content = lastBoxed(text);
    expect(content === null ? null : boxedNumber(content)).toBe(value);
  });

  it('scores the last number of the last line apart', () => {
    expect(lastLineNumber('7\nthe answer is 5, I mean 006.\n\n')).toBe(6);
    const aime = benchmarkOf('aime');
    const row = aime.read({ ID: '2024-I-3', Problem: 'p', Answer: 6 }, 'row 0');
    expect(aime.grade('answer: 6', row, { mode: 'boxed' })).toMatchObject({
      score: 0,
      measures: { 'with fallback': 1 },
    });
    expect(aime.slices(row)).toEqual({ year: '2024' });
  });

  it('reads a gold answer of any of the published files, and shows one that it cannot read', () => {
    const aime = benchmarkOf('aime');
    const gold = (answer: string | number) => aime.gold(aime.read({ answer }, 'row 3'), null, 0);
    for (const answer of ['336', 336, ' 336 ', '$336$', '336^\\circ', '$336^{\\circ}$'])
      expect(gold(answer)).toMatchObject({ value: '336' });
    expect(() => gold('33.6')).toThrow(/row 3.*found "33\.6"/);
  });

  it('estimates pass@k without bias', () => {
    // All ways to draw k of n: 2 of 4 with 1 right hold it in 3 of 6.
    expect(passAtK(4, 1, 2)).toBeCloseTo(0.5, 12);
    expect(passAtK(4, 0, 4)).toBe(0);
    expect(passAtK(4, 1, 4)).toBe(1);
  });
});

describe('reasoning', () => {
  it.each([
    ['<think>a</think>\n\nb', { text: 'b', thinking: 'a' }],
    ['a\n</think>\nb', { text: 'b', thinking: 'a' }],
    ['<think>cut', { text: '', thinking: 'cut' }],
    ['plain <think>x</think> text', { text: 'plain <think>x</think> text', thinking: null }],
    [' b', { text: ' b', thinking: null }],
  ])('%j', (reply, parts) => {
    expect(splitThinking(reply)).toEqual(parts);
  });

  it.each([
    ['a</think>\n\nb', { text: 'b', thinking: 'a' }],
    ['I could write <think> here</think>b', { text: 'b', thinking: 'I could write <think> here' }],
    ['the answer is (A), but wait', { text: '', thinking: 'the answer is (A), but wait' }],
    ['<think>a</think>b', { text: 'b', thinking: 'a' }],
  ])('%j after a prompt that opened the block', (reply, parts) => {
    expect(splitThinking(reply, true)).toEqual(parts);
  });
});

describe('columns', () => {
  it('tell the benchmark', () => {
    expect(guessBenchmark({ prompt: '[]', answer: '', random_string_to_prepend: '' })).toBe('mrcr');
    expect(guessBenchmark({ prompt: '', answer_nodes: [] })).toBe('graphwalks');
    expect(guessBenchmark({ instruction_id_list: [] })).toBe('ifeval');
    expect(guessBenchmark({ Question: '', 'Incorrect Answer 1': '' })).toBe('gpqa');
    expect(guessBenchmark({ question: '', options: [], answer: 'A' })).toBe('mmlu-pro');
    expect(guessBenchmark({ problem: '', answer: '1' })).toBe('aime');
    expect(guessBenchmark({ text: '' })).toBeNull();
  });
});
