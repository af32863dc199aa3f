// Attention's gradient by its keys and values for heads of 32 and 64 columns: a thread has four keys of a kv head, so that
// a block of four (query, head) pairs, loaded once for all threads, serves each four times.
#include "kv_f32.wgsl"
#include "attention_back_key.wgsl"
#include "dispatch.wgsl"
#include <pairs>
#include "pair_blocks.wgsl"

override WORKGROUP_SIZE: u32 = 16u;

var<workgroup> lastEnd: u32;

struct Key {
  token: u32,
  // Behind the last row that sees it.
  end: u32,
  k: HeadRow,
  v: HeadRow,
}

struct KeyGradient {
  k: HeadRow,
  v: HeadRow,
}

/// What a block of pairs has beside its rows; one that is not there has row 0xffffffff.
struct Pairs {
  row: vec4u,
  lse: vec4f,
  delta: vec4f,
}

fn loadKey(kvHead: u32, key: u32) -> Key {
  let at = (key * params.kvHeads + kvHead) * params.vectors;
  var k: array<vec4f, 16>;
  var v: array<vec4f, 16>;
  for (var i = 0u; i < params.vectors; i++) {
    k[i] = page[at + i] * params.scale;
    v[i] = page[params.valueSection + at + i];
  }
  let token = params.pageFirst + key;
  return Key(token, endVisible(token), headRow(k), headRow(v));
}

fn loadPairs(pair: vec4u, end: u32, kvHead: u32, heads: u32) -> Pairs {
  let known = min(pair, vec4u(end - 1u));
  let row = known / heads;
  let at = row * params.heads + kvHead * heads + known % heads;
  return Pairs(
    select(vec4u(0xffffffffu), row, pair < vec4u(end)),
    vec4f(logSumExp[at.x], logSumExp[at.y], logSumExp[at.z], logSumExp[at.w]),
    vec4f(delta[at.x], delta[at.y], delta[at.z], delta[at.w]),
  );
}

fn grown(sum: KeyGradient, key: Key, pairs: Pairs, queries: HeadBlock, gradients: HeadBlock) -> KeyGradient {
  let s = headDots(key.k, queries);
  let g = headDots(key.v, gradients);
  let seen = (pairs.row >= vec4u(key.token)) & (pairs.row < vec4u(key.end));
  let p = select(vec4f(), exp(s - pairs.lse), seen);
  return KeyGradient(addHead(sum.k, 1.0, queries, p * (g - pairs.delta)), addHead(sum.v, 1.0, gradients, p));
}

fn store(kvHead: u32, token: u32, sum: KeyGradient) {
  let at = params.gradStart + token * params.gradStride + kvHead * params.vectors;
  let dk = headVectors(sum.k);
  let dv = headVectors(sum.v);
  for (var i = 0u; i < params.vectors; i++) {
    grad[at + i] = dk[i] * params.scale;
    grad[at + params.valueColumns + i] = dv[i];
  }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, thread: PairThread) {
  let group = linearWorkgroup(id, count);
  if (group >= params.workgroupEnd) {
    return;
  }
  let heads = params.heads / params.kvHeads;
  let own = WORKGROUP_SIZE * 4u;
  let tiles = (params.keyCount + own - 1u) / own;
  let kvHead = group / tiles;
  let firstKey = group % tiles * own;

  // Later keys are seen by rows that end no earlier.
  if (thread.index == 0u) {
    lastEnd = endVisible(params.pageFirst + min(firstKey + own, params.keyCount) - 1u);
  }
  let endRow = workgroupUniformLoad(&lastEnd);
  let firstPair = (params.pageFirst + firstKey) * heads;
  let endPair = endRow * heads;

  let key = firstKey + thread.index * 4u;
  let lastKey = params.keyCount - 1u;
  let k0 = loadKey(kvHead, min(key, lastKey));
  let k1 = loadKey(kvHead, min(key + 1u, lastKey));
  let k2 = loadKey(kvHead, min(key + 2u, lastKey));
  let k3 = loadKey(kvHead, min(key + 3u, lastKey));
  var d0 = KeyGradient();
  var d1 = KeyGradient();
  var d2 = KeyGradient();
  var d3 = KeyGradient();
  for (var pair = firstPair; pair < endPair; pair += 4u) {
    let places = pairPlaces(thread, pair, endPair - 1u, kvHead, heads);
    let queries = queryBlock(places);
    let gradients = gradientBlock(places);
    let pairs = loadPairs(vec4u(pair) + pairOffsets(thread), endPair, kvHead, heads);
    d0 = grown(d0, k0, pairs, queries, gradients);
    d1 = grown(d1, k1, pairs, queries, gradients);
    d2 = grown(d2, k2, pairs, queries, gradients);
    d3 = grown(d3, k3, pairs, queries, gradients);
  }

  if (key < params.keyCount) {
    store(kvHead, k0.token, d0);
  }
  if (key + 1u < params.keyCount) {
    store(kvHead, k1.token, d1);
  }
  if (key + 2u < params.keyCount) {
    store(kvHead, k2.token, d2);
  }
  if (key + 3u < params.keyCount) {
    store(kvHead, k3.token, d3);
  }
}
