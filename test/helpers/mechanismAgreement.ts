/** Largest difference beyond relative 1e-4 (and rounding of sums of 1), as a share of what is allowed, with where it is. */
export function worstDifference(
  actual: unknown,
  expected: unknown,
  path: string,
): { excess: number; path: string } {
  if (typeof expected === 'number') {
    const difference = typeof actual === 'number' ? Math.abs(actual - expected) : Infinity;
    return {
      excess: difference / (1e-4 * Math.abs(expected) + 3e-6),
      path: `${path}: ${String(actual)}, not ${expected}`,
    };
  }
  if (expected === null || typeof expected !== 'object') {
    return {
      excess: actual === expected ? 0 : Infinity,
      path: `${path}: ${String(actual)}, not ${String(expected)}`,
    };
  }
  let most = { excess: 0, path };
  for (const [key, value] of Object.entries(expected)) {
    const found = worstDifference((actual as Record<string, unknown> | null)?.[key], value, `${path}.${key}`);
    if (found.excess > most.excess) most = found;
  }
  return most;
}
