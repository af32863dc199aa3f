// Element i of q and gradOut for eight consecutive (query, head of the group) pairs, as two matrices of four columns.
// The pairs are the same for all threads, so each lane of a subgroup (of at least 4) loads two and broadcasts.
struct PairThread {
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_invocation_id) lane: u32,
}

struct EightPairs {
  a: mat4x4f,
  b: mat4x4f,
}

struct PairOffsets {
  at: vec2u,
}

fn pairAt(start: u32, stride: u32, pair: u32, last: u32, kvHead: u32, heads: u32) -> u32 {
  let own = min(pair, last);
  return start + own / heads * stride + (kvHead * heads + own % heads) * params.vectors;
}

fn pairOffsets(thread: PairThread, start: u32, stride: u32, first: u32, last: u32, kvHead: u32, heads: u32) -> PairOffsets {
  let own = first + thread.lane % 4u;
  return PairOffsets(
    vec2u(
      pairAt(start, stride, own, last, kvHead, heads),
      pairAt(start, stride, own + 4u, last, kvHead, heads),
    ),
  );
}

fn fourLanes(value: vec4f) -> mat4x4f {
  return mat4x4f(
    subgroupBroadcast(value, 0u),
    subgroupBroadcast(value, 1u),
    subgroupBroadcast(value, 2u),
    subgroupBroadcast(value, 3u),
  );
}

fn eightQueries(offsets: PairOffsets, i: u32) -> EightPairs {
  return EightPairs(fourLanes(q[offsets.at.x + i]), fourLanes(q[offsets.at.y + i]));
}

fn eightGradients(offsets: PairOffsets, i: u32) -> EightPairs {
  return EightPairs(fourLanes(gradOut[offsets.at.x + i]), fourLanes(gradOut[offsets.at.y + i]));
}
