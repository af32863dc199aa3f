import { describe, expect, it } from 'vitest';
import { verifyByGroundTruth } from '../../src/compile/verify.ts';
import { RunBuilder } from './trajectoryFixture.ts';

describe('verifyByGroundTruth', () => {
  const at = { file: 'made.jsonl', record: 0, path: '/answer' };

  it.each([
    ['answer', 'last assistant message', 'Keelung', ['loose-match']],
    ['answer', 'last assistant message', 'It was Keelung.', []],
    ['answer', '<answer> tag', 'Keelung', []],
    ['ground_truth', 'last assistant message', 'Keelung', []],
  ])('truth in `%s`, %s %j: flags %j', (key, via, text, flags) => {
    const run = new RunBuilder().build('search', {
      question: 'Which battle?',
      finalAnswer: { text, at, via },
      groundTruth: { form: 'text', values: ['Keelung'], at, via: key },
    });
    expect(verifyByGroundTruth(run)).toMatchObject({ ok: true, flags });
  });
});
