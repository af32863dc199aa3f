// Flash attention for GPUs: a workgroup of 64 threads takes 32 (query, head) pairs of one kv head through tiles of 32
// keys. Scores: Q and K pass through shared memory in slices of 32 columns, a thread scores 4 pairs × 4 keys.
// Output: V passes through the same memory, a thread owns 4 pairs × every eighth vec4 column (CHUNKS of them).
#include <kv>
#include "attention_params.wgsl"
#include <statistics>
#include "dispatch.wgsl"

const PAIRS = 32u;
const KEYS = 32u;

// [8 vec4 of a slice][32 places]: row r lies at place (r % 4)·8 + r / 4, so that threads read neighbours.
var<workgroup> qTile: array<vec4f, 256>;
// K like Q; V as [32 keys][8 vec4].
var<workgroup> kvTile: array<vec4f, 256>;
// Softmax weights [32 pairs][8 vec4 of keys].
var<workgroup> weights: array<vec4f, 256>;
// Row maxima, then row sums, by thread column.
var<workgroup> parts: array<f32, 256>;
var<workgroup> firstKey: u32;

fn place(row: u32) -> u32 {
  return row % 4u * 8u + row / 4u;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let group = linearWorkgroup(id, count);
  if (group >= params.workgroupEnd) {
    return;
  }
  // Workgroups: tiles of (query, head of the group) fastest, then splits, then kv heads.
  let heads = params.heads / params.kvHeads;
  let pairs = params.rows * heads;
  let tiles = (pairs + PAIRS - 1u) / PAIRS;
  let kvHead = group / (tiles * params.splits);
  let split = group / tiles % params.splits;
  let firstPair = group % tiles * PAIRS;
  let lastPair = min(firstPair + PAIRS, pairs) - 1u;

  let newest = params.firstToken + lastPair / heads;
  var end = min((split + 1u) * params.keysPerSplit, params.keyCount);
  end = min(end, select(newest + 1u - params.pageFirst, 0u, newest < params.pageFirst));
  if (thread == 0u) {
    firstKey = firstVisible(firstPair / heads);
  }
  let seen = workgroupUniformLoad(&firstKey);
  // Blocks of keys begin at multiples of eight, whatever the window.
  let start = max(split * params.keysPerSplit, select(seen - params.pageFirst, 0u, seen < params.pageFirst) / 8u * 8u);

  let tx = thread % 8u;
  let ty = thread / 8u;
  // The thread's four pairs.
  var own: vec4u;
  var first: vec4u;
  var stateAt: vec4u;
  var outAt: vec4u;
  for (var r = 0u; r < 4u; r++) {
    let pair = min(firstPair + ty * 4u + r, lastPair);
    let t = pair / heads;
    let head = kvHead * heads + pair % heads;
    own[r] = params.firstToken + t;
    first[r] = firstVisible(t);
    stateAt[r] = ((params.firstSlice + split) * params.rows * params.heads + t * params.heads + head) * (params.vectors + STATE_VECTORS);
    outAt[r] = params.outStart + t * params.outStride + head * params.vectors;
  }
  var o: array<vec4f, 4u * CHUNKS>;
  var m = vec4f(MASKED);
  // The part of the row sums that comes from the thread's own keys.
  var l = vec4f();
  // Likewise surprise, distance and gold mass of the four pairs: see common/statistics_fused.
  var surprise = vec4f();
  var far = vec4f();
  var gold = vec4f();
  if (params.carries != 0u) {
    for (var r = 0u; r < 4u; r++) {
      for (var c = 0u; c < CHUNKS; c++) {
        if (c * 8u + tx < params.vectors) {
          o[r * CHUNKS + c] = partial[stateAt[r] + c * 8u + tx];
        }
      }
      let state = partial[stateAt[r] + params.vectors];
      m[r] = state.x;
      l[r] = select(0.0, state.y, tx == 0u);
      if (STATISTICS && tx == 0u) {
        let extra = partial[stateAt[r] + params.vectors + STATE_VECTORS - 1u];
        surprise[r] = extra.x;
        far[r] = extra.y;
        gold[r] = extra.z;
      }
    }
  }

  let pairItems = (lastPair - firstPair + 1u) * 8u;
  for (var key = start; key < end; key += KEYS) {
    let keyItems = min(end - key, KEYS) * 8u;
    var s0 = vec4f();
    var s1 = vec4f();
    var s2 = vec4f();
    var s3 = vec4f();
    for (var slice = 0u; slice < params.vectors; slice += 8u) {
      workgroupBarrier();
      // Bounds that are not constant keep CPU drivers from unrolling; rows beyond them hold old finite numbers,
      // whose scores are masked.
      for (var item = thread; item < pairItems; item += 64u) {
        let i = slice + item % 8u;
        var value = vec4f();
        if (i < params.vectors) {
          let pair = firstPair + item / 8u;
          let head = kvHead * heads + pair % heads;
          value = q[params.qStart + pair / heads * params.qStride + head * params.vectors + i] * params.scale;
        }
        qTile[item % 8u * 32u + place(item / 8u)] = value;
      }
      for (var item = thread; item < keyItems; item += 64u) {
        let i = slice + item % 8u;
        var value = vec4f();
        if (i < params.vectors) {
          let kvRow = (key + item / 8u) * params.kvHeads + kvHead;
          value = loadKv(0u, kvRow, params.vectors, i, loadKvScale(params.keyScaleSection, kvRow));
        }
        kvTile[item % 8u * 32u + place(item / 8u)] = value;
      }
      workgroupBarrier();
      let width = min(params.vectors - slice, 8u);
      for (var i = 0u; i < width; i++) {
        let k = mat4x4f(
          kvTile[i * 32u + tx],
          kvTile[i * 32u + 8u + tx],
          kvTile[i * 32u + 16u + tx],
          kvTile[i * 32u + 24u + tx],
        );
        s0 += qTile[i * 32u + ty] * k;
        s1 += qTile[i * 32u + 8u + ty] * k;
        s2 += qTile[i * 32u + 16u + ty] * k;
        s3 += qTile[i * 32u + 24u + ty] * k;
      }
    }

    // The thread's keys are 4·tx … 4·tx + 3 of the tile.
    let token = vec4u(params.pageFirst + key + 4u * tx) + vec4u(0u, 1u, 2u, 3u);
    let limit = params.pageFirst + end;
    let v0 = (token >= vec4u(first.x)) & (token <= vec4u(own.x)) & (token < vec4u(limit));
    let v1 = (token >= vec4u(first.y)) & (token <= vec4u(own.y)) & (token < vec4u(limit));
    let v2 = (token >= vec4u(first.z)) & (token <= vec4u(own.z)) & (token < vec4u(limit));
    let v3 = (token >= vec4u(first.w)) & (token <= vec4u(own.w)) & (token < vec4u(limit));
    let masked = vec4f(MASKED);
    let t0 = select(masked, s0, v0);
    let t1 = select(masked, s1, v1);
    let t2 = select(masked, s2, v2);
    let t3 = select(masked, s3, v3);
    parts[(ty * 4u) * 8u + tx] = max(max(t0.x, t0.y), max(t0.z, t0.w));
    parts[(ty * 4u + 1u) * 8u + tx] = max(max(t1.x, t1.y), max(t1.z, t1.w));
    parts[(ty * 4u + 2u) * 8u + tx] = max(max(t2.x, t2.y), max(t2.z, t2.w));
    parts[(ty * 4u + 3u) * 8u + tx] = max(max(t3.x, t3.y), max(t3.z, t3.w));
    workgroupBarrier();
    var peak = m;
    for (var i = 0u; i < 8u; i++) {
      peak = max(
        peak,
        vec4f(
          parts[(ty * 4u) * 8u + i],
          parts[(ty * 4u + 1u) * 8u + i],
          parts[(ty * 4u + 2u) * 8u + i],
          parts[(ty * 4u + 3u) * 8u + i],
        ),
      );
    }
    let shrink = exp(m - peak);
    let p0 = select(vec4f(), exp(s0 - peak.x), v0);
    let p1 = select(vec4f(), exp(s1 - peak.y), v1);
    let p2 = select(vec4f(), exp(s2 - peak.z), v2);
    let p3 = select(vec4f(), exp(s3 - peak.w), v3);
    let one = vec4f(1.0);
    let mass = vec4f(dot(p0, one), dot(p1, one), dot(p2, one), dot(p3, one));
    if (STATISTICS) {
      surprise = shrink * (surprise + (m - peak) * l)
        + vec4f(dot(p0, s0 - peak.x), dot(p1, s1 - peak.y), dot(p2, s2 - peak.z), dot(p3, s3 - peak.w));
      let columns = vec4f(0.0, 1.0, 2.0, 3.0);
      let ahead = vec4f(vec4i(own) - vec4i(i32(token.x)));
      far = far * shrink + ahead * mass
        - vec4f(dot(p0, columns), dot(p1, columns), dot(p2, columns), dot(p3, columns));
      let isGold = vec4f((vec4u(goldBitsFrom(token.x)) >> vec4u(0u, 1u, 2u, 3u)) & vec4u(1u));
      gold = gold * shrink + vec4f(dot(p0, isGold), dot(p1, isGold), dot(p2, isGold), dot(p3, isGold));
    }
    l = l * shrink + mass;
    m = peak;
    weights[(ty * 4u) * 8u + tx] = p0;
    weights[(ty * 4u + 1u) * 8u + tx] = p1;
    weights[(ty * 4u + 2u) * 8u + tx] = p2;
    weights[(ty * 4u + 3u) * 8u + tx] = p3;

    for (var c = 0u; c < CHUNKS; c++) {
      workgroupBarrier();
      for (var item = thread; item < keyItems; item += 64u) {
        let i = c * 8u + item % 8u;
        var value = vec4f();
        if (i < params.vectors) {
          let kvRow = (key + item / 8u) * params.kvHeads + kvHead;
          let scale = loadKvScale(params.valueScaleSection, kvRow);
          value = loadKv(params.valueSection, kvRow, params.vectors, i, scale);
        }
        kvTile[item] = value;
      }
      workgroupBarrier();
      var o0 = o[c] * shrink.x;
      var o1 = o[CHUNKS + c] * shrink.y;
      var o2 = o[2u * CHUNKS + c] * shrink.z;
      var o3 = o[3u * CHUNKS + c] * shrink.w;
      for (var j = 0u; j * 32u < keyItems; j++) {
        let v = mat4x4f(
          kvTile[j * 32u + tx],
          kvTile[j * 32u + 8u + tx],
          kvTile[j * 32u + 16u + tx],
          kvTile[j * 32u + 24u + tx],
        );
        o0 += v * weights[(ty * 4u) * 8u + j];
        o1 += v * weights[(ty * 4u + 1u) * 8u + j];
        o2 += v * weights[(ty * 4u + 2u) * 8u + j];
        o3 += v * weights[(ty * 4u + 3u) * 8u + j];
      }
      o[c] = o0;
      o[CHUNKS + c] = o1;
      o[2u * CHUNKS + c] = o2;
      o[3u * CHUNKS + c] = o3;
    }
  }

  workgroupBarrier();
  for (var r = 0u; r < 4u; r++) {
    parts[(ty * 4u + r) * 8u + tx] = l[r];
    if (STATISTICS) {
      // The tiles are done with: their memory takes the other sums.
      weights[(ty * 4u + r) * 8u + tx] = vec4f(surprise[r], far[r], gold[r], 0.0);
    }
  }
  workgroupBarrier();
  for (var r = 0u; r < 4u; r++) {
    let pair = firstPair + ty * 4u + r;
    if (pair > lastPair) {
      continue;
    }
    var sum = 0.0;
    for (var i = 0u; i < 8u; i++) {
      sum += parts[(ty * 4u + r) * 8u + i];
    }
    let total = max(sum, 1e-30);
    for (var c = 0u; c < CHUNKS; c++) {
      let i = c * 8u + tx;
      if (i < params.vectors) {
        if (params.finishes != 0u) {
          out[outAt[r] + i] = o[r * CHUNKS + c] / total;
        } else {
          partial[stateAt[r] + i] = o[r * CHUNKS + c];
        }
      }
    }
    if (tx == 0u) {
      let index = pair / heads * params.heads + kvHead * heads + pair % heads;
      if (params.finishes == 0u) {
        partial[stateAt[r] + params.vectors] = vec4f(m[r], sum, 0.0, 0.0);
      } else if (params.hasLse != 0u) {
        logSumExp[index] = m[r] + log(total);
      }
      if (STATISTICS) {
        var extra = vec4f();
        for (var i = 0u; i < 8u; i++) {
          extra += weights[(ty * 4u + r) * 8u + i];
        }
        if (params.finishes == 0u) {
          partial[stateAt[r] + params.vectors + STATE_VECTORS - 1u] = extra;
        } else {
          let means = extra / total;
          writeStatistics(index, vec4f(means.y, log(total) - means.x, means.z, 0.0));
        }
      }
    }
  }
}
