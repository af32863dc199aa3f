// Element k of sixteen consecutive rows of X as four matrices; every thread loads all of them: for devices without
// subgroups.
struct RowThread {
  @builtin(local_invocation_index) index: u32,
}

struct SixteenRows {
  a: mat4x4f,
  b: mat4x4f,
  c: mat4x4f,
  d: mat4x4f,
}

struct RowOffsets {
  a: vec4u,
  b: vec4u,
  c: vec4u,
  d: vec4u,
}

fn fourOffsets(tile: Tile, row: u32) -> vec4u {
  return vec4u(xAt(tile, row), xAt(tile, row + 1u), xAt(tile, row + 2u), xAt(tile, row + 3u));
}

fn rowOffsets(tile: Tile, row: u32, thread: RowThread) -> RowOffsets {
  return RowOffsets(
    fourOffsets(tile, row),
    fourOffsets(tile, row + 4u),
    fourOffsets(tile, row + 8u),
    fourOffsets(tile, row + 12u),
  );
}

fn fourRows(at: vec4u, k: u32) -> mat4x4f {
  return mat4x4f(x[at.x + k], x[at.y + k], x[at.z + k], x[at.w + k]);
}

fn sixteenRows(at: RowOffsets, k: u32) -> SixteenRows {
  return SixteenRows(fourRows(at.a, k), fourRows(at.b, k), fourRows(at.c, k), fourRows(at.d, k));
}

/// The row, of the sixteen, that matrix column i of this thread stands for.
fn rowAt(i: u32, thread: RowThread) -> u32 {
  return i;
}
