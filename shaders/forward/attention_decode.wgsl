// Flash attention for few queries: a workgroup takes one query row, up to four heads of one kv head, and a range of
// keys. Per tile of 64 keys a thread scores one key for all its heads, then the threads turn to the columns of V.
#include <kv>
#include "attention_params.wgsl"
#include "dispatch.wgsl"

const WORKGROUP_SIZE = 64u;
// Where the heads' queries start; clamped, since also code for absent heads must stay inside the array.
const SECOND = min(1u, HEADS - 1u) * D4;
const THIRD = min(2u, HEADS - 1u) * D4;
const FOURTH = min(3u, HEADS - 1u) * D4;

#include <reduce>

var<workgroup> queries: array<vec4f, HEADS * D4>;
var<workgroup> weights: array<vec4f, WORKGROUP_SIZE>;
var<workgroup> outputs: array<vec4f, HEADS * WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, thread: Thread) {
  let group = linearWorkgroup(id, count);
  if (group >= params.workgroupEnd) {
    return;
  }
  // Workgroups: blocks of HEADS heads fastest, then splits, then query rows.
  let blocks = params.heads / HEADS;
  let firstHead = group % blocks * HEADS;
  let split = group / blocks % params.splits;
  let t = group / (blocks * params.splits);
  let kvHead = firstHead / (params.heads / params.kvHeads);

  let own = params.firstToken + t;
  let first = firstVisible(t);
  var end = min((split + 1u) * params.keysPerSplit, params.keyCount);
  end = min(end, select(own + 1u - params.pageFirst, 0u, own < params.pageFirst));
  // Windows cut whole tiles; a document's start, known to the GPU alone, only masks.
  var oldest = 0u;
  if (params.window > 0u && own + 1u > params.window) {
    oldest = own + 1u - params.window;
  }
  let start = max(split * params.keysPerSplit, select(oldest - params.pageFirst, 0u, oldest < params.pageFirst));

  let qAt = params.qStart + t * params.qStride + firstHead * D4;
  for (var i = thread.index; i < HEADS * D4; i += WORKGROUP_SIZE) {
    queries[i] = q[qAt + i] * params.scale;
  }
  workgroupBarrier();

  let column = thread.index % D4;
  let slice = thread.index / D4;
  const SLICES = WORKGROUP_SIZE / D4;
  var o: array<vec4f, HEADS>;
  var m = vec4f(MASKED);
  var l = vec4f();
  for (var tile = start; tile < end; tile += WORKGROUP_SIZE) {
    let key = tile + thread.index;
    let token = params.pageFirst + key;
    let seen = key < end && token >= first;
    var score = vec4f(MASKED);
    if (seen) {
      let row = key * params.kvHeads + kvHead;
      let scale = loadKvScale(params.keyScaleSection, row);
      var sums = vec4f();
      for (var i = 0u; i < params.vectors; i++) {
        let k = loadKv(0u, row, D4, i, scale);
        // Written out, since components of a vector are not indexed in a loop at no cost everywhere.
        sums.x += dot(queries[i], k);
        if (HEADS > 1u) {
          sums.y += dot(queries[SECOND + i], k);
        }
        if (HEADS > 2u) {
          sums.z += dot(queries[THIRD + i], k);
          sums.w += dot(queries[FOURTH + i], k);
        }
      }
      score = sums;
    }
    let peak = max(m, reduceMax(thread, score));
    let shrink = exp(m - peak);
    let p = select(vec4f(), exp(score - peak), seen);
    m = peak;
    l = l * shrink + p;
    weights[thread.index] = p;
    workgroupBarrier();
    for (var h = 0u; h < HEADS; h++) {
      o[h] *= shrink[h];
    }
    if (slice < SLICES) {
      let keys = min(WORKGROUP_SIZE, end - tile);
      for (var j = slice; j < keys; j += SLICES) {
        let row = (tile + j) * params.kvHeads + kvHead;
        let v = loadKv(params.valueSection, row, D4, column, loadKvScale(params.valueScaleSection, row));
        let weight = weights[j];
        for (var h = 0u; h < HEADS; h++) {
          o[h] += v * weight[h];
        }
      }
    }
  }

  let sum = reduceSum(thread, l);
  for (var h = 0u; h < HEADS; h++) {
    outputs[h * WORKGROUP_SIZE + thread.index] = o[h];
  }
  workgroupBarrier();
  for (var item = thread.index; item < HEADS * D4; item += WORKGROUP_SIZE) {
    let h = item / D4;
    let i = item % D4;
    var total = vec4f();
    for (var s = 0u; s < SLICES; s++) {
      total += outputs[h * WORKGROUP_SIZE + s * D4 + i];
    }
    let head = firstHead + h;
    if (FINAL) {
      out[params.outStart + t * params.outStride + head * D4 + i] = total / max(sum[h], 1e-30);
      if (HAS_LSE && i == 0u) {
        logSumExp[t * params.heads + head] = m[h] + log(max(sum[h], 1e-30));
      }
    } else {
      let at = ((params.firstSlice + split) * params.rows * params.heads + t * params.heads + head) * (D4 + 1u);
      partial[at + i] = total;
      if (i == 0u) {
        partial[at + D4] = vec4f(m[h], sum[h], 0.0, 0.0);
      }
    }
  }
}
