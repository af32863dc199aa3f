// Sums over the query rows of a pass what attention computed on the way (common/statistics_fused), per head, added to
// `sums` [H, 8]: distance, relative distance, entropy, normalised entropy, gold mass, queries, 0, 0. Rows come in blocks
// of 64 so that many threads work: partial[b, head] first, then (stage 1) the blocks in order. One thread per (block,
// head), or per head.
#include "dispatch.wgsl"

struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  rows: u32,
  heads: u32,
  firstToken: u32,
  window: u32,
  blocks: u32,
  // 0: rows to blocks; 1: blocks to sums.
  stage: u32,
}

@group(0) @binding(0) var<storage, read> statistics: array<vec4f>;      // [T, H]: distance, entropy, gold mass
@group(0) @binding(1) var<storage, read> flags: array<u32>;             // [T]: 1 where the row is a query
@group(0) @binding(2) var<storage, read_write> partial: array<vec4f>;   // [blocks, H, 2]
@group(0) @binding(3) var<storage, read_write> sums: array<vec4f>;      // [H, 2]
@group(1) @binding(0) var<uniform> params: Params;

const BLOCK = 64u;

@compute @workgroup_size(32)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let group = linearWorkgroup(id, count);
  if (group >= params.workgroupEnd) {
    return;
  }
  let index = group * 32u + thread;
  if (params.stage != 0u) {
    if (index < params.heads) {
      for (var b = 0u; b < params.blocks; b++) {
        sums[2u * index] += partial[2u * (b * params.heads + index)];
        sums[2u * index + 1u] += partial[2u * (b * params.heads + index) + 1u];
      }
    }
    return;
  }
  let block = index / params.heads;
  let head = index % params.heads;
  if (block >= params.blocks) {
    return;
  }
  var first = vec4f();
  var second = vec4f();
  for (var t = block * BLOCK; t < min((block + 1u) * BLOCK, params.rows); t++) {
    if (flags[t] == 0u) {
      continue;
    }
    let own = params.firstToken + t;
    var visible = own + 1u;
    if (params.window > 0u) {
      visible = min(visible, params.window);
    }
    let row = statistics[t * params.heads + head];
    first += vec4f(row.x, row.x / f32(max(own, 1u)), row.y, row.y / log(f32(max(visible, 2u))));
    second += vec4f(row.z, 1.0, 0.0, 0.0);
  }
  partial[2u * index] = first;
  partial[2u * index + 1u] = second;
}
