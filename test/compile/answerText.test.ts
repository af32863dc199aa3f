import { describe, expect, it } from 'vitest';
import {
  AnswerFinder,
  compareAnswers,
  dateOf,
  normaliseAnswer,
  numberOf,
} from '../../src/compile/answerText.ts';

describe('normaliseAnswer', () => {
  it.each([
    ['The  Beatles!', 'beatles'],
    ['$1,200.50', '1200.5'],
    ['U.S.A.', 'u s a'],
    ['an Apple-tree', 'apple tree'],
    ['45%', '45%'],
    ['Café', 'café'],
  ])('reads %j as %j', (text, expected) => {
    expect(normaliseAnswer(text)).toBe(expected);
  });
});

describe('compareAnswers', () => {
  it.each([
    ['Les Tzars', ['les tzars'], true],
    ['twelve', ['12'], true],
    ['3.5 million', ['3,500,000'], true],
    ['March 19, 1998', ['19 March 1998'], true],
    ['2020-01-05', ['January 5th, 2020'], true],
    ['Yes, both are.', ['yes'], true],
    ['No, only one is.', ['yes'], false],
    ['There are **3 main groups**.', ['3'], true],
    ['The surname is **Adkins**. It is common.', ['Adkins'], true],
    ['New York City', ['NYC', 'new york city'], true],
    ['13', ['12'], false],
    ['Paris', ['London'], false],
    ['', ['London'], false],
  ])('%j against %j', (answer, accepted, equal) => {
    expect(compareAnswers(answer, accepted).equal).toBe(equal);
  });

  it('marks values that only stand somewhere in a long text', () => {
    const answer = 'Many people wrote about it. After much work the group named Ohm as the first of them.';
    expect(compareAnswers(answer, ['Ohm'])).toMatchObject({ equal: true, isLoose: true });
  });
});

describe('numbers and dates', () => {
  it('takes whole texts only', () => {
    expect(numberOf('3 apples')).toBeNull();
    expect(numberOf('€2.5 billion')).toBe(2.5e9);
    expect(dateOf('May 2003')).toBeNull();
    expect(dateOf('3rd of May 2003')).toBe('2003-05-03');
  });
});

describe('AnswerFinder', () => {
  it('finds answers word for word, whatever stands between', () => {
    const finder = new AnswerFinder([normaliseAnswer('Georg Simon Ohm')]);
    expect(finder.isIn('named after **Georg Simon  Ohm**, a')).toBe(true);
    expect(finder.isIn('Georg Simon Ohmmeter')).toBe(false);
    expect(new AnswerFinder(['1200']).isIn('about 1,200 people')).toBe(true);
    expect(new AnswerFinder(['art']).isIn('a party')).toBe(false);
  });
});
