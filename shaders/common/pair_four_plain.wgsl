// Element i of q and gradOut for four consecutive (query, head of the group) pairs, as the columns of a matrix. Every
// thread loads all four: for devices without subgroups.
struct PairThread {
  @builtin(local_invocation_index) index: u32,
}

struct PairPlaces {
  q: vec4u,
  gradOut: vec4u,
}

fn pairPlaces(thread: PairThread, first: u32, last: u32, kvHead: u32, heads: u32) -> PairPlaces {
  let own = min(vec4u(first) + vec4u(0u, 1u, 2u, 3u), vec4u(last));
  let row = own / heads;
  let column = (kvHead * heads + own % heads) * params.vectors;
  return PairPlaces(
    params.qStart + row * params.qStride + column,
    params.gradOutStart + row * params.gradOutStride + column,
  );
}

/// Which of the four pairs each column is.
fn pairOffsets(thread: PairThread) -> vec4u {
  return vec4u(0u, 1u, 2u, 3u);
}

fn fourQueries(at: PairPlaces, i: u32) -> mat4x4f {
  return mat4x4f(q[at.q.x + i], q[at.q.y + i], q[at.q.z + i], q[at.q.w + i]);
}

fn fourGradients(at: PairPlaces, i: u32) -> mat4x4f {
  return mat4x4f(
    gradOut[at.gradOut.x + i],
    gradOut[at.gradOut.y + i],
    gradOut[at.gradOut.z + i],
    gradOut[at.gradOut.w + i],
  );
}
