// Gradient of the router's logits from that of the routing weights, one workgroup a token. Divided by their sum, the k
// weights are the softmax of the k logits: dl_i = w_i (dw_i - Σ_j w_j dw_j), 0 for the others. Otherwise, with p the
// softmax over all: dl_e = p_e ([e chosen] dw_e - Σ_j p_j dw_j). The load-balancing loss adds p_e (c_e - Σ p c), where
// c_e is its derivative by p_e.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  experts: u32,
  perToken: u32,
  logitStart: u32,
  logitStride: u32,
  gradStart: u32,
  gradStride: u32,
  renormalized: u32,
  balances: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;        // [T, E]
@group(0) @binding(1) var<storage, read> indices: array<u32>;       // [T, k]
@group(0) @binding(2) var<storage, read> weights: array<f32>;       // [T, k]
@group(0) @binding(3) var<storage, read> gradWeights: array<f32>;   // [T, k]
@group(0) @binding(4) var<storage, read> balance: array<f32>;       // [E]: c
@group(0) @binding(5) var<storage, read_write> grad: array<f32>;    // [T, E]
@group(1) @binding(0) var<uniform> params: Params;

override WORKGROUP_SIZE: u32 = 64u;

#include "dispatch.wgsl"
#include <reduce>

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, thread: Thread) {
  let token = linearWorkgroup(id, count);
  if (token >= params.workgroupEnd) {
    return;
  }
  let at = params.logitStart + token * params.logitStride;
  let pairs = token * params.perToken;
  var most = -1e30;
  for (var e = thread.index; e < params.experts; e += WORKGROUP_SIZE) {
    most = max(most, logits[at + e]);
  }
  let peak = reduceMax(thread, vec4f(most)).x;
  // Σ exp, Σ exp · c
  var part = vec4f();
  for (var e = thread.index; e < params.experts; e += WORKGROUP_SIZE) {
    let value = exp(logits[at + e] - peak);
    var c = 0.0;
    if (params.balances != 0u) {
      c = balance[e];
    }
    part += vec4f(value, value * c, 0.0, 0.0);
  }
  let total = reduceSum(thread, part);
  let meanBalance = total.y / total.x;
  var mean = 0.0;
  for (var j = 0u; j < params.perToken; j++) {
    mean += weights[pairs + j] * gradWeights[pairs + j];
  }
  let padded = (params.experts + 3u) / 4u * 4u;
  for (var e = thread.index; e < padded; e += WORKGROUP_SIZE) {
    var result = 0.0;
    if (e < params.experts) {
      let p = exp(logits[at + e] - peak) / total.x;
      if (params.renormalized == 0u) {
        result = -p * mean;
      }
      for (var j = 0u; j < params.perToken; j++) {
        if (indices[pairs + j] == e) {
          let dw = gradWeights[pairs + j];
          if (params.renormalized != 0u) {
            result = weights[pairs + j] * (dw - mean);
          } else {
            result += p * dw;
          }
        }
      }
      if (params.balances != 0u) {
        result += p * (balance[e] - meanBalance);
      }
    }
    grad[params.gradStart + token * params.gradStride + e] = result;
  }
}
