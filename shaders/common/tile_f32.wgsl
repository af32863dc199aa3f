// Tiles in shared memory as they are. See tile_f16.
alias TileVector = vec4f;
alias TileMatrix = mat4x4f;

fn toTile(value: vec4f) -> TileVector {
  return value;
}
