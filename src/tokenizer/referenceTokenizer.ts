import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import type { JsonObject } from '../core/json.ts';
import type { Tokenizer } from './types.ts';

/** Any tokenizer.json, run by `@huggingface/tokenizers`: for families that our own implementation does not cover. */
export class ReferenceTokenizer implements Tokenizer {
  readonly name: string;
  readonly sha256: string;
  readonly vocabSize: number;
  readonly slowBecause: string;
  private readonly inner: HuggingFaceTokenizer;

  /** @throws when the reference cannot read the file either. */
  constructor(json: JsonObject, name: string, sha256: string, slowBecause: string) {
    const complete = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, ...json };
    this.inner = new HuggingFaceTokenizer({ added_tokens: [], ...complete }, {});
    this.name = name;
    this.sha256 = sha256;
    this.slowBecause = slowBecause;
    let largest = -1;
    for (const id of this.inner.get_vocab().values()) largest = Math.max(largest, id);
    this.vocabSize = largest + 1;
  }

  encode(text: string): Uint32Array {
    return Uint32Array.from(this.inner.encode(text, { add_special_tokens: false }).ids);
  }

  count(text: string): number {
    return this.inner.encode(text, { add_special_tokens: false }).ids.length;
  }

  decode(ids: ArrayLike<number>): string {
    if (ids.length === 0) return '';
    return this.inner.decode(Array.from(ids), { clean_up_tokenization_spaces: false });
  }

  tokenToId(token: string): number | null {
    return this.inner.token_to_id(token) ?? null;
  }
}
