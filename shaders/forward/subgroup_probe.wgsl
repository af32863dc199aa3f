// Checks what the reductions rely on: thread i of a workgroup is lane i mod S of its subgroup, and the subgroup's
// threads are neighbours (its first one is i - lane). Writes 1 for each thread that finds it so.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  threads: u32,
}

@group(0) @binding(0) var<storage, read_write> out: array<u32>;  // [64]
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_index) thread: u32,
  @builtin(subgroup_invocation_id) lane: u32,
  @builtin(subgroup_size) size: u32,
) {
  let first = subgroupBroadcastFirst(thread);
  if (thread < params.threads) {
    out[thread] = select(0u, 1u, lane == thread % size && first == thread - lane);
  }
}
