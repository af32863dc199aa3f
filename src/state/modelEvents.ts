import type { EngineEvent } from '../workers/engineApi.ts';
import type { ModelSlice, ModelState } from './modelSlice.ts';

/** What one event changes. Tokens go to the turn that their reply belongs to. */
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
    case 'embed':
      return work?.kind === 'embedding'
        ? { work: { kind: 'embedding', done: event.done, total: event.total } }
        : {};
    case 'check':
      return work?.kind === 'checking'
        ? { work: { kind: 'checking', done: event.done, total: event.total } }
        : {};
    case 'score':
      return work?.kind === 'scoring'
        ? { work: { kind: 'scoring', done: event.done, total: event.total } }
        : {};
    case 'measure':
      return work?.kind === 'measuring'
        ? { work: { kind: 'measuring', done: event.done, total: event.total } }
        : {};
    case 'measure-partial':
      return {};
    case 'tokens':
      // The last tokens may come after the report: events and answers travel over different ports.
      return {
        turns: turns.map((turn) =>
          turn.id === event.replyId ? { ...turn, tokens: [...turn.tokens, ...event.tokens] } : turn,
        ),
      };
    case 'device-lost':
      return { loss: { reason: event.reason, recovered: null } };
    case 'device-recovered': {
      const { replayedTokens, tookMs } = event;
      return { loss: { reason: state.loss?.reason ?? '', recovered: { replayedTokens, tookMs } } };
    }
    // Training has a slice of its own.
    default:
      return {};
  }
}

/** Takes over what the engine worker reports. */
export function receiveEngineEvents(
  events: readonly EngineEvent[],
  set: (update: (slice: ModelSlice) => Partial<ModelSlice>) => void,
): void {
  for (const event of events) set((slice) => changesOfEvent(slice, event));
}
