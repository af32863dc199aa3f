// Element i of the K or V rows of four consecutive tokens, as the columns of a matrix. Every thread loads all four: for
// devices without subgroups.
struct KeyThread {
  @builtin(local_invocation_index) index: u32,
}

struct KeyPlaces {
  row: vec4u,
  scale: vec4f,
}

/// Rows of tokens first … first + 3 (page-local, clamped to `last`) of kv head `head`.
fn keyPlaces(thread: KeyThread, scaleSection: u32, first: u32, last: u32, head: u32) -> KeyPlaces {
  let row = min(vec4u(first) + vec4u(0u, 1u, 2u, 3u), vec4u(last)) * params.kvHeads + head;
  return KeyPlaces(
    row,
    vec4f(
      loadKvScale(scaleSection, row.x),
      loadKvScale(scaleSection, row.y),
      loadKvScale(scaleSection, row.z),
      loadKvScale(scaleSection, row.w),
    ),
  );
}

/// Which of the four tokens each column is.
fn keyOffsets(thread: KeyThread) -> vec4u {
  return vec4u(0u, 1u, 2u, 3u);
}

fn fourKeys(at: KeyPlaces, section: u32, i: u32) -> mat4x4f {
  return mat4x4f(
    loadKv(section, at.row.x, params.vectors, i, at.scale.x),
    loadKv(section, at.row.y, params.vectors, i, at.scale.y),
    loadKv(section, at.row.z, params.vectors, i, at.scale.z),
    loadKv(section, at.row.w, params.vectors, i, at.scale.w),
  );
}
