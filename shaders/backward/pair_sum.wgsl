// out[t] = Σ_j y[t · k + j]: gradients of a token's k pairs, added in slot order. Counts, starts and strides are vec4.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  rows: u32,
  vectors: u32,
  perToken: u32,
  yStart: u32,
  yStride: u32,
  outStart: u32,
  outStride: u32,
}

@group(0) @binding(0) var<storage, read> y: array<vec4f>;          // [T·k, C]
@group(0) @binding(1) var<storage, read_write> out: array<vec4f>;  // [T, C]
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
  var sum = vec4f();
  for (var j = 0u; j < params.perToken; j++) {
    sum += y[params.yStart + (row * params.perToken + j) * params.yStride + i];
  }
  out[params.outStart + row * params.outStride + i] = sum;
}
