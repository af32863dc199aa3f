import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../src/core/json.ts';
import { benchmarkOf } from '../../src/evaluate/benchmarks.ts';
import { gpqaAnswer } from '../../src/evaluate/gpqa.ts';
import { compareLabels, ScoreTable, seedScore } from '../../src/evaluate/scoreTable.ts';

/** What a table says of the samples of one item; GPQA's are shown its options in another order each. */
function overSamples(id: string, value: JsonValue, responses: (sample: number, row: unknown) => string) {
  const benchmark = benchmarkOf(id);
  const row = benchmark.read(value, 'row 0');
  const samples = [0, 1, 2, 3].map((sample) => {
    const presentation = sample % benchmark.variants;
    const response = responses(sample, row);
    const graded = benchmark.grade(response, row, { mode: benchmark.modes[0], presentation });
    return seedScore(benchmark, row, sample, presentation, graded);
  });
  const table = new ScoreTable(samples.length);
  table.add({}, samples);
  return table.result().repeated;
}

describe('samples of an item vote', () => {
  const gpqa = { Question: 'A made-up question?', 'Correct Answer': 'a', 'Incorrect Answer 1': 'b', 'Incorrect Answer 2': 'c', 'Incorrect Answer 3': 'd' }; // prettier-ignore

  it('for an option of GPQA, not for the letter under which each order shows it', () => {
    const right = overSamples('gpqa', gpqa, (k, row) => `Answer: ${gpqaAnswer(row as { hash: string }, k)}`);
    expect(right).toMatchObject({ meanAtK: 1, majorityAtK: 1, consistency: 1 });
    const alwaysA = overSamples('gpqa', gpqa, () => 'Answer: A');
    expect(alwaysA).toMatchObject({ meanAtK: 0.25, consistency: 0 });
    const oneOfFour = overSamples('gpqa', gpqa, (k, row) => (k === 0 ? 'Answer: A' : `Answer: ${gpqaAnswer(row as { hash: string }, k)}`)); // prettier-ignore
    expect(oneOfFour).toMatchObject({ majorityAtK: 1 });
  });

  it('for the set of nodes in GraphWalks, in whatever order they are written', () => {
    const row = { prompt: '', answer_nodes: ['a', 'b'], problem_type: 'bfs' };
    const nodes = ['a, b', 'b, a', 'a, b, a', 'b,a'];
    expect(overSamples('graphwalks', row, (k) => `Final Answer: [${nodes[k]}]`)).toMatchObject({
      majorityAtK: 1,
      consistency: 1,
    });
  });

  it('for the number of AIME and the letter of MMLU-Pro', () => {
    const aime = overSamples('aime', { answer: 7 }, (k) => ['\\boxed{007}', '\\boxed{7}', '\\boxed{7}', '\\boxed{8}'][k]!); // prettier-ignore
    expect(aime).toMatchObject({ majorityAtK: 1, consistency: 0 });
    const mmlu = { question: 'q', options: ['x', 'y', 'z'], answer: 'B', category: 'law' };
    const all = overSamples('mmlu-pro', mmlu, (k) => (k === 0 ? 'The answer is (B).' : 'Answer: B'));
    expect(all).toMatchObject({ majorityAtK: 1, consistency: 1 });
  });

  it('for nothing in IFEval: texts that follow the instructions are no choice to agree on', () => {
    const row = { prompt: 'p', instruction_id_list: ['punctuation:no_comma'], kwargs: [{}] };
    expect(overSamples('ifeval', row, (k) => `text ${k}`)).toMatchObject({
      meanAtK: 1,
      majorityAtK: null,
      consistency: null,
    });
  });
});

describe('slices', () => {
  const item = { seed: 0, score: 1, correct: null, vote: null, measures: {} };

  it('hold the cells of MRCR, needles by length, in the order of both', () => {
    const table = new ScoreTable(1);
    const lengths = ['16,385–32,768', '4,097–8,192', 'above 1,048,576'];
    for (const needles of ['8', '2'])
      for (const length of lengths) table.add({ needles, length, depth: '0–20 %' }, [item]);
    const { slices } = table.result();
    expect(slices.map(({ dimension }) => dimension)).toEqual([
      'length',
      'needles',
      'needles × length',
      'depth',
    ]);
    const cells = slices.find(({ dimension }) => dimension === 'needles × length')!.groups;
    expect(cells.map(({ label }) => label)).toEqual([
      '2 × 4,097–8,192',
      '2 × 16,385–32,768',
      '2 × above 1,048,576',
      '8 × 4,097–8,192',
      '8 × 16,385–32,768',
      '8 × above 1,048,576',
    ]);
    expect(cells.every(({ items }) => items === 1)).toBe(true);
  });

  it('are sorted by their numbers, then as text', () => {
    expect(['b', '10', 'a', '9 × 2', '9 × 10', '9'].sort(compareLabels)).toEqual(['9', '9 × 2', '9 × 10', '10', 'a', 'b']); // prettier-ignore
  });
});
