// Distance, entropy and gold mass on the way through attention (method: online softmax with running maximum m and sum
// Z = Σ e^(s-m)): far = Σ e^(s-m)·(i - j), surprise = Σ e^(s-m)·(s - m), gold = Σ over gold keys of e^(s-m). Then
// distance = far/Z, entropy = ln Z - surprise/Z, gold mass = gold/Z. When the maximum changes to m', surprise becomes
// e^(m-m')·(surprise + (m - m')·Z), the others shrink with Z. (i - j is summed, not j: no difference of large numbers.)
const STATISTICS = true;
const STATE_VECTORS = 2u;

@group(0) @binding(6) var<storage, read> goldBits: array<u32>;             // [ceil(tokens / 32) + 1]: bit per cache token
@group(0) @binding(7) var<storage, read_write> statistics: array<vec4f>;   // [T, H]: distance, entropy, gold mass, 0

/// Bits of tokens token … token + 31, the first in the lowest bit.
fn goldBitsFrom(token: u32) -> u32 {
  let word = token / 32u;
  let shift = token % 32u;
  let low = goldBits[word] >> shift;
  return select(low | (goldBits[word + 1u] << (32u - shift)), low, shift == 0u);
}

fn writeStatistics(index: u32, values: vec4f) {
  statistics[index] = values;
}
