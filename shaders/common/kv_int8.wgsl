// Keys and values of a page as signed bytes with one f32 scale per (token, kv head); scales lie behind the
// numbers, `scaleSection` is in u32.
alias KvWord = u32;

fn loadKvScale(scaleSection: u32, row: u32) -> f32 {
  return bitcast<f32>(page[scaleSection + row]);
}

fn loadKv(section: u32, row: u32, vectors: u32, i: u32, scale: f32) -> vec4f {
  let word = bitcast<i32>(page[section + row * vectors + i]);
  let q = vec4i(
    extractBits(word, 0u, 8u),
    extractBits(word, 8u, 8u),
    extractBits(word, 16u, 8u),
    extractBits(word, 24u, 8u),
  );
  return vec4f(q) * scale;
}
