// Sums over the query rows of a pass what attention computed on the way (common/statistics_fused), per head, added to
// `sums` [H, 8]: distance, relative distance, entropy, normalised entropy, gold mass, queries, 0, 0. A workgroup per
// head; each thread takes every 64th row, the threads are added in order.
#include "dispatch.wgsl"

struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  rows: u32,
  heads: u32,
  firstToken: u32,
  window: u32,
}

@group(0) @binding(0) var<storage, read> statistics: array<vec4f>;      // [T, H]: distance, entropy, gold mass
@group(0) @binding(1) var<storage, read> flags: array<u32>;             // [T]: 1 where the row is a query
@group(0) @binding(2) var<storage, read_write> sums: array<vec4f>;      // [H, 2]
@group(1) @binding(0) var<uniform> params: Params;

const THREADS = 64u;
// [threads, 2]
var<workgroup> parts: array<vec4f, 128>;

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let head = linearWorkgroup(id, count);
  if (head >= params.workgroupEnd) {
    return;
  }
  var first = vec4f();
  var second = vec4f();
  for (var t = thread; t < params.rows; t += THREADS) {
    if (flags[t] == 0u) {
      continue;
    }
    let own = params.firstToken + t;
    var visible = own + 1u;
    if (params.window > 0u) {
      visible = min(visible, params.window);
    }
    let row = statistics[t * params.heads + head];
    first += vec4f(row.x, row.x / f32(max(own, 1u)), row.y, row.y / log(f32(max(visible, 2u))));
    second += vec4f(row.z, 1.0, 0.0, 0.0);
  }
  parts[2u * thread] = first;
  parts[2u * thread + 1u] = second;
  workgroupBarrier();
  if (thread == 0u) {
    for (var i = 1u; i < THREADS; i++) {
      first += parts[2u * i];
      second += parts[2u * i + 1u];
    }
    sums[2u * head] += first;
    sums[2u * head + 1u] += second;
  }
}
