// Joins the slices of a split attention: O = Σ_s e^(m_s - m)·O_s / Σ_s e^(m_s - m)·l_s, lse = m + ln Σ_s e^(m_s - m)·l_s.
// One thread per element vec4 of (query, head).
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  rows: u32,
  heads: u32,
  vectors: u32,
  slices: u32,
  outStart: u32,
  outStride: u32,
  hasLse: u32,
}

@group(0) @binding(0) var<storage, read> partial: array<vec4f>;        // [slices, T·H, D/4 + 1]
@group(0) @binding(1) var<storage, read_write> out: array<vec4f>;      // [T, H, D]
@group(0) @binding(2) var<storage, read_write> logSumExp: array<f32>;  // [T, H]
@group(1) @binding(0) var<uniform> params: Params;

#include "dispatch.wgsl"

@compute @workgroup_size(32)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let index = linearWorkgroup(id, count) * 32u + thread;
  let pairs = params.rows * params.heads;
  let pair = index / params.vectors;
  let i = index % params.vectors;
  if (pair >= pairs) {
    return;
  }
  let width = params.vectors + 1u;
  var m = -1e30;
  for (var s = 0u; s < params.slices; s++) {
    m = max(m, partial[(s * pairs + pair) * width + params.vectors].x);
  }
  var l = 0.0;
  var o = vec4f();
  for (var s = 0u; s < params.slices; s++) {
    let at = (s * pairs + pair) * width;
    let state = partial[at + params.vectors];
    let weight = exp(state.x - m);
    l += weight * state.y;
    o += weight * partial[at + i];
  }
  let total = max(l, 1e-30);
  let t = pair / params.heads;
  let head = pair % params.heads;
  out[params.outStart + t * params.outStride + head * params.vectors + i] = o / total;
  if (params.hasLse != 0u && i == 0u) {
    logSumExp[pair] = m + log(total);
  }
}
