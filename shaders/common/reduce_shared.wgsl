// Sums and maxima over a workgroup of WORKGROUP_SIZE threads, without subgroups. Two levels instead of a tree:
// three barriers whatever the size, and the same order of additions in every run. All threads get the result.
struct Thread {
  @builtin(local_invocation_index) index: u32,
}

#include "row_of_workgroup.wgsl"

var<workgroup> reduceSlots: array<vec4f, WORKGROUP_SIZE>;

fn reduceSum(thread: Thread, value: vec4f) -> vec4f {
  workgroupBarrier();
  reduceSlots[thread.index] = value;
  workgroupBarrier();
  if (thread.index < 8u) {
    var sum = value;
    for (var i = thread.index + 8u; i < WORKGROUP_SIZE; i += 8u) {
      sum += reduceSlots[i];
    }
    reduceSlots[thread.index] = sum;
  }
  workgroupBarrier();
  var total = reduceSlots[0];
  for (var i = 1u; i < min(8u, WORKGROUP_SIZE); i++) {
    total += reduceSlots[i];
  }
  return total;
}

fn reduceMax(thread: Thread, value: vec4f) -> vec4f {
  workgroupBarrier();
  reduceSlots[thread.index] = value;
  workgroupBarrier();
  if (thread.index < 8u) {
    var best = value;
    for (var i = thread.index + 8u; i < WORKGROUP_SIZE; i += 8u) {
      best = max(best, reduceSlots[i]);
    }
    reduceSlots[thread.index] = best;
  }
  workgroupBarrier();
  var total = reduceSlots[0];
  for (var i = 1u; i < min(8u, WORKGROUP_SIZE); i++) {
    total = max(total, reduceSlots[i]);
  }
  return total;
}
