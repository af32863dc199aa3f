import type { TokenCounter } from '../countText.ts';

/** Sentences that say nothing about anything: one a line, so that their counts add up. */
const sentences = [
  'The grass is green and the sky is blue.',
  'Here we go, and there and back again.',
  'The day was long and the road was even.',
  'Water runs down and smoke goes up.',
];

/**
 * Neutral text of exactly `tokens` tokens when it stands between two line breaks (the closest possible count
 * where a tokenizer allows no exact one). Whole sentences first, then single words.
 */
export function fillerText(tokens: number, counter: TokenCounter): string {
  if (tokens <= 0) return '';
  const lines: string[] = [];
  let left = tokens;
  for (let index = 0; ; index++) {
    const line = `${sentences[index % sentences.length]!}\n`;
    const size = counter.count(line);
    if (size === 0 || size > left) break;
    lines.push(line);
    left -= size;
  }
  return lines.join('') + words(left, counter);
}

/** The fewest words that reach `tokens`. */
function words(tokens: number, counter: TokenCounter): string {
  let text = '';
  for (let guard = 0; guard < 4 * tokens + 4 && counter.count(text) < tokens; guard++)
    text += text === '' ? 'and' : ' and';
  return text;
}
