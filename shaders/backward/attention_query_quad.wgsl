// Attention's gradient by its queries, and delta, for heads of 32 and 64 columns: a thread has four (query, head) pairs
// of one kv head, so that a block of four keys, loaded once for all threads, serves each four times.
#include "kv_f32.wgsl"
#include "attention_back_query.wgsl"
#include "dispatch.wgsl"
#include <keys>
#include "key_blocks.wgsl"

override WORKGROUP_SIZE: u32 = 16u;

var<workgroup> firstKey: u32;

struct Query {
  t: u32,
  head: u32,
  // First token seen.
  first: u32,
  lse: f32,
  delta: f32,
  q: HeadRow,
  gradOut: HeadRow,
}

fn loadQuery(kvHead: u32, heads: u32, pair: u32) -> Query {
  let t = pair / heads;
  let head = kvHead * heads + pair % heads;
  let qAt = params.qStart + t * params.qStride + head * params.vectors;
  let outAt = params.outStart + t * params.outStride + head * params.vectors;
  let gradOutAt = params.gradOutStart + t * params.gradOutStride + head * params.vectors;
  var query: array<vec4f, 16>;
  var gradient: array<vec4f, 16>;
  var sum = 0.0;
  for (var i = 0u; i < params.vectors; i++) {
    query[i] = q[qAt + i] * params.scale;
    gradient[i] = gradOut[gradOutAt + i];
    sum += dot(gradient[i], out[outAt + i]);
  }
  let lse = logSumExp[t * params.heads + head];
  return Query(t, head, firstVisible(t), lse, sum, headRow(query), headRow(gradient));
}

/// Four keys and their values; keys of tokens from `limit` on are not there.
struct Block {
  tokens: vec4u,
  limit: u32,
  keys: HeadBlock,
  values: HeadBlock,
}

/// dQ grown by a block of keys.
fn grown(dq: HeadRow, query: Query, block: Block) -> HeadRow {
  let s = headDots(query.q, block.keys);
  let g = headDots(query.gradOut, block.values);
  let seen = (block.tokens >= vec4u(query.first)) & (block.tokens < vec4u(min(query.t + 1u, block.limit)));
  return addHead(dq, 1.0, block.keys, select(vec4f(), exp(s - query.lse) * (g - query.delta), seen));
}

fn store(query: Query, dq: HeadRow) {
  let at = params.gradStart + query.t * params.gradStride + query.head * params.vectors;
  let values = headVectors(dq);
  delta[query.t * params.heads + query.head] = query.delta;
  for (var i = 0u; i < params.vectors; i++) {
    var result = values[i] * params.scale;
    if (params.accumulates != 0u) {
      result += grad[at + i];
    }
    grad[at + i] = result;
  }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, thread: KeyThread) {
  let group = linearWorkgroup(id, count);
  if (group >= params.workgroupEnd) {
    return;
  }
  let heads = params.heads / params.kvHeads;
  let pairs = params.rows * heads;
  let own = WORKGROUP_SIZE * 4u;
  let tiles = (pairs + own - 1u) / own;
  let kvHead = group / tiles;
  let firstPair = group % tiles * own;

  // Keys that any thread of this workgroup may see, page-local.
  let newest = (min(firstPair + own, pairs) - 1u) / heads;
  let end = min(params.keyCount, select(newest + 1u - params.pageFirst, 0u, newest < params.pageFirst));
  if (thread.index == 0u) {
    firstKey = firstVisible(firstPair / heads);
  }
  let seen = workgroupUniformLoad(&firstKey);
  let start = select(seen - params.pageFirst, 0u, seen < params.pageFirst);

  let pair = firstPair + thread.index * 4u;
  let q0 = loadQuery(kvHead, heads, min(pair, pairs - 1u));
  let q1 = loadQuery(kvHead, heads, min(pair + 1u, pairs - 1u));
  let q2 = loadQuery(kvHead, heads, min(pair + 2u, pairs - 1u));
  let q3 = loadQuery(kvHead, heads, min(pair + 3u, pairs - 1u));
  var d0 = HeadRow();
  var d1 = HeadRow();
  var d2 = HeadRow();
  var d3 = HeadRow();
  let limit = params.pageFirst + end;
  for (var key = start; key < end; key += 4u) {
    let tokens = vec4u(params.pageFirst + key) + keyOffsets(thread);
    let places = keyPlaces(thread, 0u, key, end - 1u, kvHead);
    let keys = keyBlock(places, 0u);
    let values = keyBlock(places, params.valueSection);
    let block = Block(tokens, limit, keys, values);
    d0 = grown(d0, q0, block);
    d1 = grown(d1, q1, block);
    d2 = grown(d2, q2, block);
    d3 = grown(d3, q3, block);
  }

  if (pair < pairs) {
    store(q0, d0);
  }
  if (pair + 1u < pairs) {
    store(q1, d1);
  }
  if (pair + 2u < pairs) {
    store(q2, d2);
  }
  if (pair + 3u < pairs) {
    store(q3, d3);
  }
}
