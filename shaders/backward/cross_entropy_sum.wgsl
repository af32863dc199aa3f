// Adds the rows of cross_entropy, in order, to statistics[0 … 2] = (Σ weight · loss, correct, Σ entropy). One workgroup.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  count: u32,
}

@group(0) @binding(0) var<storage, read> rows: array<vec4f>;            // [S]
@group(0) @binding(1) var<storage, read_write> statistics: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> sums: array<vec4f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32) {
  var sum = vec4f();
  for (var i = thread; i < params.count; i += 64u) {
    sum += rows[i];
  }
  sums[thread] = sum;
  workgroupBarrier();
  if (thread == 0u) {
    var total = vec4f();
    for (var i = 0u; i < 64u; i++) {
      total += sums[i];
    }
    statistics[0] += total.x;
    statistics[1] += total.y;
    statistics[2] += total.z;
  }
}
