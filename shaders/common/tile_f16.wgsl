// Tiles in shared memory as halves: half the bytes, and products of four columns in f16 before they are added to sums
// in f32. For inputs of moderate size (after a norm): larger ones than a half can hold are clamped.
alias TileVector = vec4<f16>;
alias TileMatrix = mat4x4<f16>;

fn toTile(value: vec4f) -> TileVector {
  return TileVector(clamp(value, vec4f(-65504.0), vec4f(65504.0)));
}
