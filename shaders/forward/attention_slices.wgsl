// Flash attention for few queries without barriers: a thread takes up to four (query, head) pairs of one kv head and a slice
// of the keys, and leaves a state for the combining kernel. For drivers that compute on the CPU.
#include <kv>
#include "attention_params.wgsl"
#include <statistics>
#include "dispatch.wgsl"
#include <keys>
#include "attention_state.wgsl"

override WORKGROUP_SIZE: u32 = 8u;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, thread: KeyThread) {
  let group = linearWorkgroup(id, count);
  if (group >= params.workgroupEnd) {
    return;
  }
  // Threads: slices fastest, then blocks of PAIRS pairs, then kv heads.
  let heads = params.heads / params.kvHeads;
  let pairs = params.rows * heads;
  let tiles = (pairs + PAIRS - 1u) / PAIRS;
  let index = group * WORKGROUP_SIZE + thread.index;
  if (index >= params.splits * tiles * params.kvHeads) {
    return;
  }
  let split = index % params.splits;
  let pair = index / params.splits % tiles * PAIRS;
  let kvHead = index / (params.splits * tiles);

  let newest = params.firstToken + (min(pair + PAIRS, pairs) - 1u) / heads;
  var end = min((split + 1u) * params.keysPerSplit, params.keyCount);
  end = min(end, select(newest + 1u - params.pageFirst, 0u, newest < params.pageFirst));
  // Later rows begin no earlier than the first one; blocks of keys begin at multiples of four, whatever the window.
  let seen = firstVisible(pair / heads);
  let start = max(split * params.keysPerSplit, select(seen - params.pageFirst, 0u, seen < params.pageFirst) / 4u * 4u);

  let q0 = loadQuery(kvHead, heads, pair);
  let q1 = loadQuery(kvHead, heads, min(pair + 1u, pairs - 1u));
  let q2 = loadQuery(kvHead, heads, min(pair + 2u, pairs - 1u));
  let q3 = loadQuery(kvHead, heads, min(pair + 3u, pairs - 1u));
  var s0 = loadState(q0, split);
  var s1 = loadState(q1, split);
  var s2 = loadState(q2, split);
  var s3 = loadState(q3, split);
  let limit = params.pageFirst + end;
  for (var key = start; key < end; key += 4u) {
    let keys = keyBlock(keyPlaces(thread, params.keyScaleSection, key, end - 1u, kvHead), 0u);
    let valuePlaces = keyPlaces(thread, params.valueScaleSection, key, end - 1u, kvHead);
    let values = keyBlock(valuePlaces, params.valueSection);
    let block = Block(params.pageFirst + key, keyOffsets(thread), limit, keys, values);
    s0 = grown(s0, q0, block);
    if (PAIRS > 1u) {
      s1 = grown(s1, q1, block);
    }
    if (PAIRS > 2u) {
      s2 = grown(s2, q2, block);
      s3 = grown(s3, q3, block);
    }
  }

  store(q0, s0, split);
  if (pair + 1u < pairs && PAIRS > 1u) {
    store(q1, s1, split);
  }
  if (pair + 2u < pairs && PAIRS > 2u) {
    store(q2, s2, split);
  }
  if (pair + 3u < pairs && PAIRS > 2u) {
    store(q3, s3, split);
  }
}
