// out[t, i] = silu(gateUp[t, i]) · gateUp[t, I + i], silu(g) = g / (1 + e^-g). Counts are vec4.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  rows: u32,
  vectors: u32,
  inputStart: u32,
  inputStride: u32,
  outStart: u32,
  outStride: u32,
}

@group(0) @binding(0) var<storage, read> gateUp: array<vec4f>;     // [T, 2·I]
@group(0) @binding(1) var<storage, read_write> out: array<vec4f>;  // [T, I]
@group(1) @binding(0) var<uniform> params: Params;

#include "dispatch.wgsl"

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let index = linearWorkgroup(id, count) * 64u + thread;
  let row = index / params.vectors;
  let i = index % params.vectors;
  if (row >= params.rows) {
    return;
  }
  let at = params.inputStart + row * params.inputStride + i;
  let gate = gateUp[at];
  let up = gateUp[at + params.vectors];
  out[params.outStart + row * params.outStride + i] = gate / (1.0 + exp(-gate)) * up;
}
