// Frozen weights [rows, 4·vectors], four columns to an element of `weight`. See weights_int8 for the scales.
alias WeightWord = vec4f;

/// Vectors of a row that share a scale: without scales, more than any row has.
const blockVectors = 1u << 28u;

fn loadScale(row: u32, vectors: u32, block: u32) -> f32 {
  return 1.0;
}

/// First element of a row, worked out once: not every driver moves it out of a loop.
fn weightStart(row: u32, vectors: u32) -> u32 {
  return row * vectors;
}

/// Columns 4·k … 4·k + 3 of the row that starts at `start`.
fn loadWeight(start: u32, k: u32, scale: f32) -> vec4f {
  return weight[start + k];
}
