// Gradient of a = silu(g) · u, in place over (g, u): with da = w · z, dg = da · u · σ(g) · (1 + g · (1 - σ(g))) and
// du = da · silu(g). z is the gradient of a before its routing weight w; the weight's own gradient is z · a. One
// workgroup a row; row r stands for the pair order[r] when `routed`, else w is 1. Counts are vec4.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  vectors: u32,
  inputStart: u32,
  inputStride: u32,
  zStart: u32,
  zStride: u32,
  routed: u32,
}

@group(0) @binding(0) var<storage, read> z: array<vec4f>;               // [rows, I]
@group(0) @binding(1) var<storage, read> order: array<u32>;             // [rows]
@group(0) @binding(2) var<storage, read> weights: array<f32>;           // [rows] by pair
@group(0) @binding(3) var<storage, read_write> gateUp: array<vec4f>;    // [rows, 2·I]
@group(0) @binding(4) var<storage, read_write> gradWeights: array<f32>; // [rows] by pair
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
  var pair = row;
  var w = 1.0;
  if (params.routed != 0u) {
    pair = order[row];
    w = weights[pair];
  }
  let at = params.inputStart + row * params.inputStride;
  let zAt = params.zStart + row * params.zStride;
  var product = 0.0;
  for (var i = thread.index; i < params.vectors; i += WORKGROUP_SIZE) {
    let g = gateUp[at + i];
    let u = gateUp[at + params.vectors + i];
    let gradient = z[zAt + i];
    let sigmoid = 1.0 / (1.0 + exp(-g));
    let silu = g * sigmoid;
    product += dot(gradient, silu * u);
    let da = w * gradient;
    gateUp[at + i] = da * u * sigmoid * (1.0 + g * (1.0 - sigmoid));
    gateUp[at + params.vectors + i] = da * silu;
  }
  if (params.routed == 0u) {
    return;
  }
  let total = reduceSum(thread, vec4f(product, 0.0, 0.0, 0.0));
  if (thread.index == 0u) {
    gradWeights[pair] = total.x;
  }
}
