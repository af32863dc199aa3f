// Element k of sixteen consecutive rows of X as four matrices. The rows are the same for all threads, so each lane of
// a subgroup (of at least 4) loads four of them and the lanes of a quad swap: on CPU drivers a swap is one shuffle, a
// broadcast five operations. So each thread has the rows in an order of its own, see rowAt.
struct RowThread {
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_invocation_id) lane: u32,
}

struct SixteenRows {
  a: mat4x4f,
  b: mat4x4f,
  c: mat4x4f,
  d: mat4x4f,
}

struct RowOffsets {
  at: vec4u,
}

fn rowOffsets(tile: Tile, row: u32, thread: RowThread) -> RowOffsets {
  let own = row + thread.lane % 4u;
  return RowOffsets(vec4u(xAt(tile, own), xAt(tile, own + 4u), xAt(tile, own + 8u), xAt(tile, own + 12u)));
}

fn fourLanes(own: vec4f) -> mat4x4f {
  return mat4x4f(own, quadSwapX(own), quadSwapY(own), quadSwapDiagonal(own));
}

fn sixteenRows(offsets: RowOffsets, k: u32) -> SixteenRows {
  return SixteenRows(
    fourLanes(x[offsets.at.x + k]),
    fourLanes(x[offsets.at.y + k]),
    fourLanes(x[offsets.at.z + k]),
    fourLanes(x[offsets.at.w + k]),
  );
}

/// The row, of the sixteen, that matrix column i of this thread stands for.
fn rowAt(i: u32, thread: RowThread) -> u32 {
  return i ^ (thread.lane % 4u);
}
