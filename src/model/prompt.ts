import { isObject, type JsonObject } from '../core/json.ts';
import { ChatTemplate, type ChatMessage } from '../tokenizer/chatTemplate.ts';
import { qwen3Template } from '../tokenizer/qwen3Template.ts';
import type { Tokenizer } from '../tokenizer/types.ts';

/** What a model is asked to go on from. */
export type Prompt =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'ids'; readonly ids: readonly number[] }
  | { readonly kind: 'messages'; readonly messages: readonly JsonObject[] };

/** The text of the checkpoint's chat template, or of Qwen3's where it brings none. */
export function chatTemplateSource(tokenizerConfig: JsonObject | null): string {
  const own = tokenizerConfig?.['chat_template'];
  if (typeof own === 'string') return own;
  if (Array.isArray(own)) {
    // Several named templates: [{name, template}, …].
    const named = own.filter(isObject);
    const chosen = named.find((entry) => entry['name'] === 'default') ?? named[0];
    if (typeof chosen?.['template'] === 'string') return chosen['template'];
  }
  return qwen3Template;
}

/** The chat template of `chatTemplateSource`. */
export function chatTemplateOf(tokenizerConfig: JsonObject | null): ChatTemplate {
  return new ChatTemplate(chatTemplateSource(tokenizerConfig));
}

/** Token ids of a prompt; messages go through the chat template with the opening of the reply. */
export function encodePrompt(
  prompt: Prompt,
  tokenizer: Tokenizer,
  tokenizerConfig: JsonObject | null,
): Uint32Array {
  if (prompt.kind === 'ids') return Uint32Array.from(prompt.ids);
  if (prompt.kind === 'text') return tokenizer.encode(prompt.text);
  const messages = prompt.messages.map((message): ChatMessage => {
    const { role, content, ...rest } = message;
    return {
      ...rest,
      role: typeof role === 'string' ? role : 'user',
      content: typeof content === 'string' ? content : JSON.stringify(content ?? ''),
    };
  });
  return tokenizer.encode(
    chatTemplateOf(tokenizerConfig).render(messages, { addGenerationPrompt: true, now: new Date(0) }).text,
  );
}
