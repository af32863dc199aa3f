// G[i] += Σ_s slices[s, i], in the order of s. Counts are vec4.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  vectors: u32,
  slices: u32,
  gStart: u32,
}

@group(0) @binding(0) var<storage, read> parts: array<vec4f>;    // [S, vectors]
@group(0) @binding(1) var<storage, read_write> g: array<vec4f>;  // [vectors]
@group(1) @binding(0) var<uniform> params: Params;

#include "dispatch.wgsl"

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = linearWorkgroup(id, count) * 64u + thread;
  if (i / 64u >= params.workgroupEnd || i >= params.vectors) {
    return;
  }
  var sum = g[params.gStart + i];
  for (var s = 0u; s < params.slices; s++) {
    sum += parts[s * params.vectors + i];
  }
  g[params.gStart + i] = sum;
}
