// Attention's gradient by its queries, one thread per (query, head), and delta. Threads of a workgroup share the kv
// head, so a block of eight keys is loaded once for all (see attention_thread).
#include "kv_f32.wgsl"
#include "attention_back_query.wgsl"
#include "dispatch.wgsl"
#include <keys>

override WORKGROUP_SIZE: u32 = 32u;

var<workgroup> firstKey: u32;

/// D/4. A constant lets drivers keep the arrays in registers, at the price of unrolled code.
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
  let heads = params.heads / params.kvHeads;
  let pairs = params.rows * heads;
  let tiles = (pairs + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;
  let kvHead = group / tiles;
  let firstPair = group % tiles * WORKGROUP_SIZE;
  let pair = min(firstPair + thread.index, pairs - 1u);
  let t = pair / heads;
  let head = kvHead * heads + pair % heads;

  // Keys that any thread of this workgroup may see, page-local.
  let newest = (min(firstPair + WORKGROUP_SIZE, pairs) - 1u) / heads;
  let end = min(params.keyCount, select(newest + 1u - params.pageFirst, 0u, newest < params.pageFirst));
  if (thread.index == 0u) {
    firstKey = firstVisible(firstPair / heads);
  }
  let seen = workgroupUniformLoad(&firstKey);
  let start = select(seen - params.pageFirst, 0u, seen < params.pageFirst);
  let first = firstVisible(t);

  var query: array<vec4f, D4>;
  var dOut: array<vec4f, D4>;
  var dq: array<vec4f, D4>;
  let qAt = params.qStart + t * params.qStride + head * params.vectors;
  let outAt = params.outStart + t * params.outStride + head * params.vectors;
  let dOutAt = params.gradOutStart + t * params.gradOutStride + head * params.vectors;
  let dqAt = params.gradStart + t * params.gradStride + head * params.vectors;
  let lse = logSumExp[t * params.heads + head];
  var own = 0.0;
  for (var i = 0u; i < headVectors(); i++) {
    query[i] = q[qAt + i] * params.scale;
    dOut[i] = gradOut[dOutAt + i];
    own += dot(dOut[i], out[outAt + i]);
    dq[i] = vec4f();
  }

  let offsets = vec4u(0u, 1u, 2u, 3u);
  for (var key = start; key < end; key += 8u) {
    var a = vec4f();
    var b = vec4f();
    var c = vec4f();
    var d = vec4f();
    for (var i = 0u; i < headVectors(); i++) {
      let k = eightRows(thread, 0u, 0u, key, end - 1u, kvHead, i);
      a += query[i] * k.a;
      b += query[i] * k.b;
      let v = eightRows(thread, params.valueSection, 0u, key, end - 1u, kvHead, i);
      c += dOut[i] * v.a;
      d += dOut[i] * v.b;
    }
    let tokenA = vec4u(params.pageFirst + key) + offsets;
    let tokenB = tokenA + 4u;
    let last = min(t, params.pageFirst + end - 1u);
    let seenA = (tokenA >= vec4u(first)) & (tokenA <= vec4u(last));
    let seenB = (tokenB >= vec4u(first)) & (tokenB <= vec4u(last));
    let dsA = select(vec4f(), exp(a - lse) * (c - own), seenA);
    let dsB = select(vec4f(), exp(b - lse) * (d - own), seenB);
    for (var i = 0u; i < headVectors(); i++) {
      let k = eightRows(thread, 0u, 0u, key, end - 1u, kvHead, i);
      dq[i] += k.a * dsA + k.b * dsB;
    }
  }

  if (firstPair + thread.index >= pairs) {
    return;
  }
  delta[t * params.heads + head] = own;
  for (var i = 0u; i < headVectors(); i++) {
    var result = dq[i] * params.scale;
    if (params.accumulates != 0u) {
      result += grad[dqAt + i];
    }
    grad[dqAt + i] = result;
  }
}
