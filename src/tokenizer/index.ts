/** What other layers use of the tokenizer layer. */
export type { Tokenizer } from './types.ts';
export { byteLevelModelOf, loadTokenizer, tokenizerOf } from './loadTokenizer.ts';
export { isCompactTokenizer, writeCompactTokenizer } from './compactForm.ts';
export {
  bundledTokenizers,
  fetchBelow,
  loadBundledTokenizer,
  openBundledTokenizer,
} from './bundledTokenizers.ts';
export { type ChatMessage, ChatTemplate, type RenderedChat, type RenderOptions } from './chatTemplate.ts';
export { qwen3Template } from './qwen3Template.ts';
export { type CountedText, countJoined, countText, isSafeBoundary } from './countJoined.ts';
export { PairCounter, type PairOptions, type PairTokens } from './countPair.ts';
