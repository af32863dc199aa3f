// Frozen weights as unsigned nibbles, first column in the lowest, and one f16 scale per 32 columns of a row (see
// weights_int8): w = (q - 8) · scale.
alias WeightWord = u32;

/// Vectors of a row that share a scale.
const blockVectors = 8u;

fn loadScale(row: u32, vectors: u32, block: u32) -> f32 {
  let index = row * (vectors / 8u) + block;
  let pair = unpack2x16float(scales[index / 2u]);
  return select(pair.x, pair.y, (index & 1u) == 1u);
}

/// First element of a row, worked out once: not every driver moves it out of a loop.
fn weightStart(row: u32, vectors: u32) -> u32 {
  return row * (vectors / 2u);
}

/// Columns 4·k … 4·k + 3 of the row that starts at `start`.
fn loadWeight(start: u32, k: u32, scale: f32) -> vec4f {
  let nibbles = (weight[start + k / 2u] >> ((k & 1u) * 16u)) & 0xffffu;
  let q = (vec4u(nibbles) >> vec4u(0u, 4u, 8u, 12u)) & vec4u(15u);
  return (vec4f(q) - 8.0) * scale;
}
