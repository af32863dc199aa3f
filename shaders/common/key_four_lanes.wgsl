// Element i of the K or V rows of four consecutive tokens, as the columns of a matrix. The rows are the same for all
// threads, so each lane of a subgroup (of at least 4) loads one of them and the lanes of a quad swap; keyOffsets says which
// column is whose.
struct KeyThread {
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_invocation_id) lane: u32,
}

struct KeyPlaces {
  row: u32,
  scale: f32,
}

/// Rows of tokens first … first + 3 (page-local, clamped to `last`) of kv head `head`.
fn keyPlaces(thread: KeyThread, scaleSection: u32, first: u32, last: u32, head: u32) -> KeyPlaces {
  let row = min(first + thread.lane % 4u, last) * params.kvHeads + head;
  return KeyPlaces(row, loadKvScale(scaleSection, row));
}

/// Each lane has its own row first: a swap is one shuffle on CPU drivers, a broadcast five operations.
fn fourLanes(own: vec4f) -> mat4x4f {
  return mat4x4f(own, quadSwapX(own), quadSwapY(own), quadSwapDiagonal(own));
}

/// Which of the four tokens each column is in this thread.
fn keyOffsets(thread: KeyThread) -> vec4u {
  return vec4u(0u, 1u, 2u, 3u) ^ vec4u(thread.lane % 4u);
}

fn fourKeys(at: KeyPlaces, section: u32, i: u32) -> mat4x4f {
  return fourLanes(loadKv(section, at.row, params.vectors, i, at.scale));
}
