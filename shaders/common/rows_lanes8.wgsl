// Element k of sixteen consecutive rows of X as four matrices. The rows are the same for all threads, so each lane of
// a subgroup (of at least 8) loads two of them and broadcasts.
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
  at: vec2u,
}

fn rowOffsets(tile: Tile, row: u32, thread: RowThread) -> RowOffsets {
  let own = row + thread.lane % 8u;
  return RowOffsets(vec2u(xAt(tile, own), xAt(tile, own + 8u)));
}

fn sixteenRows(offsets: RowOffsets, k: u32) -> SixteenRows {
  let first = x[offsets.at.x + k];
  let second = x[offsets.at.y + k];
  return SixteenRows(
    mat4x4f(
      subgroupBroadcast(first, 0u),
      subgroupBroadcast(first, 1u),
      subgroupBroadcast(first, 2u),
      subgroupBroadcast(first, 3u),
    ),
    mat4x4f(
      subgroupBroadcast(first, 4u),
      subgroupBroadcast(first, 5u),
      subgroupBroadcast(first, 6u),
      subgroupBroadcast(first, 7u),
    ),
    mat4x4f(
      subgroupBroadcast(second, 0u),
      subgroupBroadcast(second, 1u),
      subgroupBroadcast(second, 2u),
      subgroupBroadcast(second, 3u),
    ),
    mat4x4f(
      subgroupBroadcast(second, 4u),
      subgroupBroadcast(second, 5u),
      subgroupBroadcast(second, 6u),
      subgroupBroadcast(second, 7u),
    ),
  );
}

/// The row, of the sixteen, that matrix column i of this thread stands for.
fn rowAt(i: u32, thread: RowThread) -> u32 {
  return i;
}
