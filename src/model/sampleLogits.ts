import { checkSampling, type Sample, type SamplingOptions } from '../gpu/kernels/sampling.ts';

const nothing = -3e38;
/** Probabilities are counted in units of 2^-31, as in shaders/forward/sample.wgsl. */
const unit = 2 ** 31;

function mix(value: number): number {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d) >>> 0;
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b) >>> 0;
  return (h ^ (h >>> 16)) >>> 0;
}

const massOf = (z: number, peak: number, sum: number): number =>
  Math.floor((Math.exp(z - peak) / sum) * unit);

/** The `count` largest values with their ids in falling order, lower ids first among equals. */
function largest(values: Float32Array, count: number): number[] {
  const found: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (found.length === count && !(values[i]! > values[found[count - 1]!]!)) continue;
    let at = found.length;
    while (at > 0 && values[i]! > values[found[at - 1]!]!) at--;
    found.splice(at, 0, i);
    if (found.length > count) found.pop();
  }
  return found;
}

/** Smallest value that is kept when values from the largest down are taken until they weigh `wanted`; ties stay together. */
function floorOf(values: readonly number[], weightOf: (value: number) => number, wanted: number): number {
  const falling = Float64Array.from(values).sort().reverse();
  let held = 0;
  for (const value of falling) {
    held += weightOf(value);
    if (held >= wanted) return value;
  }
  return falling.at(-1) ?? nothing;
}

/**
 * Draws a token from logits [V] on the CPU, by the rules and the random numbers of shaders/forward/sample.wgsl: the same
 * token, but where a rounding of exp decides. `seen` are the ids that a repetition penalty applies to.
 */
export function sampleLogits(
  logits: Float32Array,
  options: SamplingOptions,
  step: number,
  seen: ReadonlySet<number> = new Set(),
): Sample {
  checkSampling(options);
  const { temperature, topK, topP, minP, repetitionPenalty } = options;
  const raw = Float32Array.from(logits, (x) =>
    Number.isNaN(x) ? nothing : Math.min(Math.max(x, nothing), -nothing),
  );
  const z = raw.slice();
  if (repetitionPenalty !== 1) {
    for (const id of seen) z[id] = z[id]! > 0 ? z[id]! / repetitionPenalty : z[id]! * repetitionPenalty;
  }
  if (temperature > 0) for (let i = 0; i < z.length; i++) z[i] = z[i]! / temperature;
  const first = largest(z, 1)[0]!;
  const token = temperature > 0 ? draw(z, z[first]!, { topK, topP, minP }, options.seed, step) : first;

  let rawPeak = nothing;
  for (const x of raw) rawPeak = Math.max(rawPeak, x);
  let total = 0;
  for (const x of raw) total += Math.exp(x - rawPeak);
  const logTotal = rawPeak + Math.log(total);
  return {
    token,
    logprob: raw[token]! - logTotal,
    top: largest(raw, options.topLogprobs).map((id) => ({ token: id, logprob: raw[id]! - logTotal })),
  };
}

function draw(
  z: Float32Array,
  peak: number,
  { topK, topP, minP }: Pick<SamplingOptions, 'topK' | 'topP' | 'minP'>,
  seed: number,
  step: number,
): number {
  let floor = -Infinity;
  const all = Array.from(z);
  if (topK > 0 && topK < z.length) floor = floorOf(all, () => 1, topK);
  const sumFrom = (least: number): number => {
    let sum = 0;
    for (const x of z) if (x >= least) sum += Math.exp(x - peak);
    return sum;
  };
  if (topP < 1) {
    const sum = sumFrom(floor);
    const kept = all.filter((x) => x >= floor);
    const wanted = Math.max(1, Math.floor(topP * unit));
    floor = floorOf(kept, (x) => massOf(x, peak, sum), wanted);
  }
  if (minP > 0) floor = Math.max(floor, Math.min(peak + Math.log(minP), peak));
  const sum = sumFrom(floor);
  const masses = all.map((x) => (x >= floor ? massOf(x, peak, sum) : 0));
  const total = masses.reduce((held, mass) => held + mass, 0);
  const random = mix(seed ^ mix(step ^ mix(0x9e3779b9)));
  let left = Number((BigInt(random) * BigInt(total)) >> 32n);
  for (const [id, mass] of masses.entries()) {
    if (left < mass) return id;
    left -= mass;
  }
  return all.indexOf(peak);
}
