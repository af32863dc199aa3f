/** ln Γ(x) for x > 0. */
export function logGamma(x: number): number {
  // Lanczos approximation (g = 7, n = 9), relative error below 1e-14 for x > 0.
  const coefficients = [
    0.9999999999998099, 676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406,
    12.507343278686905, -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
  ];
  const shifted = x - 1;
  let sum = coefficients[0]!;
  for (let i = 1; i < 9; i++) sum += coefficients[i]! / (shifted + i);
  const t = shifted + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** Regularised incomplete beta function by its continued fraction (Lentz). */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front =
    Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(1 - x)) / a;
  const tiny = 1e-300;
  let c = 1;
  let d =
    (1 / Math.max(tiny, Math.abs(1 - ((a + b) * x) / (a + 1)))) * Math.sign(1 - ((a + b) * x) / (a + 1) || 1);
  let result = d;
  for (let m = 1; m <= 500; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / (1 + even * d || tiny);
    c = 1 + even / c || tiny;
    result *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + odd * d || tiny);
    c = 1 + odd / c || tiny;
    const change = d * c;
    result *= change;
    if (Math.abs(change - 1) < 1e-15) break;
  }
  return front * result;
}

/** P(|T| > |t|) for Student's t with `degrees` of freedom. */
export function tTwoSidedP(t: number, degrees: number): number {
  return incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5);
}

/** Fewer items give no bootstrap interval: the resamples of two hold the true mean about every other time. */
export const fewestItems = 3;

/** The bootstrap interval of a difference and its p as they may be shown; null of too few items. */
export function shownInterval({
  items,
  interval,
  p,
}: {
  readonly items: number;
  readonly interval: readonly [number, number];
  readonly p: number;
}): { readonly interval: readonly [number, number]; readonly p: number } | null {
  return items < fewestItems ? null : { interval, p };
}
