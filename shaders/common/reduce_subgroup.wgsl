// Sums and maxima over a workgroup of WORKGROUP_SIZE threads through subgroups of any size (threads of a subgroup
// are neighbours in the workgroup: `tuneKernels` checks it on the device). All threads get the result.
struct Thread {
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_invocation_id) lane: u32,
  @builtin(subgroup_size) subgroupSize: u32,
}

#include "row_of_workgroup.wgsl"

var<workgroup> reduceSlots: array<vec4f, WORKGROUP_SIZE>;

fn reduceSum(thread: Thread, value: vec4f) -> vec4f {
  let part = subgroupAdd(value);
  workgroupBarrier();
  if (thread.lane == 0u) {
    reduceSlots[thread.index / thread.subgroupSize] = part;
  }
  workgroupBarrier();
  let parts = (WORKGROUP_SIZE + thread.subgroupSize - 1u) / thread.subgroupSize;
  var total = reduceSlots[0];
  for (var i = 1u; i < parts; i++) {
    total += reduceSlots[i];
  }
  return total;
}

fn reduceMax(thread: Thread, value: vec4f) -> vec4f {
  let part = subgroupMax(value);
  workgroupBarrier();
  if (thread.lane == 0u) {
    reduceSlots[thread.index / thread.subgroupSize] = part;
  }
  workgroupBarrier();
  let parts = (WORKGROUP_SIZE + thread.subgroupSize - 1u) / thread.subgroupSize;
  var total = reduceSlots[0];
  for (var i = 1u; i < parts; i++) {
    total = max(total, reduceSlots[i]);
  }
  return total;
}
