// Element i of q and gradOut for eight consecutive (query, head of the group) pairs, as two matrices of four columns.
// The pairs are the same for all threads, so each lane of a subgroup (of at least 8) loads one and broadcasts.
struct PairThread {
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_invocation_id) lane: u32,
}

struct EightPairs {
  a: mat4x4f,
  b: mat4x4f,
}

fn pairAt(start: u32, stride: u32, pair: u32, last: u32, kvHead: u32, heads: u32) -> u32 {
  let own = min(pair, last);
  return start + own / heads * stride + (kvHead * heads + own % heads) * params.vectors;
}

struct PairOffsets {
  at: u32,
}

fn pairOffsets(thread: PairThread, start: u32, stride: u32, first: u32, last: u32, kvHead: u32, heads: u32) -> PairOffsets {
  return PairOffsets(pairAt(start, stride, first + thread.lane % 8u, last, kvHead, heads));
}

fn eightLanes(value: vec4f) -> EightPairs {
  return EightPairs(
    mat4x4f(
      subgroupBroadcast(value, 0u),
      subgroupBroadcast(value, 1u),
      subgroupBroadcast(value, 2u),
      subgroupBroadcast(value, 3u),
    ),
    mat4x4f(
      subgroupBroadcast(value, 4u),
      subgroupBroadcast(value, 5u),
      subgroupBroadcast(value, 6u),
      subgroupBroadcast(value, 7u),
    ),
  );
}

fn eightQueries(offsets: PairOffsets, i: u32) -> EightPairs {
  return eightLanes(q[offsets.at + i]);
}

fn eightGradients(offsets: PairOffsets, i: u32) -> EightPairs {
  return eightLanes(gradOut[offsets.at + i]);
}
