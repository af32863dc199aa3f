// Element i of the K or V rows of eight consecutive tokens, as two matrices of four columns. Every thread loads
// all eight: for devices without subgroups.
struct KeyThread {
  @builtin(local_invocation_index) index: u32,
}

struct EightRows {
  a: mat4x4f,
  b: mat4x4f,
}

/// Rows of tokens first … first + 7 (page-local, clamped to `last`) of kv head `head`.
fn eightRows(thread: KeyThread, section: u32, scaleSection: u32, first: u32, last: u32, head: u32, i: u32) -> EightRows {
  let r0 = min(first, last) * params.kvHeads + head;
  let r1 = min(first + 1u, last) * params.kvHeads + head;
  let r2 = min(first + 2u, last) * params.kvHeads + head;
  let r3 = min(first + 3u, last) * params.kvHeads + head;
  let r4 = min(first + 4u, last) * params.kvHeads + head;
  let r5 = min(first + 5u, last) * params.kvHeads + head;
  let r6 = min(first + 6u, last) * params.kvHeads + head;
  let r7 = min(first + 7u, last) * params.kvHeads + head;
  return EightRows(
    mat4x4f(
      loadKv(section, r0, params.vectors, i, loadKvScale(scaleSection, r0)),
      loadKv(section, r1, params.vectors, i, loadKvScale(scaleSection, r1)),
      loadKv(section, r2, params.vectors, i, loadKvScale(scaleSection, r2)),
      loadKv(section, r3, params.vectors, i, loadKvScale(scaleSection, r3)),
    ),
    mat4x4f(
      loadKv(section, r4, params.vectors, i, loadKvScale(scaleSection, r4)),
      loadKv(section, r5, params.vectors, i, loadKvScale(scaleSection, r5)),
      loadKv(section, r6, params.vectors, i, loadKvScale(scaleSection, r6)),
      loadKv(section, r7, params.vectors, i, loadKvScale(scaleSection, r7)),
    ),
  );
}
