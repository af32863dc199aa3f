import type { DataEvent } from './dataApi.ts';

/** One animation frame; workers have no reliable one of their own. */
const frameMs = 16;

/** What a later event of the same key makes superfluous. */
function keyOf(event: DataEvent): string | null {
  switch (event.type) {
    case 'job':
      return `job:${event.job.id}`;
    case 'examples':
      return `examples:${event.setId}`;
    case 'notice':
      return null;
    default:
      return event.type;
  }
}

/** Gathers events and hands them over at most once a frame; of several of one kind only the last is sent. */
export class EventHub {
  #listener: ((events: readonly DataEvent[]) => void) | null = null;
  #pending = new Map<string, DataEvent>();
  #count = 0;
  #scheduled = false;

  listen(listener: (events: readonly DataEvent[]) => void): void {
    this.#listener = listener;
  }

  emit(event: DataEvent): void {
    const key = keyOf(event) ?? `#${this.#count++}`;
    this.#pending.delete(key);
    this.#pending.set(key, event);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setTimeout(() => this.flush(), frameMs);
  }

  flush(): void {
    this.#scheduled = false;
    if (this.#pending.size === 0) return;
    const events = [...this.#pending.values()];
    this.#pending.clear();
    this.#listener?.(events);
  }
}
