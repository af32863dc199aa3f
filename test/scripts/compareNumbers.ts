/**
 * Where two JSON values differ: other structure or texts, and numbers by more than `relative` of the larger one
 * (below 1e-6: of 1e-6).
 */
export function differences(left: unknown, right: unknown, relative: number, path = ''): string[] {
  if (typeof left === 'number' && typeof right === 'number') {
    const scale = Math.max(Math.abs(left), Math.abs(right), 1e-6);
    return Math.abs(left - right) <= relative * scale ? [] : [`${path}: ${left} and ${right}`];
  }
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null)
    return left === right ? [] : [`${path}: ${JSON.stringify(left)} and ${JSON.stringify(right)}`];
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].flatMap((key) =>
    differences(
      (left as Record<string, unknown>)[key],
      (right as Record<string, unknown>)[key],
      relative,
      `${path}/${key}`,
    ),
  );
}
