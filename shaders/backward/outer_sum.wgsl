// Gradient of a low-rank matrix: G_e[M, N] (+)= scale · Σ_r weight_r · P[r, M]ᵀ · Q[r, N] over the sorted rows r of expert
// e (or over rows of one slice, when there are no experts). A thread owns 4 × 4 numbers and adds rows in order, so
// the sum is the same in every run. Starts and strides count vec4; rows of P or Q may be tokens of sorted rows.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  rows: u32,
  // Slices of rows (or experts), each with its own G.
  slices: u32,
  rowsPerSlice: u32,
  mVectors: u32,
  nVectors: u32,
  pStart: u32,
  pStride: u32,
  qStart: u32,
  qStride: u32,
  gStart: u32,
  // From one slice's G to the next.
  gSlice: u32,
  perToken: u32,
  // 1: slices are experts, whose rows `tiles` gives.
  grouped: u32,
  pTokens: u32,
  qTokens: u32,
  // 1: rows count by weights[order[r]].
  weighted: u32,
  scale: f32,
  accumulates: u32,
}

@group(0) @binding(0) var<storage, read> p: array<vec4f>;
@group(0) @binding(1) var<storage, read> q: array<vec4f>;
@group(0) @binding(2) var<storage, read> order: array<u32>;
@group(0) @binding(3) var<storage, read> tiles: array<u32>;
@group(0) @binding(4) var<storage, read> weights: array<f32>;
@group(0) @binding(5) var<storage, read_write> g: array<vec4f>;  // [slices, M, N]
@group(1) @binding(0) var<uniform> params: Params;

override WORKGROUP_SIZE: u32 = 32u;

#include "dispatch.wgsl"

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let index = linearWorkgroup(id, count) * WORKGROUP_SIZE + thread;
  let n = index % params.nVectors;
  let m = index / params.nVectors % params.mVectors;
  let slice = index / (params.nVectors * params.mVectors);
  if (index / WORKGROUP_SIZE >= params.workgroupEnd || slice >= params.slices) {
    return;
  }
  var row = slice * params.rowsPerSlice;
  var end = min(row + params.rowsPerSlice, params.rows);
  if (params.grouped != 0u) {
    row = tiles[params.slices + 1u + slice];
    end = tiles[params.slices + 1u + slice + 1u];
  }
  let usesOrder = (params.pTokens | params.qTokens | params.weighted) != 0u;
  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  for (; row < end; row++) {
    var pRow = row;
    var qRow = row;
    var factor = 1.0;
    if (usesOrder) {
      let pair = order[row];
      let token = pair / params.perToken;
      pRow = select(row, token, params.pTokens != 0u);
      qRow = select(row, token, params.qTokens != 0u);
      if (params.weighted != 0u) {
        factor = weights[pair];
      }
    }
    let a = p[params.pStart + pRow * params.pStride + m] * factor;
    let b = q[params.qStart + qRow * params.qStride + n];
    sum0 += a.x * b;
    sum1 += a.y * b;
    sum2 += a.z * b;
    sum3 += a.w * b;
  }
  let at = params.gStart + slice * params.gSlice + m * 4u * params.nVectors + n;
  var sums = array<vec4f, 4>(sum0, sum1, sum2, sum3);
  for (var i = 0u; i < 4u; i++) {
    var result = sums[i] * params.scale;
    if (params.accumulates != 0u) {
      result += g[at + i * params.nVectors];
    }
    g[at + i * params.nVectors] = result;
  }
}
