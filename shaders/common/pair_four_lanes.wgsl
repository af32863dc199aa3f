// Element i of q and gradOut for four consecutive (query, head of the group) pairs, as the columns of a matrix. The pairs
// are the same for all threads, so each lane of a subgroup (of at least 4) loads one of them and the lanes of a quad swap;
// pairOffsets says which column is whose.
struct PairThread {
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_invocation_id) lane: u32,
}

struct PairPlaces {
  q: u32,
  gradOut: u32,
}

fn pairPlaces(thread: PairThread, first: u32, last: u32, kvHead: u32, heads: u32) -> PairPlaces {
  let own = min(first + thread.lane % 4u, last);
  let row = own / heads;
  let column = (kvHead * heads + own % heads) * params.vectors;
  return PairPlaces(
    params.qStart + row * params.qStride + column,
    params.gradOutStart + row * params.gradOutStride + column,
  );
}

/// Each lane has its own row first: a swap is one shuffle on CPU drivers, a broadcast five operations.
fn fourLanes(own: vec4f) -> mat4x4f {
  return mat4x4f(own, quadSwapX(own), quadSwapY(own), quadSwapDiagonal(own));
}

/// Which of the four pairs each column is in this thread.
fn pairOffsets(thread: PairThread) -> vec4u {
  return vec4u(0u, 1u, 2u, 3u) ^ vec4u(thread.lane % 4u);
}

fn fourQueries(at: PairPlaces, i: u32) -> mat4x4f {
  return fourLanes(q[at.q + i]);
}

fn fourGradients(at: PairPlaces, i: u32) -> mat4x4f {
  return fourLanes(gradOut[at.gradOut + i]);
}
