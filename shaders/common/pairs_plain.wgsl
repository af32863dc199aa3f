// Element i of q and gradOut for eight consecutive (query, head of the group) pairs, as two matrices of four columns.
// Every thread loads all eight: for devices without subgroups.
struct PairThread {
  @builtin(local_invocation_index) index: u32,
}

struct EightPairs {
  a: mat4x4f,
  b: mat4x4f,
}

struct PairOffsets {
  a: vec4u,
  b: vec4u,
}

fn pairAt(start: u32, stride: u32, pair: u32, last: u32, kvHead: u32, heads: u32) -> u32 {
  let own = min(pair, last);
  return start + own / heads * stride + (kvHead * heads + own % heads) * params.vectors;
}

fn pairOffsets(thread: PairThread, start: u32, stride: u32, first: u32, last: u32, kvHead: u32, heads: u32) -> PairOffsets {
  return PairOffsets(
    vec4u(
      pairAt(start, stride, first, last, kvHead, heads),
      pairAt(start, stride, first + 1u, last, kvHead, heads),
      pairAt(start, stride, first + 2u, last, kvHead, heads),
      pairAt(start, stride, first + 3u, last, kvHead, heads),
    ),
    vec4u(
      pairAt(start, stride, first + 4u, last, kvHead, heads),
      pairAt(start, stride, first + 5u, last, kvHead, heads),
      pairAt(start, stride, first + 6u, last, kvHead, heads),
      pairAt(start, stride, first + 7u, last, kvHead, heads),
    ),
  );
}

fn eightQueries(at: PairOffsets, i: u32) -> EightPairs {
  return EightPairs(
    mat4x4f(q[at.a.x + i], q[at.a.y + i], q[at.a.z + i], q[at.a.w + i]),
    mat4x4f(q[at.b.x + i], q[at.b.y + i], q[at.b.z + i], q[at.b.w + i]),
  );
}

fn eightGradients(at: PairOffsets, i: u32) -> EightPairs {
  return EightPairs(
    mat4x4f(gradOut[at.a.x + i], gradOut[at.a.y + i], gradOut[at.a.z + i], gradOut[at.a.w + i]),
    mat4x4f(gradOut[at.b.x + i], gradOut[at.b.y + i], gradOut[at.b.z + i], gradOut[at.b.w + i]),
  );
}
