// Keys and values of a page as halves, four numbers to an element; needs no shader-f16. See kv_f32.
alias KvWord = vec2u;

fn loadKvScale(scaleSection: u32, row: u32) -> f32 {
  return 1.0;
}

fn loadKv(section: u32, row: u32, vectors: u32, i: u32, scale: f32) -> vec4f {
  let word = page[section + row * vectors + i];
  return vec4f(unpack2x16float(word.x), unpack2x16float(word.y));
}
