import { isObject, type JsonObject, type JsonValue } from '../core/json.ts';
import type { AddedToken } from './addedTokens.ts';
import { spelledBytes, spellByte } from './byteAlphabet.ts';
import type { BpeModel, NormalizationForm, PreTokenization } from './bpeModel.ts';
import { Vocabulary } from './vocabulary.ts';

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const otherwise = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const caseWords = (suffix: string): string => {
  const upper = '\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}';
  const lower = '\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}';
  const lead = '[^\\r\\n\\p{L}\\p{N}]?';
  return `${lead}[${upper}]*[${lower}]+${suffix}|${lead}[${upper}]+[${lower}]*${suffix}`;
};
/** Patterns (as published in tokenizer.json files) that have a scanner of their own. */
const scannerOfPattern = new Map<string, 'qwen2' | 'cl100k' | 'o200k' | 'gpt2'>([
  [
    `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${otherwise}`,
    'qwen2',
  ],
  [
    `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${otherwise}`,
    'cl100k',
  ],
  [`${caseWords(`${contractions}?`)}|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${otherwise}`, 'o200k'],
  ["'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", 'gpt2'],
]);

/** What `readTokenizerJson` found: a model, or in which ways the file is not of the byte-level BPE family. */
export type TokenizerJsonResult =
  | { readonly ok: true; readonly model: BpeModel }
  | { readonly ok: false; readonly differences: readonly string[] };

/**
 * Reads a parsed Hugging Face tokenizer.json of the byte-level BPE family (GPT-2, Qwen, Llama 3, cl100k, o200k).
 * @param sha256 of the file's bytes, hex.
 */
export function readTokenizerJson(json: unknown, name: string, sha256: string): TokenizerJsonResult {
  const differences: string[] = [];
  if (!isObject(json)) return { ok: false, differences: ['the file is not a JSON object'] };
  const addedTokens = readAddedTokens(json['added_tokens'], differences);
  const normalization = readNormalizer(json['normalizer'] ?? null, differences);
  const preTokenization = readPreTokenizer(json['pre_tokenizer'] ?? null, differences);
  const model = json['model'];
  if (!isObject(model)) return { ok: false, differences: ['it has no model'] };
  checkModel(model, differences);
  if (differences.length > 0 || !preTokenization) return { ok: false, differences };
  const tables = readTables(model, addedTokens, differences);
  if (!tables) return { ok: false, differences };
  return {
    ok: true,
    model: {
      name,
      sha256,
      ...tables,
      addedTokens,
      normalization,
      preTokenization,
      ignoreMerges: model['ignore_merges'] === true,
    },
  };
}

function readAddedTokens(value: JsonValue | undefined, differences: string[]): AddedToken[] {
  const tokens: AddedToken[] = [];
  if (value === undefined || value === null) return tokens;
  if (!Array.isArray(value)) {
    differences.push('added_tokens is not a list');
    return tokens;
  }
  for (const entry of value) {
    if (!isObject(entry) || typeof entry['content'] !== 'string' || !isTokenId(entry['id'])) {
      differences.push(`an added token has no content or id: ${JSON.stringify(entry).slice(0, 80)}`);
      continue;
    }
    const content = entry['content'];
    if (entry['lstrip'] === true || entry['rstrip'] === true) {
      differences.push(`added token ${JSON.stringify(content)} strips the white space beside it`);
    }
    if (content === '' || /[\p{Surrogate}\ufffd]/u.test(content)) {
      differences.push(`added token ${JSON.stringify(content)} is empty or not valid text`);
    }
    const special = entry['special'] === true;
    const normalized = typeof entry['normalized'] === 'boolean' ? entry['normalized'] : !special;
    tokens.push({ id: entry['id'], content, special, normalized });
  }
  return tokens;
}

function isTokenId(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 1 << 24;
}

function readNormalizer(value: JsonValue, differences: string[]): NormalizationForm | null {
  if (value === null) return null;
  const type = isObject(value) ? value['type'] : undefined;
  if (type === 'NFC' || type === 'NFD' || type === 'NFKC' || type === 'NFKD') return type;
  differences.push(`its normalizer is ${JSON.stringify(type)}, not a Unicode normalisation form`);
  return null;
}

function readPreTokenizer(value: JsonValue, differences: string[]): PreTokenization | null {
  const list = !isObject(value) ? [] : value['type'] === 'Sequence' ? value['pretokenizers'] : [value];
  const configs = Array.isArray(list) ? list : [];
  const last = configs[configs.length - 1];
  if (!isObject(last) || last['type'] !== 'ByteLevel') {
    differences.push('its pre-tokenizers do not end in ByteLevel');
    return null;
  }
  if (configs.filter((config) => isObject(config) && config['type'] === 'ByteLevel').length > 1) {
    differences.push('it has several ByteLevel pre-tokenizers');
    return null;
  }
  if (last['add_prefix_space'] === true) {
    differences.push('ByteLevel adds a space before the text');
    return null;
  }
  const before = configs.slice(0, -1);
  const thenGpt2 = last['use_regex'] !== false;
  if (thenGpt2) {
    if (before.length === 0) return { kind: 'scanner', scanner: 'gpt2-script-space' };
    return { kind: 'generic', configs: before, thenGpt2 };
  }
  const only = before.length === 1 ? before[0] : undefined;
  const scanner = isObject(only) ? scannerOf(only) : undefined;
  return scanner ? { kind: 'scanner', scanner } : { kind: 'generic', configs: before, thenGpt2 };
}

function scannerOf(split: JsonObject): 'qwen2' | 'cl100k' | 'o200k' | 'gpt2' | undefined {
  if (split['type'] !== 'Split' || !isObject(split['pattern'])) return undefined;
  // All these patterns cover all text, so "isolate the matches" and "remove all else" give the same pieces.
  const behavior = typeof split['behavior'] === 'string' ? split['behavior'].toLowerCase() : '';
  const covers =
    (behavior === 'isolated' && split['invert'] !== true) ||
    (behavior === 'removed' && split['invert'] === true);
  const pattern = split['pattern']['Regex'];
  return covers && typeof pattern === 'string' ? scannerOfPattern.get(pattern) : undefined;
}

function checkModel(model: JsonObject, differences: string[]): void {
  if (model['type'] !== undefined && model['type'] !== null && model['type'] !== 'BPE') {
    differences.push(`its model is ${JSON.stringify(model['type'])}, not BPE`);
    return;
  }
  if (!isObject(model['vocab']) || !Array.isArray(model['merges'])) {
    differences.push('its model has no vocab and merges');
    return;
  }
  if (model['byte_fallback'] === true) differences.push('it falls back to <0x..> byte tokens');
  for (const key of ['continuing_subword_prefix', 'continuing_subword_suffix', 'end_of_word_suffix']) {
    if (model[key]) differences.push(`it uses ${key} ${JSON.stringify(model[key])}`);
  }
  if (typeof model['dropout'] === 'number' && model['dropout'] > 0)
    differences.push('it drops merges at random');
}

/** Vocabulary and merges as typed arrays. */
function readTables(
  model: JsonObject,
  addedTokens: readonly AddedToken[],
  differences: string[],
): Pick<BpeModel, 'vocabulary' | 'merges' | 'unspelled'> | null {
  const vocab = isObject(model['vocab']) ? model['vocab'] : {};
  const merges = Array.isArray(model['merges']) ? model['merges'] : [];
  const ids = new Map<string, number>();
  let largest = -1;
  let byteCount = 0;
  for (const token of Object.keys(vocab)) {
    const id = vocab[token];
    if (!isTokenId(id)) {
      differences.push(`token ${JSON.stringify(token).slice(0, 80)} has no valid id`);
      return null;
    }
    ids.set(token, id);
    if (id > largest) largest = id;
    byteCount += token.length;
  }
  for (const { content, id } of addedTokens) {
    const inVocab = ids.get(content);
    if (inVocab !== undefined && inVocab !== id) {
      differences.push(`added token ${JSON.stringify(content)} has another id in the vocabulary`);
      return null;
    }
  }
  for (let byte = 0; byte < 256; byte++) {
    if (!ids.has(spellByte(byte))) {
      differences.push(`its vocabulary lacks the byte 0x${byte.toString(16).padStart(2, '0')}`);
      return null;
    }
  }
  const { vocabulary, unspelled, isDouble } = packVocabulary(ids, largest + 1, byteCount);
  if (isDouble) {
    differences.push('two tokens of its vocabulary share an id');
    return null;
  }
  const packedMerges = packMerges(merges, ids, differences);
  return packedMerges ? { vocabulary, unspelled, merges: packedMerges } : null;
}

function packVocabulary(
  ids: ReadonlyMap<string, number>,
  size: number,
  byteCount: number,
): { vocabulary: Vocabulary; unspelled: (readonly [string, number])[]; isDouble: boolean } {
  const texts = new Array<string | undefined>(size);
  let isDouble = false;
  for (const [token, id] of ids) {
    if (texts[id] !== undefined) isDouble = true;
    texts[id] = token;
  }
  const unspelled: (readonly [string, number])[] = [];
  const bytes = new Uint8Array(byteCount);
  const offsets = new Uint32Array(size + 1);
  let end = 0;
  for (let id = 0; id < size; id++) {
    const token = texts[id];
    if (token !== undefined) {
      const spelled = spelledBytes(token);
      if (spelled === null || spelled.length === 0) unspelled.push([token, id]);
      else {
        bytes.set(spelled, end);
        end += spelled.length;
      }
    }
    offsets[id + 1] = end;
  }
  return { vocabulary: new Vocabulary(bytes.slice(0, end), offsets), unspelled, isDouble };
}

function packMerges(
  merges: readonly JsonValue[],
  ids: ReadonlyMap<string, number>,
  differences: string[],
): Int32Array | null {
  const packed = new Int32Array(merges.length * 3);
  // Older files write a pair as one string with a space between; the form of the first entry counts for all.
  const asPairs = Array.isArray(merges[0]);
  for (let rank = 0; rank < merges.length; rank++) {
    const entry = merges[rank];
    const pair = asPairs ? entry : typeof entry === 'string' ? entry.split(' ', 2) : undefined;
    const [left, right] = Array.isArray(pair) ? pair : [];
    const leftId = typeof left === 'string' ? ids.get(left) : undefined;
    const rightId = typeof right === 'string' ? ids.get(right) : undefined;
    const result = typeof left === 'string' && typeof right === 'string' ? ids.get(left + right) : undefined;
    if (leftId === undefined || rightId === undefined || result === undefined) {
      differences.push(`merge ${rank} (${JSON.stringify(entry).slice(0, 80)}) is not of vocabulary tokens`);
      return null;
    }
    packed[rank * 3] = leftId;
    packed[rank * 3 + 1] = rightId;
    packed[rank * 3 + 2] = result;
  }
  return packed;
}
