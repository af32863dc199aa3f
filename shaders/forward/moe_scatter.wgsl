// Stable sort by expert: pair p goes to sorted row starts[e] + (pairs of e in earlier blocks) + (earlier pairs of e in
// its own block of 64).
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  pairs: u32,
  experts: u32,
}

@group(0) @binding(0) var<storage, read> indices: array<u32>;       // [T·k]
@group(0) @binding(1) var<storage, read> counts: array<u32>;        // [blocks, E], scanned
@group(0) @binding(2) var<storage, read> tiles: array<u32>;         // see moe_scan
@group(0) @binding(3) var<storage, read_write> order: array<u32>;   // [T·k]
@group(1) @binding(0) var<uniform> params: Params;

#include "dispatch.wgsl"

var<workgroup> members: array<u32, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let block = linearWorkgroup(id, count);
  if (block >= params.workgroupEnd) {
    return;
  }
  let pair = block * 64u + thread;
  let expert = min(indices[min(pair, params.pairs - 1u)], params.experts - 1u);
  members[thread] = expert;
  workgroupBarrier();
  if (pair >= params.pairs) {
    return;
  }
  var rank = 0u;
  for (var i = 0u; i < thread; i++) {
    rank += select(0u, 1u, members[i] == expert);
  }
  let row = tiles[params.experts + 1u + expert] + counts[block * params.experts + expert] + rank;
  order[row] = pair;
}
