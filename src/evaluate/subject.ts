import type { JsonObject } from '../core/json.ts';
import type { PromptMessage } from './benchmark.ts';

/** How a subject is to answer. */
export interface GenerationOptions {
  readonly maxNewTokens: number;
  /** 0: always the most likely token. */
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
}

/** One answer. */
export interface Generation {
  /** What is graded: the reply without its reasoning. */
  readonly text: string;
  readonly thinking: string | null;
  readonly finish: 'stop' | 'length';
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  /** Requests made, 1 when the first succeeded. */
  readonly attempts: number;
}

/**
 * What is evaluated. `generate` rejects with `QuestionError` when this one question cannot be answered (too long,
 * given up after retries), with any other error when no question can.
 */
export interface Subject {
  /** Shown in tables. */
  readonly name: string;
  /** What identifies it in records; never a key. */
  readonly identity: JsonObject;
  /** Questions that may be open at a time. */
  readonly concurrency: number;
  generate(
    messages: readonly PromptMessage[],
    options: GenerationOptions,
    signal: AbortSignal,
    onText?: (text: string) => void,
  ): Promise<Generation>;
}

/** One question failed; the run goes on. */
export class QuestionError extends Error {
  override readonly name = 'QuestionError';
  constructor(
    message: string,
    readonly attempts: number,
  ) {
    super(message);
  }
}
