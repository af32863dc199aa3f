// out[t] = x[t] · rsqrt(mean(x[t]²) + eps) · weight. A workgroup or a thread a row; C is given in vec4 (`vectors`) and as
// a number (`cols`), padding columns being zero. Starts and strides count vec4.
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
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;          // [T, C]
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;     // [C]
@group(0) @binding(2) var<storage, read_write> out: array<vec4f>;  // [T, C]
@group(1) @binding(0) var<uniform> params: Params;

override WORKGROUP_SIZE: u32 = 64u;

#include "dispatch.wgsl"
#include <reduce>

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, thread: Thread) {
  let group = linearWorkgroup(id, count);
  let row = ownRow(group, thread);
  if (group >= params.workgroupEnd || row >= params.rows) {
    return;
  }
  let start = params.xStart + row * params.xStride;
  var squares = vec4f();
  for (var i = firstItem(thread); i < params.vectors; i += ITEM_STEP) {
    let value = x[start + i];
    squares += value * value;
  }
  let total = reduceSum(thread, squares);
  let mean = (total.x + total.y + total.z + total.w) / f32(params.cols);
  let factor = inverseSqrt(mean + params.eps);
  for (var i = firstItem(thread); i < params.vectors; i += ITEM_STEP) {
    out[params.outStart + row * params.outStride + i] = x[start + i] * factor * weight[i];
  }
}
