// Flash attention, one thread per (query, head): O = Σ softmax(scale·q·k)·v over the visible keys with a running
// maximum m and sum l. Threads of a workgroup share the kv head, so a block of eight keys is loaded once for all.
// Keys may be split over workgroups (long caches, few queries), one slice of `partial` each.
#include <kv>
#include "attention_params.wgsl"
#include <statistics>
#include "dispatch.wgsl"
#include <keys>

override WORKGROUP_SIZE: u32 = 32u;

var<workgroup> firstKey: u32;

/// D/4. A constant lets drivers keep the arrays in registers, at the price of unrolled code (see the wrapper).
fn headVectors() -> u32 {
  if (FIXED > 0u) {
    return FIXED;
  }
  return params.vectors;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, thread: KeyThread) {
  let group = linearWorkgroup(id, count);
  if (group >= params.workgroupEnd) {
    return;
  }
  // Workgroups: tiles of (query, head of the group) fastest, then splits, then kv heads.
  let heads = params.heads / params.kvHeads;
  let pairs = params.rows * heads;
  let tiles = (pairs + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;
  let kvHead = group / (tiles * params.splits);
  let split = group / tiles % params.splits;
  let firstPair = group % tiles * WORKGROUP_SIZE;
  let pair = min(firstPair + thread.index, pairs - 1u);
  let t = pair / heads;
  let head = kvHead * heads + pair % heads;

  // Keys that any thread of this workgroup may see, page-local.
  let lastRow = min(firstPair + WORKGROUP_SIZE, pairs) - 1u;
  let newest = params.firstToken + lastRow / heads;
  var end = min((split + 1u) * params.keysPerSplit, params.keyCount);
  end = min(end, select(newest + 1u - params.pageFirst, 0u, newest < params.pageFirst));
  // Later rows begin no earlier than the first one.
  if (thread.index == 0u) {
    firstKey = firstVisible(firstPair / heads);
  }
  let seen = workgroupUniformLoad(&firstKey);
  // Blocks of keys begin at multiples of eight, whatever the window.
  let start = max(split * params.keysPerSplit, select(seen - params.pageFirst, 0u, seen < params.pageFirst) / 8u * 8u);

  let own = params.firstToken + t;
  let first = firstVisible(t);
  let stateAt = ((params.firstSlice + split) * params.rows * params.heads + t * params.heads + head) * (params.vectors + STATE_VECTORS);
  var query: array<vec4f, D4>;
  var o: array<vec4f, D4>;
  var m = MASKED;
  var l = 0.0;
  // Surprise, distance, gold mass: see common/statistics_fused.
  var extra = vec3f();
  let qAt = params.qStart + t * params.qStride + head * params.vectors;
  for (var i = 0u; i < headVectors(); i++) {
    query[i] = q[qAt + i] * params.scale;
    if (params.carries != 0u) {
      o[i] = partial[stateAt + i];
    } else {
      o[i] = vec4f();
    }
  }
  if (params.carries != 0u) {
    let state = partial[stateAt + params.vectors];
    m = state.x;
    l = state.y;
    if (STATISTICS) {
      extra = partial[stateAt + params.vectors + STATE_VECTORS - 1u].xyz;
    }
  }

  let offsets = vec4u(0u, 1u, 2u, 3u);
  for (var key = start; key < end; key += 8u) {
    var a = vec4f();
    var b = vec4f();
    for (var i = 0u; i < headVectors(); i++) {
      let k = eightRows(thread, 0u, params.keyScaleSection, key, end - 1u, kvHead, i);
      a += query[i] * k.a;
      b += query[i] * k.b;
    }
    let tokenA = vec4u(params.pageFirst + key) + offsets;
    let tokenB = tokenA + 4u;
    let last = min(own, params.pageFirst + end - 1u);
    let seenA = (tokenA >= vec4u(first)) & (tokenA <= vec4u(last));
    let seenB = (tokenB >= vec4u(first)) & (tokenB <= vec4u(last));
    let most = max(select(vec4f(MASKED), a, seenA), select(vec4f(MASKED), b, seenB));
    let peak = max(m, max(max(most.x, most.y), max(most.z, most.w)));
    let shrink = exp(m - peak);
    let pA = select(vec4f(), exp(a - peak), seenA);
    let pB = select(vec4f(), exp(b - peak), seenB);
    let massA = dot(pA, vec4f(1.0));
    let massB = dot(pB, vec4f(1.0));
    if (STATISTICS) {
      let surprise = dot(pA, a - peak) + dot(pB, b - peak);
      let far = f32(i32(own) - i32(tokenA.x)) * (massA + massB) - 4.0 * massB - dot(pA + pB, vec4f(offsets));
      extra = vec3f(extra.x + (m - peak) * l, extra.yz) * shrink + vec3f(surprise, far, 0.0);
      let bits = goldBitsFrom(tokenA.x);
      if ((bits & 0xffu) != 0u) {
        let goldA = vec4f((vec4u(bits) >> offsets) & vec4u(1u));
        let goldB = vec4f((vec4u(bits >> 4u) >> offsets) & vec4u(1u));
        extra.z += dot(pA, goldA) + dot(pB, goldB);
      }
    }
    l = l * shrink + massA + massB;
    m = peak;
    for (var i = 0u; i < headVectors(); i++) {
      let v = eightRows(thread, params.valueSection, params.valueScaleSection, key, end - 1u, kvHead, i);
      o[i] = o[i] * shrink + v.a * pA + v.b * pB;
    }
  }

  if (firstPair + thread.index >= pairs) {
    return;
  }
  if (params.finishes != 0u) {
    // A row that sees no key at all (it cannot, its own is always there) would divide by zero.
    let factor = 1.0 / max(l, 1e-30);
    let outAt = params.outStart + t * params.outStride + head * params.vectors;
    for (var i = 0u; i < headVectors(); i++) {
      out[outAt + i] = o[i] * factor;
    }
    if (params.hasLse != 0u) {
      logSumExp[t * params.heads + head] = m + log(max(l, 1e-30));
    }
    if (STATISTICS) {
      let means = extra * factor;
      writeStatistics(t * params.heads + head, vec4f(means.y, log(max(l, 1e-30)) - means.x, means.z, 0.0));
    }
  } else {
    for (var i = 0u; i < headVectors(); i++) {
      partial[stateAt + i] = o[i];
    }
    partial[stateAt + params.vectors] = vec4f(m, l, 0.0, 0.0);
    if (STATISTICS) {
      partial[stateAt + params.vectors + STATE_VECTORS - 1u] = vec4f(extra, 0.0);
    }
  }
}
