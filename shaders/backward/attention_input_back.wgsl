// From gradients of attention's inputs to those of the q/k/v projection, in place, per (token, head): q and k are turned
// back (the rotation's transpose: a·cos + b·sin, b·cos - a·sin), then through their norm over D; v stays as it is.
// LANES threads, a power of two, share a head. Starts, strides and half = D/8 count vec4.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  rows: u32,
  // Query and key heads.
  heads: u32,
  queryHeads: u32,
  half: u32,
  eps: f32,
  inputStart: u32,
  inputStride: u32,
  gradStart: u32,
  gradStride: u32,
  hasNorm: u32,
  hasRope: u32,
}

@group(0) @binding(0) var<storage, read> qkv: array<vec4f>;          // [T, (H + 2·KV)·D], before norm and rotation
@group(0) @binding(1) var<storage, read> qNorm: array<vec4f>;        // [D]
@group(0) @binding(2) var<storage, read> kNorm: array<vec4f>;        // [D]
@group(0) @binding(3) var<storage, read> rope: array<vec4f>;         // [positions, D]: cos, then sin
@group(0) @binding(4) var<storage, read> positions: array<u32>;      // [T]
@group(0) @binding(5) var<storage, read_write> grad: array<vec4f>;   // [T, (H + 2·KV)·D]
@group(1) @binding(0) var<uniform> params: Params;

override LANES: u32 = 1u;

const WORKGROUP_SIZE = 64u;

#include "dispatch.wgsl"

var<workgroup> slots: array<vec2f, WORKGROUP_SIZE>;

struct Pair {
  a: vec4f,
  b: vec4f,
}

/// Gradient of elements i and i + D/2 before the rotation.
fn turnedBack(at: u32, i: u32, position: u32) -> Pair {
  let a = grad[at + i];
  let b = grad[at + i + params.half];
  if (params.hasRope == 0u) {
    return Pair(a, b);
  }
  let c = rope[position * 2u * params.half + i];
  let s = rope[position * 2u * params.half + params.half + i];
  return Pair(a * c + b * s, b * c - a * s);
}

fn normWeight(head: u32, i: u32) -> vec4f {
  if (head < params.queryHeads) {
    return qNorm[i];
  }
  return kNorm[i];
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let group = linearWorkgroup(id, count);
  let index = (group * WORKGROUP_SIZE + thread) / LANES;
  let lane = thread % LANES;
  let inside = group < params.workgroupEnd && index < params.rows * params.heads;
  let row = select(0u, index / params.heads, inside);
  let head = select(0u, index % params.heads, inside);
  let inputAt = params.inputStart + row * params.inputStride + head * 2u * params.half;
  let gradAt = params.gradStart + row * params.gradStride + head * 2u * params.half;
  let position = positions[row];

  var factor = 1.0;
  var shrink = 0.0;
  if (params.hasNorm != 0u) {
    // Σ x² and Σ g·x
    var sums = vec2f();
    for (var i = lane; i < params.half; i += LANES) {
      let xa = qkv[inputAt + i];
      let xb = qkv[inputAt + i + params.half];
      let d = turnedBack(gradAt, i, position);
      sums.x += dot(xa, xa) + dot(xb, xb);
      sums.y += dot(d.a * normWeight(head, i), xa) + dot(d.b * normWeight(head, i + params.half), xb);
    }
    if (LANES > 1u) {
      slots[thread] = sums;
      workgroupBarrier();
      sums = vec2f();
      for (var i = 0u; i < LANES; i++) {
        sums += slots[thread - lane + i];
      }
    }
    let size = f32(params.half * 8u);
    factor = inverseSqrt(sums.x / size + params.eps);
    shrink = factor * factor * factor * sums.y / size;
  }
  if (!inside) {
    return;
  }
  for (var i = lane; i < params.half; i += LANES) {
    var d = turnedBack(gradAt, i, position);
    if (params.hasNorm != 0u) {
      d.a = factor * d.a * normWeight(head, i) - shrink * qkv[inputAt + i];
      d.b = factor * d.b * normWeight(head, i + params.half) - shrink * qkv[inputAt + i + params.half];
    }
    grad[gradAt + i] = d.a;
    grad[gradAt + i + params.half] = d.b;
  }
}
