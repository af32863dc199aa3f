// Keys and values of a page as f32, four numbers to an element. `row` counts (token, kv head) from the section's
// start, `section` is in elements. See kv_int8 for the scales.
alias KvWord = vec4f;

fn loadKvScale(scaleSection: u32, row: u32) -> f32 {
  return 1.0;
}

fn loadKv(section: u32, row: u32, vectors: u32, i: u32, scale: f32) -> vec4f {
  return page[section + row * vectors + i];
}
