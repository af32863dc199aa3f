// Element k of sixteen consecutive rows of X as four matrices. The rows are the same for all threads, so each lane of
// a subgroup (of at least 16) loads one of them and broadcasts.
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
  at: u32,
}

fn rowOffsets(tile: Tile, row: u32, thread: RowThread) -> RowOffsets {
  return RowOffsets(xAt(tile, row + thread.lane % 16u));
}

fn sixteenRows(offsets: RowOffsets, k: u32) -> SixteenRows {
  let own = x[offsets.at + k];
  return SixteenRows(
    mat4x4f(
      subgroupBroadcast(own, 0u),
      subgroupBroadcast(own, 1u),
      subgroupBroadcast(own, 2u),
      subgroupBroadcast(own, 3u),
    ),
    mat4x4f(
      subgroupBroadcast(own, 4u),
      subgroupBroadcast(own, 5u),
      subgroupBroadcast(own, 6u),
      subgroupBroadcast(own, 7u),
    ),
    mat4x4f(
      subgroupBroadcast(own, 8u),
      subgroupBroadcast(own, 9u),
      subgroupBroadcast(own, 10u),
      subgroupBroadcast(own, 11u),
    ),
    mat4x4f(
      subgroupBroadcast(own, 12u),
      subgroupBroadcast(own, 13u),
      subgroupBroadcast(own, 14u),
      subgroupBroadcast(own, 15u),
    ),
  );
}

/// The row, of the sixteen, that matrix column i of this thread stands for.
fn rowAt(i: u32, thread: RowThread) -> u32 {
  return i;
}
