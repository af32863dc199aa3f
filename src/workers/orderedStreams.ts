/** Batches kept of a stream that is not yet its turn. */
const buffered = 2;

/** Batches of one unit of work, made elsewhere and taken in turn. */
class UnitStream<T> {
  #batches: T[] = [];
  #ended = false;
  #error: { readonly reason: unknown } | null = null;
  #wakeTaker: () => void = () => undefined;
  #wakeMaker: () => void = () => undefined;

  /** Resolves when there is room for more, so that a fast maker waits for its turn. */
  async push(batch: T): Promise<void> {
    this.#batches.push(batch);
    this.#wakeTaker();
    if (this.#batches.length < buffered) return;
    await new Promise<void>((resolve) => {
      this.#wakeMaker = resolve;
    });
  }

  end(error: { readonly reason: unknown } | null): void {
    this.#ended = true;
    this.#error = error;
    this.#wakeTaker();
  }

  async *take(): AsyncGenerator<T> {
    for (;;) {
      const batch = this.#batches.shift();
      if (batch !== undefined) {
        this.#wakeMaker();
        yield batch;
      } else if (this.#error) throw this.#error.reason;
      else if (this.#ended) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wakeTaker = resolve;
        });
      }
    }
  }
}

/**
 * Runs units in parallel, each giving batches through `push`, and hands the batches to `reduce` in the order of
 * the units. Memory is bounded by a few batches a running unit. The first failure stops and is thrown.
 */
export async function reduceInOrder<Unit, Batch>(
  units: readonly Unit[],
  concurrency: number,
  start: (unit: Unit, push: (batch: Batch) => Promise<void>) => Promise<void>,
  reduce: (batch: Batch) => Promise<void>,
): Promise<void> {
  const streams = new Map<number, UnitStream<Batch>>();
  let started = 0;
  const startNext = (): void => {
    const unit = units[started];
    if (unit === undefined) return;
    const stream = new UnitStream<Batch>();
    streams.set(started++, stream);
    start(unit, (batch) => stream.push(batch)).then(
      () => stream.end(null),
      (reason: unknown) => stream.end({ reason }),
    );
  };
  for (let i = 0; i < concurrency; i++) startNext();
  for (let turn = 0; turn < units.length; turn++) {
    const stream = streams.get(turn);
    if (!stream) throw new Error('Internal error: a unit was not started');
    for await (const batch of stream.take()) await reduce(batch);
    streams.delete(turn);
    startNext();
  }
}
