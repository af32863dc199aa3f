import { throwIfCancelled } from '../../core/errors.ts';

/** Longest time that parsing holds the thread before timers, messages and a cancel get their turn. */
const SLICE_MS = 40;

function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    // Not setTimeout: browsers stretch nested timers to 4 ms, a tenth of the slice.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** Hands the thread back on time during long work, and stops the work once its signal is aborted. */
export class Yielder {
  #last = performance.now();
  readonly #signal: AbortSignal | undefined;
  readonly #what: string;

  /** @param what completes the sentence "… was cancelled" */
  constructor(signal: AbortSignal | undefined, what: string) {
    this.#signal = signal;
    this.#what = what;
  }

  /** True when the slice is used up; cheap enough to ask per record. */
  get isDue(): boolean {
    return performance.now() - this.#last > SLICE_MS;
  }

  /** Lets other tasks run when the slice is used up; throws `CancelledError` when the signal is aborted. */
  async pause(): Promise<void> {
    if (this.isDue) {
      await nextTask();
      this.#last = performance.now();
    }
    throwIfCancelled(this.#signal, this.#what);
  }
}
