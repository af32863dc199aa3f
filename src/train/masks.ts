import { InputError } from '../core/errors.ts';
import type { ChatMessage, ChatTemplate, RenderedChat } from '../tokenizer/chatTemplate.ts';
import { tokenStarts } from '../tokenizer/tokenStarts.ts';
import type { Tokenizer } from '../tokenizer/types.ts';
import type { ConversationExample, TrainingExample } from './conversation.ts';
import { ignoredLabel } from './types.ts';

/** Which of the rendered text is learnt, beyond the assistant's own words. */
export interface MaskOptions {
  /** Also the line break after the end-of-turn token, as TRL's training templates do. */
  readonly superviseNewline: boolean;
}

export interface TextRange {
  readonly start: number;
  readonly end: number;
}

/** A conversation as the model reads it, with the ranges that it would write itself. */
export interface RenderedExample {
  readonly text: string;
  /** One for each assistant message, in order; `trained` as the example has it. */
  readonly turns: readonly (TextRange & { readonly message: number; readonly trained: boolean })[];
}

/** Token ids with labels: position i is to predict `labels[i]`. */
export interface EncodedExample {
  readonly id: string;
  readonly ids: Uint32Array;
  /** Shifted: the label of i is the token i + 1 where that is a target, `ignoredLabel` elsewhere. */
  readonly labels: Int32Array;
  readonly supervisedTokens: number;
  /** Tokens that lie across a border of what is learnt; they are context only. */
  readonly straddlingTokens: number;
  /** Learnt replies whose reasoning the chat template leaves out, since other turns follow. */
  readonly hiddenReasoning: number;
}

/** What an example is made of, token by token, for the mask inspector. */
export interface InspectedExample extends EncodedExample {
  readonly text: string;
  /** [T + 1]: where each token's text begins in `text`; null for examples that came as token ids. */
  readonly starts: Uint32Array | null;
  /** [T]: 1 where the token itself is a target. */
  readonly isTarget: Uint8Array;
  readonly turns: RenderedExample['turns'];
}

/** Fixed time for templates that print a date: training data must not change from day to day. */
const now = new Date(0);
/** Noncharacters around what stands for an assistant's words while the template is asked where it puts them. */
const [open, close] = ['\ufdd2', '\ufdd3'];
const marked = new RegExp(`${open}(\\d+)([rc])${close}`, 'g');

/** Renders examples through a chat template and makes ids and labels of them. */
export class ExampleEncoder {
  readonly tokenizer: Tokenizer;
  private readonly template: ChatTemplate;
  private readonly options: MaskOptions;
  /** Texts that end a turn, e.g. `<|im_end|>`. */
  private readonly turnEnds: readonly string[];
  private opening: string | null = null;

  /** @param turnEnds texts of the checkpoint's stop tokens */
  constructor(
    tokenizer: Tokenizer,
    template: ChatTemplate,
    turnEnds: readonly string[],
    options: MaskOptions,
  ) {
    this.tokenizer = tokenizer;
    this.template = template;
    this.turnEnds = turnEnds.filter((text) => text !== '');
    this.options = options;
  }

  /** Throws `InputError` when the template refuses the messages or does not tell where it puts the replies. */
  encode(example: TrainingExample): EncodedExample {
    if (example.type === 'tokens') return tokensAsTheyAre(example.id, example.ids, example.labels);
    const rendered = this.render(example);
    const { ids, isTarget, straddling } = this.mark(rendered);
    return {
      id: example.id,
      ids,
      ...labelsOf(ids, isTarget),
      straddlingTokens: straddling,
      hiddenReasoning: hiddenReasoning(example, rendered),
    };
  }

  /** The same with everything that an inspector shows. */
  inspect(example: TrainingExample): InspectedExample {
    if (example.type === 'tokens') {
      const encoded = tokensAsTheyAre(example.id, example.ids, example.labels);
      const isTarget = Uint8Array.from(example.labels, (label) => (label >= 0 ? 1 : 0));
      return { ...encoded, text: '', starts: null, isTarget, turns: [] };
    }
    const rendered = this.render(example);
    const { ids, isTarget, straddling } = this.mark(rendered);
    const starts = tokenStarts(rendered.text, ids, this.tokenizer);
    return {
      id: example.id,
      ids,
      ...labelsOf(ids, isTarget),
      straddlingTokens: straddling,
      hiddenReasoning: hiddenReasoning(example, rendered),
      text: rendered.text,
      starts: starts[ids.length] === rendered.text.length ? starts : null,
      isTarget,
      turns: rendered.turns,
    };
  }

  /** The conversation up to its last assistant message, ready for that to be written: what the model is asked. */
  prompt(example: ConversationExample): Uint32Array {
    const last = example.messages.findLastIndex(({ role }) => role === 'assistant');
    const before = last < 0 ? example.messages : example.messages.slice(0, last);
    return this.tokenizer.encode(this.template.render(before, { addGenerationPrompt: true, now }).text);
  }

  /** Text and turns of a conversation. The turns are found by the template's own marks, or by asking it. */
  render(example: ConversationExample): RenderedExample {
    const whole = this.template.render(example.messages, { now });
    const assistants = example.messages.flatMap(({ role }, index) => (role === 'assistant' ? [index] : []));
    const marks = whole.generated.length === assistants.length && assistants.length > 0;
    const ranges = marks ? whole.generated : this.locate(example.messages, assistants, whole);
    const turns = assistants.map((message, index) => {
      const range = this.adjusted(whole.text, ranges[index]!);
      return { ...range, message, trained: example.trained[message] ?? false };
    });
    return { text: whole.text, turns };
  }

  /**
   * From after what the template itself would open a reply with, to the end of the turn: the end-of-turn token is
   * learnt, the line break after it only on demand.
   */
  private adjusted(text: string, range: TextRange): TextRange {
    let { start, end } = range;
    const opening = this.openingText();
    const header = opening.slice(0, opening.indexOf('\n') + 1) || opening;
    // Templates that open the reasoning themselves: that tag is given, not written.
    if (opening.length > header.length && text.startsWith(opening, start - header.length)) {
      start += opening.length - header.length;
    }
    const written = text.slice(start, end).trimEnd();
    if (this.turnEnds.some((mark) => written.endsWith(mark))) end = start + written.length;
    if (this.options.superviseNewline && text[end] === '\n') end++;
    return { start: Math.min(start, end), end };
  }

  /** What the template opens a reply with, e.g. `<|im_start|>assistant\n`. */
  private openingText(): string {
    if (this.opening === null) {
      const asked = [{ role: 'user', content: 'x' }];
      const without = this.template.render(asked, { now }).text;
      const withPrompt = this.template.render(asked, { addGenerationPrompt: true, now }).text;
      this.opening = withPrompt.startsWith(without) ? withPrompt.slice(without.length) : '';
    }
    return this.opening;
  }

  /**
   * Where a template without marks puts the replies: it renders the conversation once more with each reply
   * replaced by a sign, and the result is accepted only if putting the words back gives the very same text.
   */
  private locate(
    messages: readonly ChatMessage[],
    assistants: readonly number[],
    whole: RenderedChat,
  ): readonly TextRange[] {
    for (const form of [splitForm, wholeForm]) {
      const words = new Map<string, string>();
      const signed = messages.map((message, index) =>
        message.role === 'assistant' ? form(message, index, words) : message,
      );
      let text: string;
      try {
        ({ text } = this.template.render(signed, { now }));
      } catch {
        continue;
      }
      const ranges = this.putBack(text, words, assistants, whole.text);
      if (ranges) return ranges;
    }
    throw new InputError(
      'template-hides-replies',
      'The chat template does not show where it puts the replies of the assistant',
      {
        expected: 'a template with {% generation %} blocks, or one that prints each reply once, as it is',
        advice: 'use the template of another checkpoint of the same family, or give token ids with labels',
      },
    );
  }

  /** Ranges of the replies in `whole`, if the signed text is it but for the signs. */
  private putBack(
    text: string,
    words: ReadonlyMap<string, string>,
    assistants: readonly number[],
    whole: string,
  ): readonly TextRange[] | null {
    const opening = this.openingText();
    const header = opening.slice(0, opening.indexOf('\n') + 1) || opening;
    const ranges = new Map<number, { start: number; end: number }>();
    const signs = [...text.matchAll(marked)];
    let at = 0;
    let from = 0;
    let waiting: { start: number; end: number } | null = null;
    let last = -1;
    // Ends of turns are looked for in what the template itself wrote behind the last sign of a reply.
    const endTurn = (between: string, isLast: boolean): void => {
      if (!waiting) return;
      const ends = this.turnEnds.flatMap((mark) => {
        const found = between.indexOf(mark);
        return found < 0 ? [] : [found + mark.length];
      });
      waiting.end = at + (ends.length > 0 ? Math.min(...ends) : isLast ? between.length : 0);
      waiting = null;
    };
    for (const [number, match] of signs.entries()) {
      const index = Number(match[1]);
      const between = text.slice(from, match.index);
      if (!whole.startsWith(between, at)) return null;
      if (last !== index) {
        endTurn(between, false);
        const found = header === '' ? 0 : between.lastIndexOf(header);
        if (found < 0 || ranges.has(index)) return null;
        const start = at + (header === '' ? between.length : found + header.length);
        waiting = { start, end: start };
        ranges.set(index, waiting);
        last = index;
      }
      at += between.length;
      from = match.index + match[0].length;
      const next = text.slice(from, signs[number + 1]?.index ?? text.length);
      const word = printedForms(words.get(match[0]) ?? '').find(
        (form) => whole.startsWith(form, at) && whole.startsWith(next, at + form.length),
      );
      if (word === undefined) return null;
      at += word.length;
    }
    const rest = text.slice(from);
    endTurn(rest, true);
    if (whole.slice(at) !== rest || assistants.some((index) => !ranges.has(index))) return null;
    return assistants.map((index) => ranges.get(index)!);
  }

  /** Ids of a rendered text, and which of them are targets. */
  private mark({ text, turns }: RenderedExample): {
    ids: Uint32Array;
    isTarget: Uint8Array;
    straddling: number;
  } {
    const ranges = turns.filter((turn) => turn.trained && turn.end > turn.start);
    const borders = ranges.flatMap(({ start, end }) => [start, end]);
    const { tokenizer } = this;
    if (tokenizer.isSafeCut && borders.every((at) => tokenizer.isSafeCut?.(text, at))) {
      return { ...joinPieces(text, ranges, tokenizer), straddling: 0 };
    }
    const ids = tokenizer.encode(text);
    const starts = tokenStarts(text, ids, tokenizer);
    if (starts[ids.length] === text.length) return markByOffsets(ids, starts, ranges);
    // The tokenizer changes the text: offsets mean nothing, but pieces may still join to the same tokens.
    const joined = joinPieces(text, ranges, tokenizer);
    if (joined.ids.length === ids.length && joined.ids.every((id, i) => id === ids[i])) {
      return { ...joined, straddling: 0 };
    }
    throw new InputError('mask-unknown', 'The tokenizer does not tell which tokens are the reply’s', {
      advice: 'normalise the text of the example (NFC) first',
    });
  }
}

/** Reasoning of a message: its own field, or what stands before `</think>`. */
function reasoningOf(message: ChatMessage): string {
  const given = message['reasoning_content'];
  if (typeof given === 'string') return given.trim();
  const end = message.content.indexOf('</think>');
  return end < 0
    ? ''
    : message.content
        .slice(0, end)
        .replace(/^\s*<think>/, '')
        .trim();
}

function hiddenReasoning({ messages }: ConversationExample, { text, turns }: RenderedExample): number {
  return turns.filter(({ message, trained, start, end }) => {
    const reasoning = trained ? reasoningOf(messages[message]!) : '';
    return reasoning !== '' && !text.slice(start, end).includes(reasoning);
  }).length;
}

type SignedForm = (message: ChatMessage, index: number, words: Map<string, string>) => ChatMessage;

function sign(index: number, part: 'r' | 'c', text: string, words: Map<string, string>): string {
  const mark = `${open}${index}${part}${close}`;
  words.set(mark, text);
  return mark;
}

/** Reasoning and answer each replaced, in the tags they stand in: for templates that take them apart. */
const splitForm: SignedForm = (message, index, words) => {
  const at = message.content.indexOf('</think>');
  const given = message['reasoning_content'];
  if (at < 0 && typeof given !== 'string') return wholeForm(message, index, words);
  const reasoning =
    typeof given === 'string' ? given : message.content.slice(0, at).replace(/^\s*<think>/, '');
  const answer = typeof given === 'string' ? message.content : message.content.slice(at + '</think>'.length);
  const trimmed = reasoning.replace(/^\n+|\n+$/g, '');
  const r = trimmed === '' ? '' : sign(index, 'r', trimmed, words);
  const c = sign(index, 'c', answer.replace(/^\n+/, ''), words);
  if (typeof given === 'string') return { ...message, reasoning_content: r, content: c };
  return { ...message, content: `<think>\n${r}\n</think>\n\n${c}` };
};

const wholeForm: SignedForm = (message, index, words) => ({
  ...message,
  content: sign(index, 'c', message.content, words),
});

/** How templates print words: as they are, or without the white space around them. */
function printedForms(words: string): string[] {
  return [words, words.replace(/^\n+/, ''), words.replace(/^\n+|\n+$/g, ''), words.trim(), words.trimEnd()];
}

function joinPieces(
  text: string,
  ranges: readonly TextRange[],
  tokenizer: Tokenizer,
): { ids: Uint32Array; isTarget: Uint8Array } {
  const pieces: { ids: Uint32Array; learnt: boolean }[] = [];
  let at = 0;
  const add = (end: number, learnt: boolean): void => {
    if (end > at) pieces.push({ ids: tokenizer.encode(text.slice(at, end)), learnt });
    at = Math.max(at, end);
  };
  for (const { start, end } of ranges) {
    add(start, false);
    add(end, true);
  }
  add(text.length, false);
  const ids = new Uint32Array(pieces.reduce((sum, piece) => sum + piece.ids.length, 0));
  const isTarget = new Uint8Array(ids.length);
  let done = 0;
  for (const piece of pieces) {
    ids.set(piece.ids, done);
    if (piece.learnt) isTarget.fill(1, done, done + piece.ids.length);
    done += piece.ids.length;
  }
  return { ids, isTarget };
}

/** A token is a target when all of its text is; one across a border is context. */
function markByOffsets(
  ids: Uint32Array,
  starts: Uint32Array,
  ranges: readonly TextRange[],
): { ids: Uint32Array; isTarget: Uint8Array; straddling: number } {
  const isTarget = new Uint8Array(ids.length);
  let straddling = 0;
  let index = 0;
  for (let i = 0; i < ids.length; i++) {
    const start = starts[i]!;
    // Tokens that share a character begin together; its end is where a later start is.
    let next = i + 1;
    while (next < ids.length && starts[next] === start) next++;
    const end = starts[next]!;
    while (index < ranges.length && ranges[index]!.end <= start) index++;
    const range = ranges[index];
    if (!range || end <= range.start) continue;
    if (start >= range.start && end <= range.end) isTarget[i] = 1;
    else straddling++;
  }
  return { ids, isTarget, straddling };
}

/** The token after each position where that is a target: the shift of next-token prediction. */
function labelsOf(ids: Uint32Array, isTarget: Uint8Array): { labels: Int32Array; supervisedTokens: number } {
  const labels = new Int32Array(ids.length).fill(ignoredLabel);
  let supervisedTokens = 0;
  for (let i = 1; i < ids.length; i++) {
    if (isTarget[i] === 0) continue;
    labels[i - 1] = ids[i]!;
    supervisedTokens++;
  }
  return { labels, supervisedTokens };
}

function tokensAsTheyAre(
  id: string,
  given: readonly number[],
  givenLabels: readonly number[],
): EncodedExample {
  const ids = Uint32Array.from(given);
  const labels = new Int32Array(ids.length).fill(ignoredLabel);
  let supervisedTokens = 0;
  for (let i = 1; i < ids.length; i++) {
    const label = givenLabels[i]!;
    if (label < 0) continue;
    labels[i - 1] = label;
    supervisedTokens++;
  }
  return { id, ids, labels, supervisedTokens, straddlingTokens: 0, hiddenReasoning: 0 };
}
