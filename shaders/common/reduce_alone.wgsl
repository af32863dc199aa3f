// Every thread reduces a row of its own: no barrier, for CPU drivers, where each costs more than the row.
struct Thread {
  @builtin(local_invocation_index) index: u32,
}

fn ownRow(group: u32, thread: Thread) -> u32 {
  return group * WORKGROUP_SIZE + thread.index;
}

fn firstItem(thread: Thread) -> u32 {
  return 0u;
}

fn shareRow() {
}

const ITEM_STEP = 1u;

fn reduceSum(thread: Thread, value: vec4f) -> vec4f {
  return value;
}

fn reduceMax(thread: Thread, value: vec4f) -> vec4f {
  return value;
}
