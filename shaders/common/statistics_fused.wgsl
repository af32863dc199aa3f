// Distance, entropy and gold mass on the way through attention (method: online softmax with running maximum m and sum
// Z = Σ e^(s-m)): far = Σ e^(s-m)·(i - j), surprise = Σ e^(s-m)·(s - m), gold = Σ over gold keys of e^(s-m). Then
// distance = far/Z, entropy = ln Z - surprise/Z, gold mass = gold/Z. When the maximum changes to m', surprise becomes
// e^(m-m')·(surprise + (m - m')·Z), the others shrink with Z. A block of keys from b on adds (i - b)·Σ e^(s-m) -
// Σ e^(s-m)·(j - b) to far: j - b is a constant of the lane, and no large numbers cancel.
const STATISTICS = true;
const STATE_VECTORS = 2u;

@group(0) @binding(6) var<storage, read> goldBits: array<u32>;             // [ceil(tokens / 32)]: bit per cache token
@group(0) @binding(7) var<storage, read_write> statistics: array<vec4f>;   // [T, H]: distance, entropy, gold mass, 0

/// Bits of a block of at most 8 tokens from `token`, a multiple of the block; the first in the lowest bit.
fn goldBitsFrom(token: u32) -> u32 {
  return goldBits[token / 32u] >> (token % 32u);
}

fn writeStatistics(index: u32, values: vec4f) {
  statistics[index] = values;
}
