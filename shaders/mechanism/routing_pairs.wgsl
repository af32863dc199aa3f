// Which experts are chosen together, counted over query tokens: pairs[0, i, j] all pairs of the k chosen ones, pairs[1,
// i, j] neighbours in the order of falling gate; both symmetric with the choices on the diagonal. One thread per token;
// integer atomics, so the result does not depend on their order.
#include "dispatch.wgsl"

struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  tokens: u32,
  experts: u32,
  perToken: u32,
}

@group(0) @binding(0) var<storage, read> indices: array<u32>;                  // [T, k], falling gate
@group(0) @binding(1) var<storage, read> classes: array<u32>;                  // [T]: bit 3 a query token
@group(0) @binding(2) var<storage, read_write> pairs: array<atomic<u32>>;      // [2, E, E]
@group(1) @binding(0) var<uniform> params: Params;

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
  let t = group * 32u + thread;
  if (t >= params.tokens) {
    return;
  }
  if ((classes[t] & 8u) == 0u) {
    return;
  }
  let square = params.experts * params.experts;
  for (var a = 0u; a < params.perToken; a++) {
    let first = indices[t * params.perToken + a];
    for (var b = 0u; b < params.perToken; b++) {
      let second = indices[t * params.perToken + b];
      let at = first * params.experts + second;
      atomicAdd(&pairs[at], 1u);
      if (max(a, b) - min(a, b) < 2u) {
        atomicAdd(&pairs[square + at], 1u);
      }
    }
  }
}
