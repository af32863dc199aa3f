/** Throws when `condition` is false: for broken invariants of our own code, never for bad input. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`Internal error: ${message}`);
}

/** Proves to the type checker that every case of a union is handled. */
export function assertNever(value: never, what: string): never {
  throw new Error(`Internal error: unhandled ${what}: ${JSON.stringify(value)}`);
}
