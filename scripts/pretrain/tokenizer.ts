/**
 * Trains the tokenizer of the model in the box: byte-level BPE with `ignore_merges`, so that a frequent word is one
 * token without its beginnings being tokens too. Words come first, by frequency; the rest of the vocabulary is
 * merges, learned on the words that are not in it.
 */

/** Splits off spaces before words, keeps letters and digits of a code together, and line ends by themselves. */
export const pattern =
  "(?:'s|'t)|[A-Za-z0-9]*[0-9][A-Za-z0-9]*| ?\\p{L}+(?![\\p{L}\\p{N}])| -> | ?[^\\s\\p{L}\\p{N}]+|\\n+|\\s+(?!\\S)|\\s+|\\p{N}+";

export const specials = [
  '<|pad|>',
  '<|end|>',
  '<|system|>',
  '<|user|>',
  '<|assistant|>',
  '<|tool|>',
  '<think>',
  '</think>',
  '<tool_call>',
  '</tool_call>',
];

function byteAlphabet(): string[] {
  const printable = [...Array(256).keys()].filter(
    (b) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255),
  );
  let next = 256;
  return [...Array(256).keys()].map((b) => String.fromCodePoint(printable.includes(b) ? b : next++));
}

export interface TokenizerOptions {
  readonly vocabSize: number;
  /** Merges beside the whole words. */
  readonly merges: number;
  /** Words that get a token whatever the counts say. */
  readonly always: readonly string[];
}

export function trainTokenizer(texts: Iterable<string>, options: TokenizerOptions): object {
  const alphabet = byteAlphabet();
  const spell = (text: string): string =>
    [...new TextEncoder().encode(text)].map((b) => alphabet[b]!).join('');
  const splitter = new RegExp(pattern, 'gu');
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const [piece] of text.matchAll(splitter)) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  }
  const room = options.vocabSize - 256 - specials.length - options.merges;
  const ranked = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([piece]) => piece);
  const whole: string[] = [];
  const taken = new Set<string>();
  for (const piece of [...options.always, ...ranked]) {
    if (whole.length >= room) break;
    if (new TextEncoder().encode(piece).length < 2 || taken.has(piece)) continue;
    taken.add(piece);
    whole.push(piece);
  }
  // Merges for what remains, each distinct piece weighed by its count.
  let rest = [...counts]
    .filter(([piece]) => !taken.has(piece))
    .map(([piece, count]) => ({ symbols: [...spell(piece)], count }));
  const merges: [string, string][] = [];
  const merged = new Set<string>(whole.map(spell));
  while (merges.length < options.merges) {
    const pairs = new Map<string, number>();
    for (const { symbols, count } of rest) {
      for (let i = 0; i + 1 < symbols.length; i++) {
        const key = `${symbols[i]!} ${symbols[i + 1]!}`;
        pairs.set(key, (pairs.get(key) ?? 0) + count);
      }
    }
    let best: [string, number] | null = null;
    for (const [key, count] of pairs) {
      if (!best || count > best[1] || (count === best[1] && key < best[0])) best = [key, count];
    }
    if (!best) break;
    const [a, b] = best[0].split(' ') as [string, string];
    merges.push([a, b]);
    merged.add(a + b);
    rest = rest.map(({ symbols, count }) => {
      const out: string[] = [];
      for (let i = 0; i < symbols.length; i++) {
        if (symbols[i] === a && symbols[i + 1] === b) {
          out.push(a + b);
          i++;
        } else out.push(symbols[i]!);
      }
      return { symbols: out, count };
    });
  }
  const vocab: Record<string, number> = {};
  let id = specials.length;
  for (const symbol of [...alphabet, ...merged]) if (!(symbol in vocab)) vocab[symbol] = id++;
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specials.map((content, index) => ({
      id: index,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: content.startsWith('<|'),
    })),
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
      ],
    },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: true,
      vocab,
      merges: merges.map(([a, b]) => `${a} ${b}`),
    },
  };
}

/** Turn by turn, two tokens around each; a reply's reasoning and tool calls inside the reply. */
export const chatTemplate = [
  '{%- for message in messages %}',
  "{{- '<|' + message.role + '|>' }}",
  "{%- if message.role == 'assistant' and message.reasoning_content is string and message.reasoning_content %}",
  "{{- '<think>\\n' + message.reasoning_content + '\\n</think>\\n\\n' }}",
  '{%- endif %}',
  '{%- if message.content is string %}',
  '{{- message.content }}',
  '{%- endif %}',
  '{%- if message.tool_calls %}',
  '{%- for call in message.tool_calls %}',
  '{%- set function = call.function if call.function else call %}',
  `{{- '<tool_call>{"name": "' + function.name + '", "arguments": ' }}`,
  '{{- function.arguments if function.arguments is string else function.arguments | tojson }}',
  "{{- '}</tool_call>' }}",
  '{%- endfor %}',
  '{%- endif %}',
  "{{- '<|end|>' }}",
  '{%- endfor %}',
  '{%- if add_generation_prompt %}',
  "{{- '<|assistant|>' }}",
  '{%- endif %}',
].join('\n');
