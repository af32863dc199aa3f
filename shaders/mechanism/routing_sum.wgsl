// Adds the blocks of routing_statistics to the running sums of a layer, blocks in order. One thread per (class, expert).
#include "dispatch.wgsl"

struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  cells: u32,
  blocks: u32,
}

@group(0) @binding(0) var<storage, read> partial: array<vec2f>;       // [blocks, cells]
@group(0) @binding(1) var<storage, read_write> sums: array<vec2f>;    // [cells]
@group(1) @binding(0) var<uniform> params: Params;

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
  let cell = group * 32u + thread;
  if (cell >= params.cells) {
    return;
  }
  var sum = vec2f();
  for (var b = 0u; b < params.blocks; b++) {
    sum += partial[b * params.cells + cell];
  }
  sums[cell] += sum;
}
