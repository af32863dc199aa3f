// Frozen weights as halves, four columns to an element. Needs no shader-f16: the conversion is a builtin.
alias WeightWord = vec2u;

fn loadScale(row: u32, vectors: u32, block: u32) -> f32 {
  return 1.0;
}

fn loadWeight(row: u32, vectors: u32, k: u32, scale: f32) -> vec4f {
  let word = weight[row * vectors + k];
  return vec4f(unpack2x16float(word.x), unpack2x16float(word.y));
}
