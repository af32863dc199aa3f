import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { benchmarkOf } from '../../src/evaluate/benchmarks.ts';
import { followsRule, ifevalRules, looseVariants, ruleArguments } from '../../src/evaluate/ifevalRules.ts';
import { isLower, isUpper, pythonPattern, wordsOf } from '../../src/evaluate/pythonText.ts';

/** [instruction, arguments, response, followed strictly] */
const table: [id: string, args: JsonObject, response: string, strict: boolean][] = [
  ['keywords:existence', { keywords: ['tide', 'm.on'] }, 'The TIDE and the Moon', true],
  ['keywords:existence', { keywords: ['tide', 'sun'] }, 'The tide', false],
  ['keywords:existence', { keywords: ['well-known', 'half\\-moon.?'] }, 'A well-known half-moon', true],
  ['keywords:frequency', { keyword: 'a', frequency: 3, relation: 'at least' }, 'A banana', true],
  ['keywords:frequency', { keyword: 'a', frequency: 4, relation: 'less than' }, 'A banana', false],
  ['keywords:frequency', { keyword: 'x', frequency: 0, relation: 'at least' }, 'none', true],
  ['keywords:forbidden_words', { forbidden_words: ['rain'] }, 'The train is late', true],
  ['keywords:forbidden_words', { forbidden_words: ['rain'] }, 'Rain.', false],
  ['keywords:forbidden_words', { forbidden_words: ['été'] }, 'un été long', false],
  [
    'keywords:letter_frequency',
    { letter: 'E', let_frequency: 2, let_relation: 'at least' },
    'Every egg',
    true,
  ],
  [
    'keywords:letter_frequency',
    { letter: 'e', let_frequency: 3, let_relation: 'less than' },
    'Every egg',
    false,
  ],
  ['language:response_language', { language: 'de' }, 'Das ist nicht der Weg und wir sind noch hier.', true],
  ['language:response_language', { language: 'de' }, 'This is not the way and we are still here.', false],
  ['language:response_language', { language: 'ko' }, '안녕하세요 저는 한국어로 씁니다', true],
  ['language:response_language', { language: 'uk' }, 'Привіт, як справи? Це її книга.', true],
  ['language:response_language', { language: 'fr' }, '12345 !!', true],
  [
    'length_constraints:number_sentences',
    { num_sentences: 2, relation: 'at least' },
    'Dr. Lee came. She left.',
    true,
  ],
  [
    'length_constraints:number_sentences',
    { num_sentences: 3, relation: 'at least' },
    'Dr. Lee came. She left.',
    false,
  ],
  [
    'length_constraints:number_sentences',
    { num_sentences: 2, relation: 'less than' },
    'Pi is 3.14 or so',
    true,
  ],
  ['length_constraints:number_paragraphs', { num_paragraphs: 2 }, 'one\n***\ntwo\n***\n', true],
  ['length_constraints:number_paragraphs', { num_paragraphs: 2 }, 'one\n***\n\n***\ntwo', false],
  ['length_constraints:number_words', { num_words: 4, relation: 'less than' }, "don't stop", true],
  ['length_constraints:number_words', { num_words: 3, relation: 'less than' }, "don't stop", false],
  [
    'length_constraints:nth_paragraph_first_word',
    { num_paragraphs: 2, nth_paragraph: 2, first_word: 'so' },
    'a\n\n"So, yes',
    true,
  ],
  [
    'length_constraints:nth_paragraph_first_word',
    { num_paragraphs: 2, nth_paragraph: 2, first_word: 'so' },
    'a\n\n\n\nso',
    false,
  ],
  ['detectable_content:number_placeholders', { num_placeholders: 2 }, 'Dear [name], at [place].', true],
  ['detectable_content:number_placeholders', { num_placeholders: 2 }, 'Dear [na\nme] [x]', false],
  ['detectable_content:postscript', { postscript_marker: 'P.S.' }, 'Bye\nP.S. more', true],
  ['detectable_content:postscript', { postscript_marker: 'P.P.S' }, 'Bye\np. p. s more', true],
  ['detectable_content:postscript', { postscript_marker: 'P.P.S' }, 'Bye\nP.S. more', false],
  ['detectable_format:number_bullet_lists', { num_bullets: 3 }, '* a\n- b\n  * c\n** d', true],
  ['detectable_format:number_bullet_lists', { num_bullets: 2 }, '* a\n- b\n- c', false],
  ['detectable_format:constrained_response', {}, 'Well: My answer is maybe. Sorry', true],
  ['detectable_format:constrained_response', {}, 'My answer is Yes.', false],
  ['detectable_format:number_highlighted_sections', { num_highlights: 2 }, '*a* and *b*', true],
  ['detectable_format:number_highlighted_sections', { num_highlights: 2 }, '*a* and * *', false],
  ['detectable_format:number_highlighted_sections', { num_highlights: 1 }, '**bold**', true],
  [
    'detectable_format:multiple_sections',
    { section_spliter: 'SECTION', num_sections: 2 },
    'SECTION 1\na\nSECTION 2\nb',
    true,
  ],
  [
    'detectable_format:multiple_sections',
    { section_spliter: 'SECTION', num_sections: 3 },
    'SECTION 1\na\nSECTION 2\nb',
    false,
  ],
  ['detectable_format:json_format', {}, '```json\n{"a": [1, NaN, -Infinity]}\n```', true],
  ['detectable_format:json_format', {}, '{"a": "NaN", }', false],
  ['detectable_format:title', {}, 'x\n<<A title>>\ny', true],
  ['detectable_format:title', {}, '<< >>', false],
  ['combination:two_responses', {}, 'one\n******\ntwo', true],
  ['combination:two_responses', {}, 'one\n******\none ', false],
  ['combination:two_responses', {}, 'one******\n******two', false],
  ['combination:repeat_prompt', { prompt_to_repeat: 'Say Hi ' }, ' say hi\nthen more', true],
  ['combination:repeat_prompt', { prompt_to_repeat: 'Say Hi' }, 'hi', false],
  ['startend:end_checker', { end_phrase: 'That is all.' }, '… "that is ALL."', true],
  ['startend:end_checker', { end_phrase: 'That is all.' }, 'That is all. Bye', false],
  ['startend:quotation', {}, ' "quoted"\n', true],
  ['startend:quotation', {}, '"', false],
  [
    'change_case:capital_word_frequency',
    { capital_frequency: 3, capital_relation: 'at least' },
    'WE LIKE "NASA", I think',
    true,
  ],
  [
    'change_case:capital_word_frequency',
    { capital_frequency: 3, capital_relation: 'less than' },
    "IT'S NICE",
    false,
  ],
  ['change_case:english_capital', {}, 'THIS IS THE WAY, 42', true],
  ['change_case:english_capital', {}, 'DAS IST NICHT DER WEG UND', false],
  ['change_case:english_lowercase', {}, 'this is the way', true],
  ['change_case:english_lowercase', {}, 'This is the way', false],
  ['punctuation:no_comma', {}, 'no; comma', true],
  ['punctuation:no_comma', {}, 'a, comma', false],
];

describe('the 25 instructions', () => {
  it.each(table)('%s %j on %j', (id, args, response, strict) => {
    expect(followsRule(response, id, args).strict).toBe(strict);
  });

  it('are 25, each with a case that holds and one that does not', () => {
    const ids = Object.keys(ifevalRules);
    expect(ids).toHaveLength(25);
    for (const id of ids) {
      expect(new Set(table.filter(([name]) => name === id).map(([, , , strict]) => strict)), id).toEqual(
        new Set([true, false]),
      );
    }
  });

  it('never hold for a blank response', () => {
    expect(followsRule(' \n', 'punctuation:no_comma', {})).toMatchObject({ strict: false, loose: false });
  });
});

describe('strict and loose', () => {
  it('tries first and last line removed, and asterisks deleted', () => {
    expect(looseVariants('a\n*b*\nc')).toEqual([
      'a\n*b*\nc',
      '*b*\nc',
      'a\n*b*',
      '*b*',
      'a\nb\nc',
      'b\nc',
      'a\nb',
      'b',
    ]);
    expect(followsRule('Sure, here it is:\nno comma here', 'punctuation:no_comma', {})).toMatchObject({
      strict: false,
      loose: true,
    });
  });

  it('gives prompt and instruction scores, with and without what is approximated', () => {
    const ifeval = benchmarkOf('ifeval');
    const row = ifeval.read(
      {
        key: 1,
        prompt: 'p',
        instruction_id_list: ['punctuation:no_comma', 'length_constraints:number_sentences'],
        kwargs: [{ num_words: null }, { num_sentences: 3, relation: 'at least' }],
      },
      'row 0',
    );
    const { score, measures } = ifeval.grade('One sentence only.', row, { mode: 'prompt-strict' });
    expect(score).toBe(0);
    expect(measures['instruction strict']).toEqual([1, 2]);
    expect(measures['prompt strict, exact rules only']).toBe(1);
    expect(measures['instruction strict, exact rules only']).toEqual([1, 1]);
    expect(ruleArguments({ frequency: 0, word: '', other: null })).toEqual({ frequency: 0, word: '' });
    expect(
      ifeval.violations(
        ifeval.read({ instruction_id_list: ['startend:end_checker', 'new:rule'], kwargs: [{}, {}] }, 'row 1'),
      ),
    ).toEqual(['instruction startend:end_checker has no end_phrase', 'instruction new:rule is not known']);
  });
});

describe('text as Python sees it', () => {
  it('breaks lines only at \\n, and knows letters of all scripts as word characters', () => {
    expect('a\u2028b'.match(pythonPattern('a.b'))).not.toBeNull();
    expect('a\nb'.match(pythonPattern('a.b'))).toBeNull();
    expect('über'.match(pythonPattern('\\bber\\b'))).toBeNull();
    expect(wordsOf("naïve l'été_2 漢字")).toEqual(['naïve', 'l', 'été_2', '漢字']);
    expect([isUpper('ÀB1'), isUpper('1'), isUpper('AǅB'), isLower('ß!'), isLower('')]).toEqual([
      true,
      false,
      false,
      true,
      false,
    ]);
  });

  it('takes patterns that could run for ever, or are none, as plain text', () => {
    expect('x(a+)+$y'.match(pythonPattern('(a+)+$'))?.[0]).toBe('(a+)+$');
    expect('c++ code'.match(pythonPattern('c++'))?.[0]).toBe('c++');
    expect('a (a-b'.match(pythonPattern('(a-b'))?.[0]).toBe('(a-b');
  });
});
