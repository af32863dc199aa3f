import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { InputError, messageOf } from '../core/errors.ts';
import { isObject } from '../core/json.ts';
import { runawayPart } from '../core/patternSafety.ts';
import type { BpeModel } from './bpeModel.ts';
import { ByteLevelBpe } from './byteLevelBpe.ts';
import { isCompactTokenizer, readCompactTokenizer } from './compactForm.ts';
import { ReferenceTokenizer } from './referenceTokenizer.ts';
import { readTokenizerJson } from './tokenizerJson.ts';
import type { Tokenizer } from './types.ts';

/** sha256 of bytes, hex. */
function sha256Hex(bytes: Uint8Array): string {
  return bytesToHex(sha256(bytes));
}

/**
 * The tokenizer of a tokenizer.json, given as its bytes or text, or as the bytes of our compact form.
 * The byte-level BPE family runs on our own implementation; all else on `@huggingface/tokenizers`, and then
 * `slowBecause` says what differs.
 * @throws InputError when neither can read it.
 */
export function loadTokenizer(file: Uint8Array | string, name: string): Tokenizer {
  if (typeof file !== 'string' && isCompactTokenizer(file)) {
    const model = readCompactTokenizer(file);
    return new ByteLevelBpe({ ...model, name });
  }
  const bytes = typeof file === 'string' ? new TextEncoder().encode(file) : file;
  const text = typeof file === 'string' ? file : new TextDecoder().decode(file);
  return tokenizerOf(parseJson(text, name), name, sha256Hex(bytes));
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputError('tokenizer-not-json', `The tokenizer ${name} cannot be read`, {
      expected: 'the JSON of a Hugging Face tokenizer.json',
      actual: messageOf(error),
    });
  }
}

/** Refuses expressions that would keep a text's reader busy for ever. @param path of the value in the file. */
function refuseRunaways(value: unknown, path: string, name: string): void {
  if (Array.isArray(value)) value.forEach((each, at) => refuseRunaways(each, `${path}[${at}]`, name));
  if (!isObject(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    const runaway = key === 'Regex' && typeof inner === 'string' ? runawayPart(inner) : null;
    if (runaway !== null) {
      throw new InputError('tokenizer-runaway', `An expression of the tokenizer ${name} could run for ever`, {
        where: `${path}.${key}`,
        expected: 'no repetition of what itself matches texts of different lengths',
        actual: runaway,
      });
    }
    refuseRunaways(inner, `${path}.${key}`, name);
  }
}

/** The same for a parsed tokenizer.json. @param sha256 of the file it came from, hex. */
export function tokenizerOf(json: unknown, name: string, sha256: string): Tokenizer {
  if (isObject(json))
    for (const part of ['normalizer', 'pre_tokenizer', 'decoder']) refuseRunaways(json[part], part, name);
  const result = readTokenizerJson(json, name, sha256);
  let reason: string;
  if (result.ok) {
    try {
      return new ByteLevelBpe(result.model);
    } catch (error) {
      reason = `a pre-tokenizer is not known: ${messageOf(error)}`;
    }
  } else reason = result.differences.join('; ');
  try {
    if (!isObject(json)) throw new Error(reason);
    return new ReferenceTokenizer(json, name, sha256, reason);
  } catch (error) {
    throw new InputError('tokenizer-unknown', `The tokenizer ${name} is of no known kind`, {
      expected: 'a Hugging Face tokenizer.json',
      actual: `${reason}; the reference implementation says: ${messageOf(error)}`,
    });
  }
}

/**
 * The model of a byte-level BPE tokenizer.json, for writing its compact form.
 * @throws InputError that names every way in which the file is not of that family.
 */
export function byteLevelModelOf(file: Uint8Array, name: string): BpeModel {
  const result = readTokenizerJson(parseJson(new TextDecoder().decode(file), name), name, sha256Hex(file));
  if (result.ok) return result.model;
  throw new InputError(
    'tokenizer-not-byte-level',
    `The tokenizer ${name} is not a byte-level BPE tokenizer`,
    {
      expected: 'the family of GPT-2, Qwen and Llama 3',
      actual: result.differences.join('; '),
    },
  );
}
