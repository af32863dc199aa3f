// Of each block of 64 tokens: Σ softmax probability and number of pairs per expert, and Σ (log-sum-exp of the logits)².
// parts[b] = probabilities [E], counts [E], (Σ lse², 0, 0, 0).
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  tokens: u32,
  experts: u32,
  perToken: u32,
  logitStart: u32,
  logitStride: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;        // [T, E]
@group(0) @binding(1) var<storage, read> indices: array<u32>;       // [T, k]
@group(0) @binding(2) var<storage, read_write> parts: array<f32>;   // [blocks, 2·E + 4]
@group(1) @binding(0) var<uniform> params: Params;

#include "dispatch.wgsl"

var<workgroup> logSums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let block = linearWorkgroup(id, count);
  if (block >= params.workgroupEnd) {
    return;
  }
  let first = block * 64u;
  let tokens = min(params.tokens - first, 64u);
  if (thread < tokens) {
    let at = params.logitStart + (first + thread) * params.logitStride;
    var peak = -1e30;
    for (var e = 0u; e < params.experts; e++) {
      peak = max(peak, logits[at + e]);
    }
    var sum = 0.0;
    for (var e = 0u; e < params.experts; e++) {
      sum += exp(logits[at + e] - peak);
    }
    logSums[thread] = peak + log(sum);
  }
  workgroupBarrier();
  let out = block * (2u * params.experts + 4u);
  for (var e = thread; e < params.experts; e += 64u) {
    var probability = 0.0;
    var chosen = 0.0;
    for (var t = 0u; t < tokens; t++) {
      probability += exp(logits[params.logitStart + (first + t) * params.logitStride + e] - logSums[t]);
      for (var j = 0u; j < params.perToken; j++) {
        chosen += select(0.0, 1.0, indices[(first + t) * params.perToken + j] == e);
      }
    }
    parts[out + e] = probability;
    parts[out + params.experts + e] = chosen;
  }
  if (thread == 0u) {
    var squares = 0.0;
    for (var t = 0u; t < tokens; t++) {
      squares += logSums[t] * logSums[t];
    }
    parts[out + 2u * params.experts] = squares;
  }
}
