// Frozen weights as signed bytes, first column in the lowest byte, and one f16 scale per 32 columns of a row in
// `scales`, two to a word in row-major order: w = q · scale.
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
  return row * vectors;
}

/// Columns 4·k … 4·k + 3 of the row that starts at `start`.
fn loadWeight(start: u32, k: u32, scale: f32) -> vec4f {
  let word = bitcast<i32>(weight[start + k]);
  let q = vec4i(
    extractBits(word, 0u, 8u),
    extractBits(word, 8u, 8u),
    extractBits(word, 16u, 8u),
    extractBits(word, 24u, 8u),
  );
  return vec4f(q) * scale;
}
