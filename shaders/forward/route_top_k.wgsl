// Router of a mixture of experts, one workgroup a token: p = softmax(logits) over all E experts in f32, then the k most
// probable (equal ones: lowest index first), optionally divided by their sum. An expert's rank is the number of
// experts before it, so no thread waits for another's choice.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  experts: u32,
  perToken: u32,
  logitStart: u32,
  logitStride: u32,
  // 1: divide by the sum of the k.
  renormalize: u32,
  // 1: the indices are given, only their weights are wanted.
  forced: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;          // [T, E]
@group(0) @binding(1) var<storage, read_write> indices: array<u32>;   // [T, k]
@group(0) @binding(2) var<storage, read_write> weights: array<f32>;   // [T, k]
@group(1) @binding(0) var<uniform> params: Params;

override WORKGROUP_SIZE: u32 = 64u;

#include "dispatch.wgsl"
#include <reduce>

const MAX_EXPERTS = 512u;
const MAX_PER_TOKEN = 32u;

var<workgroup> values: array<f32, MAX_EXPERTS>;
var<workgroup> chosen: array<u32, MAX_PER_TOKEN>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, thread: Thread) {
  let token = linearWorkgroup(id, count);
  if (token >= params.workgroupEnd) {
    return;
  }
  let experts = min(params.experts, MAX_EXPERTS);
  var most = -1e30;
  for (var e = thread.index; e < experts; e += WORKGROUP_SIZE) {
    let value = logits[params.logitStart + token * params.logitStride + e];
    values[e] = value;
    most = max(most, value);
  }
  let peak = reduceMax(thread, vec4f(most)).x;
  var part = 0.0;
  for (var e = thread.index; e < experts; e += WORKGROUP_SIZE) {
    part += exp(values[e] - peak);
  }
  let total = reduceSum(thread, vec4f(part)).x;

  let k = min(params.perToken, MAX_PER_TOKEN);
  if (params.forced != 0u) {
    for (var j = thread.index; j < k; j += WORKGROUP_SIZE) {
      chosen[j] = min(indices[token * params.perToken + j], experts - 1u);
    }
  } else {
    for (var e = thread.index; e < experts; e += WORKGROUP_SIZE) {
      let own = values[e];
      var rank = 0u;
      for (var other = 0u; other < experts; other++) {
        let value = values[other];
        rank += select(0u, 1u, value > own || (value == own && other < e));
      }
      if (rank < k) {
        chosen[rank] = e;
        indices[token * params.perToken + rank] = e;
      }
    }
  }
  workgroupBarrier();
  var divisor = total;
  if (params.renormalize != 0u) {
    divisor = 0.0;
    for (var j = 0u; j < k; j++) {
      divisor += exp(values[chosen[j]] - peak);
    }
  }
  for (var j = thread.index; j < k; j += WORKGROUP_SIZE) {
    weights[token * params.perToken + j] = exp(values[chosen[j]] - peak) / divisor;
  }
}
