import { CancelledError, EnvironmentError, InputError, messageOf } from '../core/errors.ts';
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { Rng } from '../core/rng.ts';
import type { PromptMessage } from './benchmark.ts';
import { backoffMs, Pacer, realClock, retryAfterMs, type Clock } from './pace.ts';
import { eventData } from './sse.ts';
import { QuestionError, type Generation, type GenerationOptions, type Subject } from './subject.ts';
import { splitThinking } from './thinking.ts';

export interface HttpRequest {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}
export interface HttpAnswer {
  readonly status: number;
  header(name: string): string | null;
  readonly chunks: AsyncIterable<Uint8Array>;
}
/** How requests leave: `fetch`, or in the page the relay document. Rejects when no answer came at all. */
export type Transport = (request: HttpRequest, signal: AbortSignal) => Promise<HttpAnswer>;

async function* bodyChunks(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** Requests by `fetch`. */
export const fetchTransport: Transport = async ({ url, method, headers, body }, signal) => {
  const response = await fetch(url, {
    method,
    headers: { ...headers },
    body,
    signal,
    referrerPolicy: 'no-referrer',
  });
  return {
    status: response.status,
    header: (name) => response.headers.get(name),
    chunks: bodyChunks(response.body),
  };
};

export interface EndpointOptions {
  /** Base address, with or without `/v1`; `/chat/completions` is added unless it is there. */
  readonly url: string;
  readonly model: string;
  /** Sent as a bearer token; kept in memory only. */
  readonly key: string | null;
  readonly concurrency: number;
  readonly requestsPerMinute: number | null;
  /** Tries per question, the first included. */
  readonly attempts: number;
  /** A request is given up after this long without a byte. */
  readonly idleTimeoutMs: number;
  /** Seed of the waiting times' jitter. */
  readonly seed: number;
  /** Further fields of the request body, e.g. {"chat_template_kwargs": {"enable_thinking": false}}. */
  readonly extraBody: JsonObject;
}

export const defaultEndpointOptions: Omit<EndpointOptions, 'url' | 'model'> = {
  key: null,
  concurrency: 4,
  requestsPerMinute: null,
  attempts: 6,
  idleTimeoutMs: 300_000,
  seed: 0,
  extraBody: {},
};

/** The address that questions are posted to. Throws `InputError` for what is no http(s) address. */
function completionsUrl(base: string): string {
  let url: URL;
  try {
    url = new URL(base);
  } catch {
    throw new InputError('bad-endpoint', 'The endpoint is no address', {
      actual: base,
      expected: 'http://host:port/v1 or the like',
    });
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new InputError('bad-endpoint', 'The endpoint must be http or https', { actual: url.protocol });
  }
  const path = url.pathname.replace(/\/+$/, '');
  if (!path.endsWith('/chat/completions')) url.pathname = `${path === '' ? '/v1' : path}/chat/completions`;
  return url.href;
}

/** An answer of the server that is worth another try. */
class Transient extends Error {
  constructor(
    message: string,
    readonly waitMs: number | null,
  ) {
    super(message);
  }
}

const transientStatus = new Set([408, 409, 425, 429]);

async function textOf(chunks: AsyncIterable<Uint8Array>, most: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of chunks) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > most) break;
  }
  return text + decoder.decode();
}

function parse(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return null;
  }
}

/** The message inside an error body, else its beginning. */
function errorText(body: string): string {
  const value = parse(body);
  const error = isObject(value) ? (value['error'] ?? value['message'] ?? value['detail']) : null;
  const message = isObject(error) ? error['message'] : error;
  return (typeof message === 'string' ? message : body).slice(0, 500);
}

/** What a reply amounts to while it streams in. */
class ReplyParts {
  text = '';
  reasoning = '';
  finish: string | null = null;
  isDone = false;
  promptTokens: number | null = null;
  completionTokens: number | null = null;

  /** Takes one event, or the whole body of a server that does not stream. Throws `Transient` for an error event. */
  take(value: JsonValue): void {
    if (!isObject(value)) return;
    if (value['error'] !== undefined && value['error'] !== null)
      throw new Transient(errorText(JSON.stringify(value)), null);
    const usage = value['usage'];
    if (isObject(usage)) {
      if (typeof usage['prompt_tokens'] === 'number') this.promptTokens = usage['prompt_tokens'];
      if (typeof usage['completion_tokens'] === 'number') this.completionTokens = usage['completion_tokens'];
    }
    const choice = Array.isArray(value['choices']) ? value['choices'][0] : null;
    if (!isObject(choice)) return;
    const part = choice['delta'] ?? choice['message'];
    if (isObject(part)) {
      if (typeof part['content'] === 'string') this.text += part['content'];
      const reasoning = part['reasoning_content'] ?? part['reasoning'];
      if (typeof reasoning === 'string') this.reasoning += reasoning;
    }
    if (typeof choice['finish_reason'] === 'string') this.finish = choice['finish_reason'];
  }
}

/** Turns silence into an error: the connection hangs, or the server died without closing it. */
async function* withIdleLimit(
  chunks: AsyncIterable<Uint8Array>,
  limitMs: number,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  try {
    for (;;) {
      const timer = new AbortController();
      const stop = (): void => timer.abort();
      signal.addEventListener('abort', stop, { once: true });
      const silent = clock.sleep(limitMs, timer.signal).then(
        () => 'silent' as const,
        () => 'stopped' as const,
      );
      const next = await Promise.race([iterator.next(), silent]);
      signal.removeEventListener('abort', stop);
      timer.abort();
      if (next === 'silent') throw new Transient(`nothing came for ${Math.round(limitMs / 1000)} s`, null);
      if (next === 'stopped') throw new CancelledError('the evaluation');
      if (next.done) return;
      yield next.value;
    }
  } finally {
    void iterator.return?.(undefined)?.catch(() => undefined);
  }
}

/** A chat-completions endpoint (OpenAI, vLLM, SGLang, llama.cpp, Ollama …) as a subject. */
export function endpointSubject(
  options: EndpointOptions,
  transport: Transport = fetchTransport,
  clock: Clock = realClock,
): Subject {
  const url = completionsUrl(options.url);
  const pacer = new Pacer(clock, options.requestsPerMinute);
  const rng = new Rng(`endpoint retries/${options.seed}`);
  // Servers differ in two fields; the first refusal teaches which form this one takes.
  let wantsUsage = true;
  let limitField: 'max_tokens' | 'max_completion_tokens' = 'max_tokens';

  const bodyOf = (messages: readonly PromptMessage[], generation: GenerationOptions): string =>
    JSON.stringify({
      model: options.model,
      messages: messages.map(({ role, content }) => ({ role, content })),
      [limitField]: generation.maxNewTokens,
      temperature: generation.temperature,
      top_p: generation.topP,
      seed: generation.seed,
      stream: true,
      ...(wantsUsage ? { stream_options: { include_usage: true } } : {}),
      ...options.extraBody,
    });

  /** Reads a refusal. Learns, throws `Transient`, `QuestionError`, or what ends the run. */
  const refuse = async (answer: HttpAnswer, attempt: number): Promise<never> => {
    const message = errorText(await textOf(answer.chunks, 100_000).catch(() => ''));
    const { status } = answer;
    if (transientStatus.has(status) || status >= 500) {
      const waitMs = retryAfterMs(answer.header('retry-after'), Date.now());
      if (status === 429 || status === 503) pacer.holdFor(waitMs ?? 0);
      throw new Transient(`HTTP ${status}: ${message}`, waitMs);
    }
    if (status === 400 || status === 422) {
      if (wantsUsage && message.includes('stream_options')) {
        wantsUsage = false;
        throw new Transient(message, 0);
      }
      if (limitField === 'max_tokens' && message.includes('max_completion_tokens')) {
        limitField = 'max_completion_tokens';
        throw new Transient(message, 0);
      }
    }
    if (status === 401 || status === 403 || status === 404 || status === 405) {
      throw new EnvironmentError('endpoint-refused', `The endpoint refuses with HTTP ${status}`, {
        where: url,
        actual: message,
        advice: status === 404 || status === 405 ? 'check the address and the model name' : 'check the key',
      });
    }
    throw new QuestionError(`HTTP ${status}: ${message}`, attempt);
  };

  const ask = async (
    body: string,
    attempt: number,
    signal: AbortSignal,
    onText: ((text: string) => void) | undefined,
  ): Promise<ReplyParts> => {
    const stop = new AbortController();
    const passOn = (): void => stop.abort();
    signal.addEventListener('abort', passOn, { once: true });
    try {
      const headers: Record<string, string> = {
        'content-type': 'application/json',
        accept: 'text/event-stream',
      };
      if (options.key !== null && options.key !== '') headers['authorization'] = `Bearer ${options.key}`;
      const timer = new AbortController();
      void clock.sleep(options.idleTimeoutMs, timer.signal).then(passOn, () => undefined);
      let answer: HttpAnswer;
      try {
        answer = await transport({ url, method: 'POST', headers, body }, stop.signal);
      } finally {
        timer.abort();
      }
      if (answer.status < 200 || answer.status > 299) return await refuse(answer, attempt);
      const parts = new ReplyParts();
      const chunks = withIdleLimit(answer.chunks, options.idleTimeoutMs, clock, stop.signal);
      if (!(answer.header('content-type') ?? '').includes('event-stream')) {
        const value = parse(await textOf(chunks, 200_000_000));
        parts.take(value);
        if (parts.finish === null) throw new Transient('the answer is no chat completion', null);
        return parts;
      }
      for await (const data of eventData(chunks)) {
        if (data === '[DONE]') {
          parts.isDone = true;
          break;
        }
        parts.take(parse(data));
        onText?.(parts.text);
      }
      // A stream that just ends was cut off: what came so far is not the answer.
      if (!parts.isDone && parts.finish === null) throw new Transient('the stream broke off', null);
      return parts;
    } finally {
      signal.removeEventListener('abort', passOn);
      stop.abort();
    }
  };

  return {
    name: options.model,
    identity: {
      type: 'endpoint',
      url,
      model: options.model,
      ...(Object.keys(options.extraBody).length > 0 ? { body: options.extraBody } : {}),
    },
    concurrency: options.concurrency,
    async generate(messages, generation, signal, onText): Promise<Generation> {
      let lastProblem = '';
      for (let attempt = 1; attempt <= options.attempts; attempt++) {
        await pacer.turn(signal);
        try {
          const parts = await ask(bodyOf(messages, generation), attempt, signal, onText);
          const split = splitThinking(parts.text);
          const thinking = [parts.reasoning.trim(), split.thinking ?? '']
            .filter((text) => text !== '')
            .join('\n\n');
          return {
            text: split.text,
            thinking: thinking === '' ? null : thinking,
            finish: parts.finish === 'length' ? 'length' : 'stop',
            promptTokens: parts.promptTokens,
            completionTokens: parts.completionTokens,
            attempts: attempt,
          };
        } catch (error) {
          if (signal.aborted || error instanceof CancelledError) throw new CancelledError('the evaluation');
          if (error instanceof QuestionError || error instanceof EnvironmentError) throw error;
          lastProblem = messageOf(error);
          if (attempt === options.attempts) break;
          const waitMs = error instanceof Transient ? error.waitMs : null;
          await clock.sleep(waitMs ?? backoffMs(attempt, rng), signal);
        }
      }
      throw new QuestionError(`given up after ${options.attempts} tries: ${lastProblem}`, options.attempts);
    },
  };
}
