/** A map step that may run elsewhere (a worker); results come back in any order. */
export type MapUnit<Unit, Result> = (unit: Unit) => Promise<Result>;

/**
 * Runs units through `map`, at most `concurrency` at a time, and hands the results to `reduce` in the order of the
 * units, whatever order they finish in. Pulls no more units than are needed to keep the workers busy, so memory is
 * bounded by `concurrency` units and results. The first failure stops everything and is thrown.
 */
export async function mapOrdered<Unit, Result>(
  units: AsyncIterable<Unit> | Iterable<Unit>,
  map: MapUnit<Unit, Result>,
  reduce: (result: Result) => Promise<void> | void,
  concurrency: number,
): Promise<void> {
  const pending: Promise<Result>[] = [];
  const settleFirst = async (): Promise<void> => {
    const first = pending.shift();
    if (first) await reduce(await first);
  };
  try {
    for await (const unit of units) {
      const running = map(unit);
      // A failure is met when its turn comes; until then it must not count as unhandled.
      running.catch(() => {});
      pending.push(running);
      if (pending.length >= concurrency) await settleFirst();
    }
    while (pending.length > 0) await settleFirst();
  } finally {
    await Promise.allSettled(pending);
  }
}
