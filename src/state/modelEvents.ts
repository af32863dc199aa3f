import type { EngineEvent } from '../workers/engineApi.ts';
import type { ModelSlice, ModelState } from './modelSlice.ts';

/** What one event changes. Tokens go to the last turn while it is not finished (a script's own reply has none). */
export function changesOfEvent(state: ModelState, event: EngineEvent): Partial<ModelState> {
  const { work, turns } = state;
  switch (event.type) {
    case 'load': {
      const { stage, done, total } = event;
      return work?.kind === 'loading' ? { work: { kind: 'loading', stage, done, total } } : {};
    }
    case 'copy':
      return work?.kind === 'keeping'
        ? { work: { kind: 'keeping', done: event.doneBytes, total: event.totalBytes } }
        : {};
    case 'prefill':
      return work?.kind === 'generating'
        ? { work: { kind: 'generating', done: event.done, total: event.total } }
        : {};
    case 'tokens': {
      const last = turns.at(-1);
      if (work?.kind !== 'generating' || !last || last.report || last.failure) return {};
      return { turns: [...turns.slice(0, -1), { ...last, tokens: [...last.tokens, ...event.tokens] }] };
    }
    case 'device-lost':
      return { loss: { reason: event.reason, recovered: null } };
    case 'device-recovered': {
      const { replayedTokens, tookMs } = event;
      return { loss: { reason: state.loss?.reason ?? '', recovered: { replayedTokens, tookMs } } };
    }
  }
}

/** Takes over what the engine worker reports. */
export function receiveEngineEvents(
  events: readonly EngineEvent[],
  set: (update: (slice: ModelSlice) => Partial<ModelSlice>) => void,
): void {
  for (const event of events) set((slice) => changesOfEvent(slice, event));
}
