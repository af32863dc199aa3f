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
    ['1895年在基隆', '1895 年 在 基 隆'],
    ['ｶﾞｲﾄﾞ', 'ガ イ ド'],
    ['น้ำ', 'น ้ ํ า'],
    ['대한민국 서울', '대한민국 서울'],
  ])('reads %j as %j', (text, expected) => {
    expect(normaliseAnswer(text)).toBe(expected);
  });
});

function judge(answer: string, accepted: string): 'right' | 'loose' | 'wrong' {
  const { equal, isLoose } = compareAnswers(answer, [accepted]);
  return !equal ? 'wrong' : isLoose ? 'loose' : 'right';
}

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

  it.each([
    ['Keelung', 'It was Keelung.', 'right'],
    ['Keelung', 'It was not Keelung. I could not determine the battle.', 'wrong'],
    ['Keelung', 'It wasn’t the battle of Keelung.', 'wrong'],
    ['Keelung', 'Tainan rather than Keelung.', 'wrong'],
    ['Keelung', 'It was not Tainan but Keelung.', 'right'],
    ['Keelung', 'It was not only Keelung.', 'right'],
    ['Keelung', 'I could not find it at first. It was **Keelung**.', 'right'],
    ['Keelung', 'It was not **Keelung**.', 'wrong'],
    ['Keelung', 'I considered Keelung, but the answer is Tainan.', 'wrong'],
    ['Everything but the Girl', 'The duo is Everything but the Girl.', 'right'],
    ['St. Louis', 'It is not St. Louis.', 'wrong'],
    ['基隆之戰', '答案是基隆之戰。', 'right'],
    ['基隆之戰', '答案不是基隆之戰。', 'wrong'],
    ['Ohm', 'Many people wrote about it. After much work the group named Ohm as the first of them.', 'loose'],
    ['Ohm', 'After much work a group of people named Ohm as the first.', 'loose'],
  ])('takes %j in %j as %s', (accepted, answer, expected) => {
    expect(judge(answer, accepted)).toBe(expected);
  });

  it.each([
    ['C++', 'C#', 'wrong'],
    ['C', 'C++', 'wrong'],
    ['C++', 'It is written in **C++**.', 'right'],
    ['A*', '**A***', 'right'],
    ['Ohm', '*Ohm*', 'right'],
    ['Romeo + Juliet', 'Romeo+Juliet', 'right'],
    ['1895', '1895-1896', 'wrong'],
    ['1896', 'It lasted 1895 – 1896.', 'wrong'],
    ['1895–1896', '1895 - 1896', 'right'],
    ['2-1', '1-2', 'wrong'],
    ['2003', 'On 2003-05-01.', 'right'],
    ['747', 'Boeing 747-400', 'wrong'],
  ])('keeps signs and ranges: %j against %j is %s', (accepted, answer, expected) => {
    expect(judge(answer, accepted)).toBe(expected);
  });

  it.each([
    ['Paris, Rome and Bern', 'Bern; Paris; Rome', 'right'],
    ['1,200, 3', '3, 1,200', 'right'],
    ['甲、乙', '乙，甲', 'right'],
    ['Georg Simon Ohm', 'Ohm, Georg Simon', 'right'],
    ['Natsume Soseki', 'Soseki Natsume', 'loose'],
    ['France beat Germany', 'Germany beat France', 'wrong'],
    ['京東', '東京', 'wrong'],
  ])('takes other orders of lists and names only: %j against %j is %s', (accepted, answer, expected) => {
    expect(judge(answer, accepted)).toBe(expected);
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
  it.each([
    ['Georg Simon Ohm', 'named after **Georg Simon  Ohm**, a', true],
    ['Georg Simon Ohm', 'Georg Simon Ohmmeter', false],
    ['1,200', 'about 1200 people', true],
    ['art', 'a party', false],
    ['基隆之戰', '1895年基隆之戰發生', true],
    ['基隆之戰', '1895年基隆\n**之戰**發生', true],
    ['基隆之戰', '基隆的戰役', false],
    ['1895年', '在1,895年', true],
    ['1895年', '在11895年', false],
    ['TSMC', '台灣的TSMC公司', true],
    ['ガイド', 'ﾊﾟﾘのｶﾞｲﾄﾞ', true],
    ['น้ำ', 'ดื่มน้ำมาก', true],
  ])('looks for %j in %j word for word, whatever stands between: %s', (answer, text, found) => {
    expect(new AnswerFinder([normaliseAnswer(answer)]).isIn(text)).toBe(found);
  });
});
