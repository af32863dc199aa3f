import { CancelledError } from '../core/errors.ts';
import { opensThinking } from '../evaluate/thinking.ts';
import type { HostGenerateOptions, HostResult } from '../model/host.ts';
import type { LoadOptions } from '../model/planner.ts';
import type { GeneratedToken } from '../model/session.ts';
import type { Tokenizer } from '../tokenizer/types.ts';
import type { EngineEvent, GenerateRequest, GenerationReport } from './engineApi.ts';
import { TextStream } from './engineText.ts';

type Outcome = Omit<GenerationReport, 'memory' | 'counters' | 'recoveries'>;

/** What holds a model and generates: the engine, or onnxruntime. */
export interface GeneratingHost {
  readonly session: {
    readonly cachedTokens: readonly number[];
    readonly plan: { readonly memory: { readonly options: LoadOptions } };
  } | null;
  generate(
    ids: ArrayLike<number>,
    options: HostGenerateOptions,
  ): AsyncGenerator<GeneratedToken, HostResult<null>, void>;
}

/** Length of the common beginning of the cache and the prompt; the last token of a prompt always runs. */
function reusedTokens(cached: readonly number[], prompt: ArrayLike<number>): number {
  const most = Math.min(cached.length, prompt.length - 1);
  let shared = 0;
  while (shared < most && cached[shared] === prompt[shared]) shared++;
  return shared;
}

/**
 * Runs one reply and reports its tokens as they come. A stop by the reader is a result with what there is; tokens
 * per second of the prompt leave out what was cached, those of the reply its first token.
 */
export async function runGeneration(
  host: GeneratingHost,
  ids: Uint32Array,
  request: GenerateRequest,
  tokenizer: Tokenizer | null,
  signal: AbortSignal,
  emit: (event: EngineEvent) => void,
): Promise<HostResult<Outcome>> {
  const { sampling, maxNewTokens, ignoreStops = false, replyId } = request;
  const reused = reusedTokens(host.session?.cachedTokens ?? [], ids);
  const nameOf = (id: number): string => tokenizer?.decode([id]) ?? '';
  const stream = tokenizer && new TextStream(tokenizer);
  const made: number[] = [];
  let text = '';
  let stoppedBy: Outcome['stoppedBy'] = 'length';
  let lastPosition = 0;
  const startMs = performance.now();
  let firstMs = startMs;
  const running = host.generate(ids, {
    maxNewTokens,
    sampling,
    ignoreStops,
    signal,
    onPrefill: (done, total) => emit({ type: 'prefill', done, total }),
  });
  for (;;) {
    const step = await running.next();
    if (step.done) {
      if (!step.value.ok) {
        if (!(step.value.error instanceof CancelledError)) return step.value;
        stoppedBy = 'reader';
      }
      break;
    }
    const { token: id, logprob, top, isStop, position } = step.value;
    if (made.length === 0) firstMs = performance.now();
    lastPosition = position;
    made.push(id);
    const piece = stream?.push(id) ?? '';
    if (isStop) stoppedBy = 'stop-token';
    else text += piece;
    if (replyId === undefined) continue;
    const named = top.map((each) => ({ id: each.token, text: nameOf(each.token), logprob: each.logprob }));
    emit({ type: 'tokens', replyId, tokens: [{ id, text: piece, logprob, top: named, isStop }] });
  }
  const endMs = performance.now();
  const contextLength = host.session?.plan.memory.options.contextLength ?? 0;
  if (stoppedBy === 'length' && made.length < maxNewTokens && lastPosition >= contextLength) {
    stoppedBy = 'context';
  }
  if (made.length === 0) firstMs = endMs;
  const perSecond = (count: number, ms: number): number => (ms > 0 ? (1000 * count) / ms : 0);
  return {
    ok: true,
    value: {
      text,
      ids: made,
      promptTokens: ids.length,
      reusedTokens: reused,
      opensThinking: tokenizer !== null && opensThinking(ids, tokenizer),
      stoppedBy,
      promptMs: firstMs - startMs,
      replyMs: endMs - firstMs,
      promptTokensPerSecond: perSecond(ids.length - reused, firstMs - startMs),
      tokensPerSecond: perSecond(Math.max(0, made.length - 1), endMs - firstMs),
      contextTokens: host.session?.cachedTokens.length ?? 0,
    },
  };
}
