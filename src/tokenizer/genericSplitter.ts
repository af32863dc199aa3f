import { SequencePreTokenizer } from '@huggingface/tokenizers';
import type { JsonValue } from '../core/json.ts';

/** Cuts text into pre-tokens. */
export type Splitter = (text: string) => readonly string[];

/**
 * Pre-tokenizers without a scanner of their own, run by the reference implementation.
 * @param configs the `pretokenizers` of a tokenizer.json, without the final `ByteLevel`.
 * @throws when the reference does not know one of them.
 */
export function genericSplitter(configs: JsonValue[]): Splitter {
  type Config = ConstructorParameters<typeof SequencePreTokenizer>[0];
  const sequence = new SequencePreTokenizer({
    type: 'Sequence',
    pretokenizers: configs,
  } as unknown as Config);
  return (text) => sequence.pre_tokenize(text);
}
