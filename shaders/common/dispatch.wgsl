// The recorder folds large workgroup counts into two dimensions and may run a kernel in several pieces:
// workgroups workgroupBase … workgroupEnd-1 of the linear order. Indices past the end belong to the next piece: a kernel
// does nothing for them, unless what it writes depends on nothing it wrote.
fn linearWorkgroup(id: vec3u, count: vec3u) -> u32 {
  return params.workgroupBase + id.x + id.y * count.x;
}
