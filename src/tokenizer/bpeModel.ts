import type { AddedToken } from './addedTokens.ts';
import type { JsonValue } from '../core/json.ts';
import type { Vocabulary } from './vocabulary.ts';

export type NormalizationForm = 'NFC' | 'NFD' | 'NFKC' | 'NFKD';

/** How text is cut into pre-tokens. */
export type PreTokenization =
  /** A pattern whose scanner is written by hand. */
  | {
      readonly kind: 'scanner';
      readonly scanner: 'qwen2' | 'cl100k' | 'o200k' | 'gpt2' | 'gpt2-script-space';
    }
  /** Any other pre-tokenizers (their configurations), run as the reference does, then the GPT-2 pattern if asked. */
  | { readonly kind: 'generic'; readonly configs: JsonValue[]; readonly thenGpt2: boolean };

/** Everything that a byte-level BPE tokenizer consists of. */
export interface BpeModel {
  readonly name: string;
  /** sha256 of the tokenizer.json, hex. */
  readonly sha256: string;
  readonly vocabulary: Vocabulary;
  /** `[left, right, result]` ids in rank order. */
  readonly merges: Int32Array;
  readonly addedTokens: readonly AddedToken[];
  /** Vocabulary entries that no bytes spell; only their ids matter. */
  readonly unspelled: readonly (readonly [string, number])[];
  readonly normalization: NormalizationForm | null;
  readonly preTokenization: PreTokenization;
  /** A pre-token that is in the vocabulary is one token, whatever the merges say. */
  readonly ignoreMerges: boolean;
}
