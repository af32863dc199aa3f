// How many of each block of 64 pairs (token, slot) go to each expert: counts[b, e]. Integer atomics within the
// workgroup, so the result does not depend on their order.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  pairs: u32,
  experts: u32,
}

@group(0) @binding(0) var<storage, read> indices: array<u32>;        // [T·k]
@group(0) @binding(1) var<storage, read_write> counts: array<u32>;   // [blocks, E]
@group(1) @binding(0) var<uniform> params: Params;

#include "dispatch.wgsl"

var<workgroup> bins: array<atomic<u32>, MAX_EXPERTS>;

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
  // Workgroup memory starts as zero.
  let pair = block * 64u + thread;
  if (pair < params.pairs) {
    atomicAdd(&bins[min(indices[pair], params.experts - 1u)], 1u);
  }
  workgroupBarrier();
  for (var e = thread; e < params.experts; e += 64u) {
    counts[block * params.experts + e] = atomicLoad(&bins[e]);
  }
}
