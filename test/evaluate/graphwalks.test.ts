import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  gradeGraphWalks,
  parseTask,
  readGraphWalksRow,
  solveTask,
  type GraphWalksMode,
} from '../../src/evaluate/graphwalks.ts';
import type { JsonValue } from '../../src/core/json.ts';
import { hasShared, sharedPath, sharedSkipReason } from '../helpers/shared.ts';

describe('grading', () => {
  const vectors: [response: string, gold: string[], scores: Partial<Record<GraphWalksMode, number>>][] = [
    ['Final Answer: [a, b, c]', ['a', 'b', 'c'], { 'readme-literal': 2 / 3, 'lm-eval': 1, repaired: 1 }],
    [
      'Final Answer: []',
      [],
      { 'readme-literal': 0, 'lm-eval': 0, repaired: 1, 'official-0': 0, openbench: 1 },
    ],
    ['no answer', [], { 'readme-literal': 0, 'lm-eval': 0, repaired: 0, openbench: 1 }],
    ['Final Answer: [a]\n', ['a'], { 'readme-literal': 0, 'lm-eval': 1, repaired: 1, openbench: 0 }],
    [
      'Final Answer: [a]\nthanks',
      ['a'],
      { 'readme-literal': 0, 'lm-eval': 0, repaired: 0, 'lm-eval-flexible': 1 },
    ],
    ['**Final Answer: [a, b]**', ['a', 'b'], { 'readme-literal': 0.5, 'lm-eval': 1, repaired: 1 }],
    ['Final Answer: [a, a, b]', ['a', 'b'], { 'readme-literal': 0.8, 'lm-eval': 1, repaired: 1 }],
    ["Final Answer: ['a', 'b']", ['a', 'b'], { 'readme-literal': 0, 'lm-eval': 1, repaired: 1 }],
    ['Final Answer: [a, x]', ['a', 'b'], { 'readme-literal': 0, 'lm-eval': 0.5, repaired: 0.5 }],
    ['Final Answer:  [a]', ['a'], { 'readme-literal': 0, 'lm-eval': 1, repaired: 1 }],
  ];
  it.each(vectors)('%j against %j', (response, gold, scores) => {
    for (const [mode, score] of Object.entries(scores)) {
      expect(gradeGraphWalks(response, gold, mode as GraphWalksMode).f1, mode).toBeCloseTo(score, 12);
    }
  });
});

describe('published rows', () => {
  it.skipIf(!hasShared)(
    `are parsed, and their answers follow from the stated rules (${sharedSkipReason} otherwise)`,
    () => {
      const lines = readFileSync(sharedPath('benchmarks/graphwalks/graphwalks.3-rows.jsonl'), 'utf8')
        .trim()
        .split('\n');
      for (const [index, line] of lines.entries()) {
        const row = readGraphWalksRow(JSON.parse(line) as JsonValue, `row ${index}`);
        const task = parseTask(row.prompt);
        expect(task).not.toBeNull();
        expect([...solveTask(task!)].sort()).toEqual([...row.answerNodes].sort());
      }
    },
  );
});
