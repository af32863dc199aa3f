// out[t] = s · rsqrt(mean(s²) + eps) · weight, s = x[t] (+ add[t], written to `sum`). One workgroup a row; C is given in
// vec4 (`vectors`) and as a number (`cols`), padding columns being zero. Starts and strides count vec4.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  rows: u32,
  cols: u32,
  vectors: u32,
  eps: f32,
  xStart: u32,
  xStride: u32,
  outStart: u32,
  outStride: u32,
  addStart: u32,
  addStride: u32,
  sumStart: u32,
  sumStride: u32,
  hasResidual: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;          // [T, C]
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;     // [C]
@group(0) @binding(2) var<storage, read> add: array<vec4f>;        // [T, C]
@group(0) @binding(3) var<storage, read_write> out: array<vec4f>;  // [T, C]
@group(0) @binding(4) var<storage, read_write> sum: array<vec4f>;  // [T, C]
@group(1) @binding(0) var<uniform> params: Params;

override WORKGROUP_SIZE: u32 = 64u;

#include "dispatch.wgsl"
#include <reduce>

fn inputAt(row: u32, i: u32) -> vec4f {
  var value = x[params.xStart + row * params.xStride + i];
  if (params.hasResidual != 0u) {
    value += add[params.addStart + row * params.addStride + i];
  }
  return value;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, thread: Thread) {
  let row = linearWorkgroup(id, count);
  if (row >= params.workgroupEnd) {
    return;
  }
  var squares = vec4f();
  for (var i = thread.index; i < params.vectors; i += WORKGROUP_SIZE) {
    let value = inputAt(row, i);
    squares += value * value;
    if (params.hasResidual != 0u) {
      sum[params.sumStart + row * params.sumStride + i] = value;
    }
  }
  let total = reduceSum(thread, squares);
  let mean = (total.x + total.y + total.z + total.w) / f32(params.cols);
  let factor = inverseSqrt(mean + params.eps);
  for (var i = thread.index; i < params.vectors; i += WORKGROUP_SIZE) {
    out[params.outStart + row * params.outStride + i] = inputAt(row, i) * factor * weight[i];
  }
}
