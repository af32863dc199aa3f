// Frozen weights [rows, 4·vectors], four columns to an element of `weight`. See weights_int8 for the scales.
alias WeightWord = vec4f;

fn loadScale(row: u32, vectors: u32, block: u32) -> f32 {
  return 1.0;
}

fn loadWeight(row: u32, vectors: u32, k: u32, scale: f32) -> vec4f {
  return weight[row * vectors + k];
}
