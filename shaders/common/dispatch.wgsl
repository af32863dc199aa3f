// The recorder folds large workgroup counts into two dimensions and may run a kernel in several pieces:
// workgroups workgroupBase … workgroupEnd-1 of the linear order. A kernel returns at once for indices past the end.
fn linearWorkgroup(id: vec3u, count: vec3u) -> u32 {
  return params.workgroupBase + id.x + id.y * count.x;
}
