/** Throws when `condition` is false: for broken invariants of our own code, never for bad input. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`Internal error: ${message}`);
}
