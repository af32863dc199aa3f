import type { EngineEvent } from './engineApi.ts';

/** One animation frame; workers have no reliable one of their own. */
const frameMs = 16;

/** Events of which only the last within a frame matters. */
const joined = new Set<EngineEvent['type']>([
  'load',
  'copy',
  'prefill',
  'check',
  'embed',
  'score',
  'training-phase',
  'training-checkpoint',
  'training-record',
]);

/** Gathers events and hands them over at most once a frame: tokens joined, of progress only the last. */
export class EngineEvents {
  private listener: ((events: readonly EngineEvent[]) => void) | null = null;
  private pending: EngineEvent[] = [];
  private scheduled = false;

  listen(listener: (events: readonly EngineEvent[]) => void): void {
    this.listener = listener;
  }

  emit(event: EngineEvent): void {
    const last = this.pending.at(-1);
    if (last?.type === 'tokens' && event.type === 'tokens' && last.replyId === event.replyId) {
      this.pending[this.pending.length - 1] = { ...event, tokens: [...last.tokens, ...event.tokens] };
    } else if (last?.type === 'training-steps' && event.type === 'training-steps') {
      this.pending[this.pending.length - 1] = { ...event, steps: [...last.steps, ...event.steps] };
    } else if (last?.type === event.type && joined.has(event.type)) {
      this.pending[this.pending.length - 1] = event;
    } else this.pending.push(event);
    if (this.scheduled) return;
    this.scheduled = true;
    setTimeout(() => this.flush(), frameMs);
  }

  flush(): void {
    this.scheduled = false;
    if (this.pending.length === 0) return;
    const events = this.pending;
    this.pending = [];
    this.listener?.(events);
  }
}
