/**
 * Gradient of Σ f(x) · direction by central differences in f64, one input at a time: the witness of every backward
 * kernel. With ε = 1e-5 its own error is about 1e-9 of the values.
 */
export function centralDifferences(
  f: (x: Float64Array) => Float64Array,
  x: Float64Array,
  direction: Float64Array,
): Float64Array {
  const probe = Float64Array.from(x);
  const along = (): number => f(probe).reduce((sum, value, i) => sum + value * direction[i]!, 0);
  return x.map((value, i) => {
    const epsilon = 1e-5 * Math.max(1, Math.abs(value));
    probe[i] = value + epsilon;
    const above = along();
    probe[i] = value - epsilon;
    const below = along();
    probe[i] = value;
    return (above - below) / (2 * epsilon);
  });
}
