// A kernel that reduces rows may have them shared out by `rowReduction`: here a workgroup has one.
fn ownRow(group: u32, thread: Thread) -> u32 {
  return group;
}

fn firstItem(thread: Thread) -> u32 {
  return thread.index;
}

// What threads of a row stored is seen by all of them from here on.
fn shareRow() {
  storageBarrier();
}

override ITEM_STEP: u32 = WORKGROUP_SIZE;
