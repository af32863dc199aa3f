// out (+)= x · keep / (1 - rate): an element is dropped when a hash of (seed, row, column) falls below rate · 2³², so the
// backward pass draws the same mask again without keeping it. Each row of x stands for `copies` rows of out, which draw
// masks of their own. Counts, starts and strides are vec4.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  rows: u32,
  vectors: u32,
  seed: u32,
  firstRow: u32,
  copies: u32,
  threshold: u32,
  factor: f32,
  xStart: u32,
  xStride: u32,
  outStart: u32,
  outStride: u32,
  accumulates: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;          // [T, C]
@group(0) @binding(1) var<storage, read_write> out: array<vec4f>;  // [T · copies, C]
@group(1) @binding(0) var<uniform> params: Params;

#include "dispatch.wgsl"

/// A 32-bit mixer (two rounds of xor-shift and multiply; constants of the "lowbias32" search).
fn mixed(value: vec4u) -> vec4u {
  var h = value;
  h ^= h >> vec4u(16u);
  h *= 0x7feb352du;
  h ^= h >> vec4u(15u);
  h *= 0x846ca68bu;
  h ^= h >> vec4u(16u);
  return h;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let index = linearWorkgroup(id, count) * 64u + thread;
  let row = index / params.vectors;
  let i = index % params.vectors;
  if (index / 64u >= params.workgroupEnd || row >= params.rows) {
    return;
  }
  let column = vec4u(4u * i) + vec4u(0u, 1u, 2u, 3u);
  let hash = mixed(mixed(mixed(vec4u(params.seed)) + (params.firstRow + row)) + column);
  let keep = select(vec4f(), vec4f(params.factor), hash >= vec4u(params.threshold));
  let at = params.outStart + row * params.outStride + i;
  var result = x[params.xStart + row / params.copies * params.xStride + i] * keep;
  if (params.accumulates != 0u) {
    result += out[at];
  }
  out[at] = result;
}
