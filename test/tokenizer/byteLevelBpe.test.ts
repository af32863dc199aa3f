import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tokenizerOf, loadTokenizer } from '../../src/tokenizer/loadTokenizer.ts';
import { ByteLevelBpe } from '../../src/tokenizer/byteLevelBpe.ts';
import {
  byteLevel,
  isolate,
  patterns,
  readQwen3Json,
  referenceEncoder,
  smallTokenizerJson,
} from '../helpers/tokenizers.ts';

const qwen3Json = readQwen3Json();
const qwen3 = loadTokenizer(qwen3Json, 'qwen3');
const qwen3Reference = referenceEncoder(qwen3Json);

const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text);

/** Texts chosen to meet every alternative of the patterns, normalisation, and added tokens. */
const awkward: readonly string[] = [
  '',
  ' ',
  "I'll say they'VE don't'S it's'd 'sam 'RE 'x ''''s",
  'a  b   c\t\td \n e\r\n\r\n  f\n\n\n   g   ',
  'x;\n\n  }\n\t\treturn  1;\r\n//////\n/a/b/\n',
  '12345678901234567890 1,234.5 ½ ٣٤٥ 四 Ⅷ 1st 2nd',
  'é e\u0301 \u0301 a\u0323\u0307 a\u0307\u0323 \u1100\u1161\u11a8 \u212a \u0958, \u0344 <\u0338 \u037e',
  '👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇫🇷 👍🏽 ✌️ \u{1d400}\u{1d7d8}\u{20000} \u{10ffff}',
  '日本語のテキスト、漢字とカナ。한국어 텍스트 中文分词测试',
  'العربية עברית हिन्दी ไทย ქართული አማርኛ ελληνικά Ünïcödé ǅ ʰ ª',
  'lone \ud800 surrogates \udc00\ud800 x\udfff',
  'nbsp\u00a0\u2003\u3000wide\u2028line\u2029para\u0085nel\ufeffbom\u200bzw\u180e',
  '\0\u0001\u007f\u0080 control',
  '<|im_start|>user\nhi<|im_end|>\n<|im_end|><|im_en d|><tool_call>{"a": 1}</tool_call>  <tool_call>',
  '<|endoftext|><<|im_end|>>e\u0301<|im_end|>\u0301 <think>\n\n</think>',
  `${' '.repeat(300)}x${'\n'.repeat(300)}${'='.repeat(300)}${'ab'.repeat(300)}${'9'.repeat(300)}`,
  'fooBarBAZqux HTTPServer XMLHttpRequest iPhone’s McDonald\u2019s ΑΒΓδεζ АБВгд',
];

/** Arbitrary text with a taste for what patterns and normalisation treat specially. */
const anyText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ' ',
        '  ',
        '\n',
        '\r\n',
        '\t',
        "'",
        "'s",
        "'LL",
        'the',
        'The',
        ' then',
        '12',
        '1',
        '.',
        '/',
      ),
      fc.constantFrom(
        '<',
        '|',
        '<|im_end|>',
        '<|im_',
        'end|>',
        '<tool_call>',
        '\u0301',
        'e',
        '\u1161',
        '\u1100',
      ),
      fc.constantFrom(
        '\ud83d',
        '\ude00',
        '\u3000',
        '\u00a0',
        '\ufeff',
        '\u0085',
        'ǅ',
        'ʰ',
        '東',
        'É',
        '\u0958',
      ),
      fc.string({ unit: 'binary', maxLength: 4 }),
      fc.string({ maxLength: 6 }),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''));

describe("Qwen3's tokenizer", () => {
  it.each(awkward.map((text) => [JSON.stringify(text).slice(0, 60), text]))(
    'encodes %s as the reference',
    (_, text) => {
      const ids = qwen3.encode(text);
      expect(ids).toEqual(qwen3Reference(text));
      expect(qwen3.count(text)).toBe(ids.length);
      if (isWellFormed(text)) expect(qwen3.decode(ids)).toBe(decodeExpectation(text));
    },
  );

  it('gives the ids of the reference for any text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const ids = qwen3.encode(text);
        expect(ids).toEqual(qwen3Reference(text));
        expect(qwen3.count(text)).toBe(ids.length);
      }),
      { numRuns: 2000 },
    );
  });

  it('takes long texts in chunks without changing a token', () => {
    const parts = awkward.filter((text) => isWellFormed(text));
    let text = '';
    for (let i = 0; text.length < 300_000; i++) text += `${parts[i % parts.length] ?? ''} ${i} `;
    expect(qwen3.encode(text)).toEqual(qwen3Reference(text));
  });

  it('stays near linear on text without any boundary', () => {
    const letters = (length: number): string =>
      Array.from({ length }, (_, i) => String.fromCharCode(97 + ((((i * 7919) % 26) + (i % 5)) % 26))).join(
        '',
      );
    const timed = (text: string): number => {
      const start = performance.now();
      qwen3.count(text);
      return performance.now() - start;
    };
    timed(letters(50_000));
    const small = timed(letters(100_000));
    const large = timed(letters(1_000_000));
    // Ten times the text may take a few times more than ten times as long (caches), never a hundred times.
    expect(large).toBeLessThan(small * 50);
    expect(qwen3.encode(letters(20_000))).toEqual(qwen3Reference(letters(20_000)));
  });

  it('knows its ids and where they came from', () => {
    expect(qwen3.sha256).toBe('aeb13307a71acd8fe81861d94ad54ab689df773318809eed3cbe794b4492dae4');
    expect(qwen3.tokenToId('<|im_end|>')).toBe(151645);
    expect(qwen3.tokenToId('Ġthe')).toBe(qwen3Reference(' the')[0]);
    expect(qwen3.tokenToId('no such token')).toBeNull();
    expect(qwen3.tokenToId('__proto__')).toBeNull();
    expect(qwen3.vocabSize).toBe(151669);
  });
});

/** Text as it comes back: normalised, except that added tokens cut it before. */
function decodeExpectation(text: string): string {
  return text
    .split(/(<\|im_end\|>|<\|im_start\|>|<\|endoftext\|>)/)
    .map((part) => part.normalize('NFC'))
    .join('');
}

describe('other tokenizers of the family', () => {
  const added = [
    { content: '<|a|>', special: true },
    { content: '<|a|>b' },
    { content: 'NFÉ', normalized: true },
  ];
  const kinds: Record<string, string> = {
    'GPT-2 (pattern inside ByteLevel)': smallTokenizerJson({
      preTokenizers: [{ ...byteLevel, use_regex: true }],
      addedTokens: added,
    }),
    cl100k: smallTokenizerJson({ preTokenizers: [isolate(patterns.cl100k), byteLevel], addedTokens: added }),
    'Llama 3 (whole words before merges)': smallTokenizerJson({
      preTokenizers: [isolate(patterns.cl100k), byteLevel],
      ignoreMerges: true,
    }),
    o200k: smallTokenizerJson({ preTokenizers: [isolate(patterns.o200k), byteLevel] }),
    'o200k with NFKC and normalised added tokens': smallTokenizerJson({
      preTokenizers: [isolate(patterns.o200k), byteLevel],
      normalizer: { type: 'NFKC' },
      addedTokens: added,
    }),
    'any other pattern': smallTokenizerJson({ preTokenizers: [isolate(patterns.unknown), byteLevel] }),
    'digits alone, then GPT-2': smallTokenizerJson({
      preTokenizers: [
        { type: 'Digits', individual_digits: true },
        { ...byteLevel, use_regex: true },
      ],
      addedTokens: added,
    }),
  };

  it.each(Object.entries(kinds))('%s: ids of the reference for any text', (_, json) => {
    const tokenizer = loadTokenizer(json, 'small');
    expect(tokenizer).toBeInstanceOf(ByteLevelBpe);
    const reference = referenceEncoder(json);
    const check = (text: string): void => {
      expect(tokenizer.encode(text)).toEqual(reference(text));
      expect(tokenizer.count(text)).toBe(tokenizer.encode(text).length);
    };
    for (const text of [...awkward, 'x<|a|>b<|a|>NFÉ NFE\u0301 <|a|', 'ﬁne ①② … ¨']) check(text);
    fc.assert(fc.property(anyText, check), { numRuns: 400 });
  });

  it('refuses expressions that could run for ever, before any text meets them', () => {
    const json = smallTokenizerJson({ preTokenizers: [isolate('(\\p{L}+ ?)+$'), byteLevel] });
    expect(() => loadTokenizer(json, 'hostile')).toThrow(/pre_tokenizer\.pretokenizers\[0\]\.pattern\.Regex/);
  });

  it('leaves other families to the reference and says why', () => {
    const json = smallTokenizerJson({
      preTokenizers: [isolate(patterns.cl100k), byteLevel],
      addedTokens: [{ content: '<mask>', lstrip: true }],
    });
    const tokenizer = loadTokenizer(json, 'stripping');
    expect(tokenizer.slowBecause).toMatch(/"<mask>" strips the white space/);
    const reference = referenceEncoder(json);
    for (const text of awkward) expect(tokenizer.encode(text)).toEqual(reference(text));
  });

  it('refuses what is no tokenizer, naming what it found', () => {
    expect(() => loadTokenizer('{"model": {', 'cut')).toThrow(/cut cannot be read/);
    expect(() => tokenizerOf({ model: { type: 'Nonsense' } }, 'odd', '')).toThrow(/odd is of no known kind/);
    expect(() => tokenizerOf(null, 'nothing', '')).toThrow(/not a JSON object/);
  });
});
