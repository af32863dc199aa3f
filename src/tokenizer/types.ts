/** Counts and encodes text exactly as the tokenizer.json it was made from does. */
export interface Tokenizer {
  /** Short name for records (`qwen3`, or the folder's name). */
  readonly name: string;
  /** sha256 of the tokenizer.json, hex. */
  readonly sha256: string;
  readonly vocabSize: number;
  /** Ids, added tokens in the text recognised as the reference does; no post-processor specials. */
  encode(text: string): Uint32Array;
  /** `encode(text).length` without building the ids. */
  count(text: string): number;
  decode(ids: ArrayLike<number>): string;
  tokenToId(token: string): number | null;
  /**
   * True only when cutting `text` at `at` is certain to give the same tokens: `encode(text)` is then
   * `encode(text.slice(0, at))` followed by `encode(text.slice(at))`. Absent where nothing is known.
   */
  isSafeCut?(text: string, at: number): boolean;
  /** Why the slower reference implementation runs this tokenizer; absent when our own does. */
  readonly slowBecause?: string;
}
