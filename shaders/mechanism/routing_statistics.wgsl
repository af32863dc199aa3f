// Choices and gate weights of a block of 64 tokens: partial[b, class, e] = (times chosen, Σ gate). Class 7 holds the
// query tokens again, whatever their own class. One thread per expert, tokens in order, so that sums do not vary.
#include "dispatch.wgsl"

struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  tokens: u32,
  experts: u32,
  perToken: u32,
}

@group(0) @binding(0) var<storage, read> indices: array<u32>;          // [T, k]
@group(0) @binding(1) var<storage, read> weights: array<f32>;          // [T, k]
@group(0) @binding(2) var<storage, read> classes: array<u32>;          // [T]: class 0 … 6, bit 3 a query token
@group(0) @binding(3) var<storage, read_write> partial: array<vec2f>;  // [blocks, 8, E]
@group(1) @binding(0) var<uniform> params: Params;

const BLOCK = 64u;
const CLASSES = 8u;
const QUERY_CLASS = 7u;

@compute @workgroup_size(32)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let group = linearWorkgroup(id, count);
  if (group >= params.workgroupEnd) {
    return;
  }
  let tiles = (params.experts + 31u) / 32u;
  let block = group / tiles;
  let expert = group % tiles * 32u + thread;
  if (expert >= params.experts) {
    return;
  }
  let at = block * CLASSES * params.experts + expert;
  for (var c = 0u; c < CLASSES; c++) {
    partial[at + c * params.experts] = vec2f();
  }
  let end = min((block + 1u) * BLOCK, params.tokens);
  for (var t = block * BLOCK; t < end; t++) {
    var hit = vec2f();
    for (var j = 0u; j < params.perToken; j++) {
      if (indices[t * params.perToken + j] == expert) {
        hit += vec2f(1.0, weights[t * params.perToken + j]);
      }
    }
    if (hit.x > 0.0) {
      partial[at + (classes[t] & 7u) * params.experts] += hit;
      if ((classes[t] & 8u) != 0u) {
        partial[at + QUERY_CLASS * params.experts] += hit;
      }
    }
  }
}
