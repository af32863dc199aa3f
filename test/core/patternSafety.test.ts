import { describe, expect, it } from 'vitest';
import { runawayPart } from '../../src/core/patternSafety.ts';

describe('expressions that may run away', () => {
  it.each([
    ['(a+)+$', '(a+)+'],
    ['x(?:a|aa)*y', '(?:a|aa)*'],
    ['^(\\p{L}+ ?)+$', '(\\p{L}+ ?)+'],
    ['((a{2,}b))+', '((a{2,}b))+'],
    ['(?<word>[)a]*){2,}', '(?<word>[)a]*){2,}'],
    ['(a?a?)*', '(a?a?)*'],
    ['((a|ab)(c))*', '((a|ab)(c))*'],
    ['(.+){1,40}', '(.+){1,40}'],
  ])('are found: %s', (pattern, part) => expect(runawayPart(pattern)).toBe(part));

  it.each([
    // The pre-tokenizers of GPT-2, GPT-4, Qwen, Llama 3, GPT-4o, DeepSeek, CLIP and Falcon.
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+',
    "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+",
    '[0-9][0-9][0-9]',
    '(?i)(?:ab){3}|(?:a|b)+',
    'model\\.layers\\.(0|1|2)\\.(q|k)_proj',
  ])('are not seen where there are none: %s', (pattern) => expect(runawayPart(pattern)).toBeNull());
});
