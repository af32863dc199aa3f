// parts[g] = Σ of squares of 1,024 gradients. Counts are vec4.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  vectors: u32,
  firstPart: u32,
}

@group(0) @binding(0) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> parts: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

#include "dispatch.wgsl"

var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let group = linearWorkgroup(id, count);
  if (group >= params.workgroupEnd) {
    return;
  }
  var sum = 0.0;
  for (var i = 0u; i < 4u; i++) {
    let at = group * 256u + i * 64u + thread;
    if (at < params.vectors) {
      let g = gradients[at];
      sum += dot(g, g);
    }
  }
  sums[thread] = sum;
  workgroupBarrier();
  if (thread == 0u) {
    var total = 0.0;
    for (var i = 0u; i < 64u; i++) {
      total += sums[i];
    }
    parts[params.firstPart + group] = total;
  }
}
