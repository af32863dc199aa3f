// Attention's gradient by its keys and values, one thread per (key, kv head): the query heads of the group are summed
// inside. Threads of a workgroup share the kv head, so a block of eight (query, head) pairs is loaded once for all.
#include "kv_f32.wgsl"
#include "attention_back_key.wgsl"
#include "dispatch.wgsl"
#include <pairs>

override WORKGROUP_SIZE: u32 = 32u;

var<workgroup> lastEnd: u32;

/// D/4. A constant lets drivers keep the arrays in registers, at the price of unrolled code.
fn headVectors() -> u32 {
  if (FIXED > 0u) {
    return FIXED;
  }
  return params.vectors;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, thread: PairThread) {
  let group = linearWorkgroup(id, count);
  if (group >= params.workgroupEnd) {
    return;
  }
  let heads = params.heads / params.kvHeads;
  let tiles = (params.keyCount + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;
  let kvHead = group / tiles;
  let firstKey = group % tiles * WORKGROUP_SIZE;
  let key = min(firstKey + thread.index, params.keyCount - 1u);
  let token = params.pageFirst + key;

  // Later keys are seen by rows that end no earlier.
  if (thread.index == 0u) {
    lastEnd = endVisible(params.pageFirst + min(firstKey + WORKGROUP_SIZE, params.keyCount) - 1u);
  }
  let endRow = workgroupUniformLoad(&lastEnd);
  let firstPair = (params.pageFirst + firstKey) * heads;
  let endPair = endRow * heads;
  let end = endVisible(token);

  var k: array<vec4f, D4>;
  var v: array<vec4f, D4>;
  var dk: array<vec4f, D4>;
  var dv: array<vec4f, D4>;
  let kvRow = (key * params.kvHeads + kvHead) * params.vectors;
  for (var i = 0u; i < headVectors(); i++) {
    k[i] = page[kvRow + i] * params.scale;
    v[i] = page[params.valueSection + kvRow + i];
    dk[i] = vec4f();
    dv[i] = vec4f();
  }

  let offsets = vec4u(0u, 1u, 2u, 3u);
  for (var pair = firstPair; pair < endPair; pair += 8u) {
    let qAt = pairOffsets(thread, params.qStart, params.qStride, pair, endPair - 1u, kvHead, heads);
    let gAt = pairOffsets(thread, params.gradOutStart, params.gradOutStride, pair, endPair - 1u, kvHead, heads);
    var a = vec4f();
    var b = vec4f();
    var c = vec4f();
    var d = vec4f();
    for (var i = 0u; i < headVectors(); i++) {
      let query = eightQueries(qAt, i);
      a += k[i] * query.a;
      b += k[i] * query.b;
      let g = eightGradients(gAt, i);
      c += v[i] * g.a;
      d += v[i] * g.b;
    }
    let pairA = min(vec4u(pair) + offsets, vec4u(endPair - 1u));
    let pairB = min(vec4u(pair + 4u) + offsets, vec4u(endPair - 1u));
    let rowA = pairA / heads;
    let rowB = pairB / heads;
    let atA = rowA * params.heads + kvHead * heads + pairA % heads;
    let atB = rowB * params.heads + kvHead * heads + pairB % heads;
    let lseA = vec4f(logSumExp[atA.x], logSumExp[atA.y], logSumExp[atA.z], logSumExp[atA.w]);
    let lseB = vec4f(logSumExp[atB.x], logSumExp[atB.y], logSumExp[atB.z], logSumExp[atB.w]);
    let deltaA = vec4f(delta[atA.x], delta[atA.y], delta[atA.z], delta[atA.w]);
    let deltaB = vec4f(delta[atB.x], delta[atB.y], delta[atB.z], delta[atB.w]);
    let inA = vec4u(pair) + offsets < vec4u(endPair);
    let inB = vec4u(pair + 4u) + offsets < vec4u(endPair);
    let seenA = inA & (rowA >= vec4u(token)) & (rowA < vec4u(end));
    let seenB = inB & (rowB >= vec4u(token)) & (rowB < vec4u(end));
    let pA = select(vec4f(), exp(a - lseA), seenA);
    let pB = select(vec4f(), exp(b - lseB), seenB);
    let dsA = pA * (c - deltaA);
    let dsB = pB * (d - deltaB);
    for (var i = 0u; i < headVectors(); i++) {
      let query = eightQueries(qAt, i);
      dk[i] += query.a * dsA + query.b * dsB;
      let g = eightGradients(gAt, i);
      dv[i] += g.a * pA + g.b * pB;
    }
  }

  if (firstKey + thread.index >= params.keyCount) {
    return;
  }
  let at = params.gradStart + token * params.gradStride + kvHead * params.vectors;
  for (var i = 0u; i < headVectors(); i++) {
    grad[at + i] = dk[i] * params.scale;
    grad[at + params.valueColumns + i] = dv[i];
  }
}
