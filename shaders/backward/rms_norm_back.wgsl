// Gradient of y = x · f · weight, f = rsqrt(mean(x²) + eps), with respect to x, for a frozen weight: with g = dy · weight,
// dx (+)= f · g - x · f³ · Σ(g · x) / C. One workgroup a row. Starts and strides count vec4. Row r of dy belongs to row
// rowIndex[r] of x and dx when `gathered`.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  cols: u32,
  vectors: u32,
  eps: f32,
  xStart: u32,
  xStride: u32,
  dyStart: u32,
  dyStride: u32,
  dxStart: u32,
  dxStride: u32,
  gathered: u32,
  accumulates: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;         // [T, C]
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;    // [C]
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;        // [rows, C]
@group(0) @binding(3) var<storage, read> rowIndex: array<u32>;    // [rows]
@group(0) @binding(4) var<storage, read_write> dx: array<vec4f>;  // [T, C]
@group(1) @binding(0) var<uniform> params: Params;

override WORKGROUP_SIZE: u32 = 64u;

#include "dispatch.wgsl"
#include <reduce>

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, thread: Thread) {
  let row = linearWorkgroup(id, count);
  if (row >= params.workgroupEnd) {
    return;
  }
  var own = row;
  if (params.gathered != 0u) {
    own = rowIndex[row];
  }
  let xAt = params.xStart + own * params.xStride;
  let dyAt = params.dyStart + row * params.dyStride;
  let dxAt = params.dxStart + own * params.dxStride;
  var squares = 0.0;
  var products = 0.0;
  for (var i = thread.index; i < params.vectors; i += WORKGROUP_SIZE) {
    let value = x[xAt + i];
    squares += dot(value, value);
    products += dot(value, dy[dyAt + i] * weight[i]);
  }
  let total = reduceSum(thread, vec4f(squares, products, 0.0, 0.0));
  let f = inverseSqrt(total.x / f32(params.cols) + params.eps);
  let shrink = f * f * f * total.y / f32(params.cols);
  for (var i = thread.index; i < params.vectors; i += WORKGROUP_SIZE) {
    var result = f * dy[dyAt + i] * weight[i] - shrink * x[xAt + i];
    if (params.accumulates != 0u) {
      result += dx[dxAt + i];
    }
    dx[dxAt + i] = result;
  }
}
