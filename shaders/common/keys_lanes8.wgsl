// Element i of the K or V rows of eight consecutive tokens, as two matrices of four columns. The rows are the
// same for all threads, so each lane of a subgroup (of at least 8) loads one of them and broadcasts.
struct KeyThread {
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_invocation_id) lane: u32,
}

struct EightRows {
  a: mat4x4f,
  b: mat4x4f,
}

/// Rows of tokens first … first + 7 (page-local, clamped to `last`) of kv head `head`.
fn eightRows(thread: KeyThread, section: u32, scaleSection: u32, first: u32, last: u32, head: u32, i: u32) -> EightRows {
  let r0 = min(first + thread.lane % 8u, last) * params.kvHeads + head;
  let v0 = loadKv(section, r0, params.vectors, i, loadKvScale(scaleSection, r0));
  return EightRows(
    mat4x4f(
      subgroupBroadcast(v0, 0u),
      subgroupBroadcast(v0, 1u),
      subgroupBroadcast(v0, 2u),
      subgroupBroadcast(v0, 3u),
    ),
    mat4x4f(
      subgroupBroadcast(v0, 4u),
      subgroupBroadcast(v0, 5u),
      subgroupBroadcast(v0, 6u),
      subgroupBroadcast(v0, 7u),
    ),
  );
}
