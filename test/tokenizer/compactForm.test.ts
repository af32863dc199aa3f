import { gzipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { loadBundledTokenizer } from '../../src/tokenizer/bundledTokenizers.ts';
import { isCompactTokenizer, writeCompactTokenizer } from '../../src/tokenizer/compactForm.ts';
import { byteLevelModelOf, loadTokenizer } from '../../src/tokenizer/loadTokenizer.ts';
import { byteLevel, isolate, patterns, readQwen3Json, smallTokenizerJson } from '../helpers/tokenizers.ts';

describe('the compact form', () => {
  const json = readQwen3Json();
  const compact = writeCompactTokenizer(byteLevelModelOf(json, 'qwen3'));

  it('is the same tokenizer in a fraction of the bytes', async () => {
    const fromJson = loadTokenizer(json, 'qwen3');
    expect(isCompactTokenizer(compact)).toBe(true);
    expect(isCompactTokenizer(json)).toBe(false);
    expect(compact.length).toBeLessThan(json.length / 3);
    for (const file of [compact, gzipSync(compact, { level: 1 })]) {
      const loaded = await loadBundledTokenizer('qwen3', () => Promise.resolve(file));
      expect([loaded.name, loaded.sha256, loaded.vocabSize]).toEqual([
        'qwen3',
        fromJson.sha256,
        fromJson.vocabSize,
      ]);
      const text = '<|im_start|>user\nÉtat e\u0301 123 东京  \n\n<tool_call>';
      expect(loaded.encode(text)).toEqual(fromJson.encode(text));
      expect(loaded.tokenToId('<|im_end|>')).toBe(151645);
    }
  });

  it('keeps every setting', () => {
    const small = new TextEncoder().encode(
      smallTokenizerJson({
        preTokenizers: [isolate(patterns.unknown), byteLevel],
        normalizer: { type: 'NFKC' },
        ignoreMerges: true,
        addedTokens: [
          { content: '<a>', normalized: true },
          { content: '‹', special: true },
        ],
      }),
    );
    const original = loadTokenizer(small, 'small');
    const loaded = loadTokenizer(writeCompactTokenizer(byteLevelModelOf(small, 'small')), 'small');
    for (const text of ['the ﬁnal <a>＜a＞ ‹x› 12345', 'Then\r\n\r\n there']) {
      expect(loaded.encode(text)).toEqual(original.encode(text));
    }
  });

  it('says when it is damaged, and what other files are not', async () => {
    expect(() => loadTokenizer(compact.slice(0, compact.length - 5), 'cut')).toThrow(/damaged/);
    const garbled = compact.slice();
    garbled.fill(0x20, 12, 200);
    expect(() => loadTokenizer(garbled, 'garbled')).toThrow(/damaged/);
    const wordPiece = new TextEncoder().encode(
      '{"model": {"type": "WordPiece", "vocab": {}}, "normalizer": {"type": "Lowercase"}}',
    );
    expect(() => byteLevelModelOf(wordPiece, 'bert')).toThrow(
      /normalizer is "Lowercase".*do not end in ByteLevel.*"WordPiece", not BPE/,
    );
    await expect(loadBundledTokenizer('__proto__', () => Promise.resolve(compact))).rejects.toThrow(
      /No tokenizer called/,
    );
  });
});
