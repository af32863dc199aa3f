import { CancelledError } from '../core/errors.ts';
import type { Rng } from '../core/rng.ts';

/** Time as an evaluation sees it; tests use one that does not wait. */
export interface Clock {
  nowMs(): number;
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

export const realClock: Clock = {
  nowMs: () => performance.now(),
  sleep: (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(new CancelledError('the evaluation'));
      const stop = (): void => {
        clearTimeout(timer);
        reject(new CancelledError('the evaluation'));
      };
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', stop);
        resolve();
      }, milliseconds);
      signal.addEventListener('abort', stop, { once: true });
    }),
};

/**
 * Milliseconds before try `attempt` + 1: doubling from half a second up to a minute, half of it drawn, so that
 * clients that failed together do not come back together.
 */
export function backoffMs(attempt: number, rng: Rng): number {
  const ceiling = Math.min(60_000, 500 * 2 ** Math.min(attempt, 10));
  return ceiling / 2 + (rng.next() * ceiling) / 2;
}

/** Milliseconds that a Retry-After header asks for: seconds, or a date; null when it says nothing. */
export function retryAfterMs(header: string | null, nowEpochMs: number): number | null {
  if (header === null) return null;
  if (/^\s*\d+(?:\.\d+)?\s*$/.test(header)) return Math.min(600_000, Number(header) * 1000);
  const date = Date.parse(header);
  return Number.isNaN(date) ? null : Math.min(600_000, Math.max(0, date - nowEpochMs));
}

/** Lets requests start at most `perMinute` a minute, and none before a time a server asked to wait for. */
export class Pacer {
  private nextAt = 0;
  constructor(
    private readonly clock: Clock,
    private readonly perMinute: number | null,
  ) {}

  /** All requests wait at least this long. */
  holdFor(milliseconds: number): void {
    this.nextAt = Math.max(this.nextAt, this.clock.nowMs() + milliseconds);
  }

  /** Resolves when the next request may start. */
  async turn(signal: AbortSignal): Promise<void> {
    for (;;) {
      const now = this.clock.nowMs();
      if (now >= this.nextAt) {
        this.nextAt = now + (this.perMinute === null ? 0 : 60_000 / this.perMinute);
        return;
      }
      await this.clock.sleep(this.nextAt - now, signal);
    }
  }
}
