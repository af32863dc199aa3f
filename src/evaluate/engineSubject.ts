import type { JsonObject } from '../core/json.ts';
import { encodePrompt } from '../model/prompt.ts';
import type { GeneratedToken, GenerateOptions } from '../model/session.ts';
import type { Tokenizer } from '../tokenizer/types.ts';
import { QuestionError, type Subject } from './subject.ts';
import { opensThinking, splitThinking } from './thinking.ts';

/** What of a `ModelSession` an evaluation uses. */
export interface GeneratingSession {
  readonly plan: { readonly memory: { readonly options: { readonly contextLength: number } } };
  generate(ids: ArrayLike<number>, options: GenerateOptions): AsyncIterable<GeneratedToken>;
}

/** The built-in engine as a subject; one question at a time, as it holds one conversation. */
export function engineSubject(
  session: GeneratingSession,
  tokenizer: Tokenizer,
  tokenizerConfig: JsonObject | null,
  about: {
    readonly name: string;
    readonly identity: JsonObject;
    readonly sampling: GenerateOptions['sampling'];
  },
): Subject {
  const { contextLength } = session.plan.memory.options;
  return {
    name: about.name,
    identity: about.identity,
    concurrency: 1,
    async generate(messages, options, signal, onText) {
      const ids = encodePrompt(
        { kind: 'messages', messages: messages.map(({ role, content }) => ({ role, content })) },
        tokenizer,
        tokenizerConfig,
      );
      if (ids.length >= contextLength) {
        throw new QuestionError(`the prompt has ${ids.length} tokens, the context holds ${contextLength}`, 1);
      }
      const made: number[] = [];
      let isStopped = false;
      const sampling = {
        ...about.sampling,
        temperature: options.temperature,
        topP: options.topP,
        seed: options.seed,
      };
      for await (const { token, isStop } of session.generate(ids, {
        maxNewTokens: options.maxNewTokens,
        sampling,
        signal,
      })) {
        isStopped = isStop;
        if (!isStop) made.push(token);
        if (onText && made.length % 16 === 0) onText(tokenizer.decode(made));
      }
      return {
        ...splitThinking(tokenizer.decode(made), opensThinking(ids, tokenizer)),
        finish: isStopped ? 'stop' : 'length',
        promptTokens: ids.length,
        completionTokens: made.length,
        attempts: 1,
      };
    },
  };
}
