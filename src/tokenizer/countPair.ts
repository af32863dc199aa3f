import type { ChatMessage, ChatTemplate, RenderOptions } from './chatTemplate.ts';
import { type CountedText, countJoined, countText } from './countJoined.ts';
import type { Tokenizer } from './types.ts';

export interface PairOptions extends Pick<RenderOptions, 'variables' | 'now'> {
  /** A system message before the pair. */
  readonly system?: string;
  /** Count the newline that many templates write after the end-of-turn token as part of the completion. */
  readonly newlineInCompletion?: boolean;
}

export interface PairTokens {
  /** Tokens before the first one that the model writes. */
  readonly prompt: number;
  /** Tokens the model writes, through the end-of-turn token. */
  readonly completion: number;
}

/** Stands for the user's text while the template's own text around it is found out. */
const PROBE = ' \n\u2317probe\u2317\n ';

/**
 * Counts the tokens of user/assistant pairs under a chat template. The template's text around the user's is
 * rendered and counted once; a long user text given as counted parts is never tokenized again.
 */
export class PairCounter {
  private readonly tokenizer: Tokenizer;
  private readonly template: ChatTemplate;
  private readonly options: PairOptions;
  private readonly prefix: CountedText | null = null;
  private readonly suffix: CountedText | null = null;
  /** The prompt rendered with the probe. */
  private readonly probePrompt: string;

  constructor(tokenizer: Tokenizer, template: ChatTemplate, options: PairOptions = {}) {
    this.tokenizer = tokenizer;
    this.template = template;
    this.options = options;
    const prompt = this.renderPrompt(PROBE);
    this.probePrompt = prompt;
    const at = prompt.indexOf(PROBE);
    // A template that changes the text (trims it, shows it twice) is rendered each time instead.
    if (at >= 0 && !prompt.includes(PROBE.trim(), at + PROBE.length)) {
      this.prefix = countText(tokenizer, prompt.slice(0, at));
      this.suffix = countText(tokenizer, prompt.slice(at + PROBE.length));
    }
  }

  /** @param user the user's text, as one string or as counted parts of it in order. */
  count(
    user: string | readonly CountedText[],
    assistant: Omit<ChatMessage, 'role'> & { readonly content: string },
  ): PairTokens {
    return { prompt: this.countPrompt(user), completion: this.countCompletion(assistant) };
  }

  /** Tokens of the prompt alone. */
  countPrompt(user: string | readonly CountedText[]): number {
    const { tokenizer, prefix, suffix } = this;
    if (prefix && suffix) {
      const parts = typeof user === 'string' ? [countText(tokenizer, user)] : user;
      return countJoined(tokenizer, [prefix, ...parts, suffix]);
    }
    const text = typeof user === 'string' ? user : user.map((part) => part.text).join('');
    return tokenizer.count(this.renderPrompt(text));
  }

  /** Tokens of the assistant's turn alone; it does not depend on the user's text. */
  countCompletion(assistant: Omit<ChatMessage, 'role'> & { readonly content: string }): number {
    return this.tokenizer.count(this.completionText(assistant));
  }

  /** What the model writes: the rest of the rendered pair after the prompt. */
  completionText(assistant: Omit<ChatMessage, 'role'> & { readonly content: string }): string {
    const whole = this.render([...this.head(PROBE), { ...assistant, role: 'assistant' }], false);
    const prompt = this.probePrompt;
    let shared = 0;
    while (shared < prompt.length && prompt.charCodeAt(shared) === whole.charCodeAt(shared)) shared++;
    const text = whole.slice(shared);
    return this.options.newlineInCompletion ? text : text.replace(/\n$/, '');
  }

  private head(user: string): ChatMessage[] {
    const { system } = this.options;
    return [
      ...(system === undefined ? [] : [{ role: 'system', content: system }]),
      { role: 'user', content: user },
    ];
  }

  private renderPrompt(user: string): string {
    return this.render(this.head(user), true);
  }

  private render(messages: readonly ChatMessage[], addGenerationPrompt: boolean): string {
    const { variables, now } = this.options;
    const options: RenderOptions = {
      addGenerationPrompt,
      ...(variables ? { variables } : {}),
      ...(now ? { now } : {}),
    };
    return this.template.render(messages, options).text;
  }
}
