// out[r] = x[rowIndex[r]]. Counts, starts and strides are vec4.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  rows: u32,
  vectors: u32,
  firstRow: u32,
  xStart: u32,
  xStride: u32,
  outStart: u32,
  outStride: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;          // [T, C]
@group(0) @binding(1) var<storage, read> rowIndex: array<u32>;     // [S]
@group(0) @binding(2) var<storage, read_write> out: array<vec4f>;  // [rows, C]
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
  let source = rowIndex[params.firstRow + row];
  out[params.outStart + row * params.outStride + i] = x[params.xStart + source * params.xStride + i];
}
