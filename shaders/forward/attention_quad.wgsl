// Flash attention for heads of 32 and 64 columns (see attention_thread): a thread has four (query, head) pairs of one kv
// head, so that a block of four keys, loaded once for all threads, serves each four times.
#include <kv>
#include "attention_params.wgsl"
#include <statistics>
#include "dispatch.wgsl"
#include <keys>
#include "attention_state.wgsl"

override WORKGROUP_SIZE: u32 = 16u;

var<workgroup> firstKey: u32;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, thread: KeyThread) {
  let group = linearWorkgroup(id, count);
  if (group >= params.workgroupEnd) {
    return;
  }
  // Workgroups: tiles of (query, head of the group) fastest, then splits, then kv heads.
  let heads = params.heads / params.kvHeads;
  let pairs = params.rows * heads;
  let own = WORKGROUP_SIZE * 4u;
  let tiles = (pairs + own - 1u) / own;
  let kvHead = group / (tiles * params.splits);
  let split = group / tiles % params.splits;
  let firstPair = group % tiles * own;

  // Keys that any thread of this workgroup may see, page-local.
  let newest = params.firstToken + (min(firstPair + own, pairs) - 1u) / heads;
  var end = min((split + 1u) * params.keysPerSplit, params.keyCount);
  end = min(end, select(newest + 1u - params.pageFirst, 0u, newest < params.pageFirst));
  // Later rows begin no earlier than the first one.
  if (thread.index == 0u) {
    firstKey = firstVisible(firstPair / heads);
  }
  let seen = workgroupUniformLoad(&firstKey);
  // Blocks of keys begin at multiples of four, whatever the window.
  let start = max(split * params.keysPerSplit, select(seen - params.pageFirst, 0u, seen < params.pageFirst) / 4u * 4u);

  let pair = firstPair + thread.index * 4u;
  let q0 = loadQuery(kvHead, heads, min(pair, pairs - 1u));
  let q1 = loadQuery(kvHead, heads, min(pair + 1u, pairs - 1u));
  let q2 = loadQuery(kvHead, heads, min(pair + 2u, pairs - 1u));
  let q3 = loadQuery(kvHead, heads, min(pair + 3u, pairs - 1u));
  var s0 = loadState(q0, split);
  var s1 = loadState(q1, split);
  var s2 = loadState(q2, split);
  var s3 = loadState(q3, split);
  let limit = params.pageFirst + end;
  for (var key = start; key < end; key += 4u) {
    let token = params.pageFirst + key;
    let keys = keyBlock(keyPlaces(thread, params.keyScaleSection, key, end - 1u, kvHead), 0u);
    let valuePlaces = keyPlaces(thread, params.valueScaleSection, key, end - 1u, kvHead);
    let values = keyBlock(valuePlaces, params.valueSection);
    let block = Block(token, keyOffsets(thread), limit, keys, values);
    s0 = grown(s0, q0, block);
    s1 = grown(s1, q1, block);
    s2 = grown(s2, q2, block);
    s3 = grown(s3, q3, block);
  }

  if (pair < pairs) {
    store(q0, s0, split);
  }
  if (pair + 1u < pairs) {
    store(q1, s1, split);
  }
  if (pair + 2u < pairs) {
    store(q2, s2, split);
  }
  if (pair + 3u < pairs) {
    store(q3, s3, split);
  }
}
