// Flash attention for few queries: a workgroup takes one query row, up to four heads of one kv head, and a range of
// keys. Per tile of 64 keys a thread scores one key for all its heads, then the threads turn to the columns of V.
#include <kv>
#include "attention_params.wgsl"
#include "dispatch.wgsl"

const WORKGROUP_SIZE = 64u;
// The heads of a block; clamped, since also code for absent heads must stay inside the array.
const SECOND = min(1u, HEADS - 1u);
const THIRD = min(2u, HEADS - 1u);
const FOURTH = min(3u, HEADS - 1u);

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

  let qAt = params.qStart + t * params.qStride + firstHead * params.vectors;
  for (var i = thread.index; i < HEADS * params.vectors; i += WORKGROUP_SIZE) {
    queries[i] = q[qAt + i] * params.scale;
  }
  workgroupBarrier();

  let column = thread.index % params.vectors;
  let slice = thread.index / params.vectors;
  let slices = WORKGROUP_SIZE / params.vectors;
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
        let k = loadKv(0u, row, params.vectors, i, scale);
        // Written out, since components of a vector are not indexed in a loop at no cost everywhere.
        sums.x += dot(queries[i], k);
        if (HEADS > 1u) {
          sums.y += dot(queries[SECOND * params.vectors + i], k);
        }
        if (HEADS > 2u) {
          sums.z += dot(queries[THIRD * params.vectors + i], k);
          sums.w += dot(queries[FOURTH * params.vectors + i], k);
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
    if (slice < slices) {
      let keys = min(WORKGROUP_SIZE, end - tile);
      for (var j = slice; j < keys; j += slices) {
        let row = (tile + j) * params.kvHeads + kvHead;
        let v = loadKv(params.valueSection, row, params.vectors, column, loadKvScale(params.valueScaleSection, row));
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
  for (var item = thread.index; item < HEADS * params.vectors; item += WORKGROUP_SIZE) {
    let h = item / params.vectors;
    let i = item % params.vectors;
    var total = vec4f();
    for (var s = 0u; s < slices; s++) {
      total += outputs[h * WORKGROUP_SIZE + s * params.vectors + i];
    }
    let head = firstHead + h;
    if (params.finishes != 0u) {
      out[params.outStart + t * params.outStride + head * params.vectors + i] = total / max(sum[h], 1e-30);
      if (params.hasLse != 0u && i == 0u) {
        logSumExp[t * params.heads + head] = m[h] + log(max(sum[h], 1e-30));
      }
    } else {
      let at = ((params.firstSlice + split) * params.rows * params.heads + t * params.heads + head) * (params.vectors + 1u);
      partial[at + i] = total;
      if (i == 0u) {
        partial[at + params.vectors] = vec4f(m[h], sum[h], 0.0, 0.0);
      }
    }
  }
}
