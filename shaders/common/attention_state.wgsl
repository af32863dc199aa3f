// A (query, head) pair, its running softmax over blocks of four keys, and where both lie in memory: for heads of 32 and 64
// columns. Needs attention_params, the statistics and the keys.
#include "key_blocks.wgsl"

struct Query {
  t: u32,
  head: u32,
  // Tokens seen: first … last.
  first: u32,
  last: u32,
  q: HeadRow,
}

struct Softmax {
  m: f32,
  l: f32,
  // Surprise, distance, gold mass: see common/statistics_fused.
  extra: vec3f,
  o: HeadRow,
}

fn loadQuery(kvHead: u32, heads: u32, pair: u32) -> Query {
  let t = pair / heads;
  let head = kvHead * heads + pair % heads;
  let at = params.qStart + t * params.qStride + head * params.vectors;
  var query: array<vec4f, 16>;
  for (var i = 0u; i < params.vectors; i++) {
    query[i] = q[at + i] * params.scale;
  }
  return Query(t, head, firstVisible(t), params.firstToken + t, headRow(query));
}

/// Where the state of a pair lies in `partial`.
fn stateAt(query: Query, split: u32) -> u32 {
  let slice = (params.firstSlice + split) * params.rows * params.heads;
  return (slice + query.t * params.heads + query.head) * (params.vectors + STATE_VECTORS);
}

fn loadState(query: Query, split: u32) -> Softmax {
  var state = Softmax(MASKED, 0.0, vec3f(), HeadRow());
  if (params.carries != 0u) {
    let at = stateAt(query, split);
    var o: array<vec4f, 16>;
    for (var i = 0u; i < params.vectors; i++) {
      o[i] = partial[at + i];
    }
    state.o = headRow(o);
    state.m = partial[at + params.vectors].x;
    state.l = partial[at + params.vectors].y;
    if (STATISTICS) {
      state.extra = partial[at + params.vectors + STATE_VECTORS - 1u].xyz;
    }
  }
  return state;
}

/// Four keys and their values, key i of `token` + offsets[i]; those from `limit` on are not there.
struct Block {
  token: u32,
  offsets: vec4u,
  limit: u32,
  keys: HeadBlock,
  values: HeadBlock,
}

/// The state after a block of keys.
fn grown(state: Softmax, query: Query, block: Block) -> Softmax {
  let token = block.token;
  let offsets = block.offsets;
  let tokens = vec4u(token) + offsets;
  let seen = (tokens >= vec4u(query.first)) & (tokens < vec4u(min(query.last + 1u, block.limit)));
  let s = headDots(query.q, block.keys);
  let most = select(vec4f(MASKED), s, seen);
  let peak = max(state.m, max(max(most.x, most.y), max(most.z, most.w)));
  let shrink = exp(state.m - peak);
  let p = select(vec4f(), exp(s - peak), seen);
  let mass = dot(p, vec4f(1.0));
  var next = state;
  if (STATISTICS) {
    let surprise = dot(p, s - peak);
    let far = f32(i32(query.last) - i32(token)) * mass - dot(p, vec4f(offsets));
    let gold = vec4f((vec4u(goldBitsFrom(token)) >> offsets) & vec4u(1u));
    let before = vec3f(state.extra.x + (state.m - peak) * state.l, state.extra.yz);
    next.extra = before * shrink + vec3f(surprise, far, dot(p, gold));
  }
  next.m = peak;
  next.l = state.l * shrink + mass;
  next.o = addHead(state.o, shrink, block.values, p);
  return next;
}

fn store(query: Query, state: Softmax, split: u32) {
  let o = headVectors(state.o);
  if (params.finishes != 0u) {
    // A row that sees no key at all (it cannot, its own is always there) would divide by zero.
    let l = max(state.l, 1e-30);
    let at = params.outStart + query.t * params.outStride + query.head * params.vectors;
    for (var i = 0u; i < params.vectors; i++) {
      out[at + i] = o[i] / l;
    }
    let index = query.t * params.heads + query.head;
    if (params.hasLse != 0u) {
      logSumExp[index] = state.m + log(l);
    }
    if (STATISTICS) {
      let means = state.extra / l;
      writeStatistics(index, vec4f(means.y, log(l) - means.x, means.z, 0.0));
    }
  } else {
    let at = stateAt(query, split);
    for (var i = 0u; i < params.vectors; i++) {
      partial[at + i] = o[i];
    }
    partial[at + params.vectors] = vec4f(state.m, state.l, 0.0, 0.0);
    if (STATISTICS) {
      partial[at + params.vectors + STATE_VECTORS - 1u] = vec4f(state.extra, 0.0);
    }
  }
}
