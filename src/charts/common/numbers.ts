import { format } from 'd3-format';

const whole = format(',.0f');

/** Below it a value is rounding. */
const leastShown = 1e-9;

/** A value as people read it: about three digits, a true minus. */
export function shortNumber(value: number | null): string {
  if (value === null || Number.isNaN(value)) return 'not measured';
  const size = Math.abs(value);
  const text =
    size >= 100
      ? whole(value)
      : size >= 10
        ? value.toFixed(1)
        : size >= 1
          ? value.toFixed(2)
          : size >= 0.01 || size < leastShown
            ? value.toFixed(3)
            : String(Number(value.toPrecision(3)));
  return text.replaceAll('-', '−');
}

/** The same with its sign: a difference. */
export function signedNumber(value: number | null): string {
  if (value === null) return 'not measured';
  const text = shortNumber(value);
  return value > 0 ? `+${text}` : text;
}

/** `1 head`, `2 heads`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${whole(count)} ${count === 1 ? one : many}`;
}

export const headLabel = (layer: number, head: number): string => `L${layer}·H${head}`;
export const expertLabel = (layer: number, expert: number): string => `L${layer}·E${expert}`;

/** Largest absolute value that 98 % of the values do not exceed, or of all where those are zeros; 0 without any. */
export function symmetricDomain(values: readonly (number | null)[]): number {
  const sizes = values.flatMap((value) => (value === null ? [] : [Math.abs(value)])).sort((a, b) => a - b);
  const most = sizes[Math.min(sizes.length - 1, Math.floor(sizes.length * 0.98))] ?? 0;
  return most > 0 ? most : (sizes.at(-1) ?? 0);
}

/** Smallest and largest of what was measured; null without any. */
export function extentOf(values: readonly (number | null)[]): readonly [number, number] | null {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value === null) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return high >= low ? [low, high] : null;
}

/** Mean of what was measured; null without any. */
export function meanOf(values: readonly (number | null)[]): number | null {
  let sum = 0;
  let count = 0;
  for (const value of values) {
    if (value === null) continue;
    sum += value;
    count++;
  }
  return count === 0 ? null : sum / count;
}
