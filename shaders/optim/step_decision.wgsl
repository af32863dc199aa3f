// From the parts of norm_parts and the loss to what the update needs, without leaving the GPU: statistics[5] = norm of all
// gradients, [6] = min(1, limit / (norm + 1e-6)), [7] = 1 if loss and norm are finite, else 0 (no update then). One
// workgroup. Finite is tested on bits: arithmetic on NaN may be optimised away.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  parts: u32,
  // 0: no clipping.
  limit: f32,
}

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read_write> statistics: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;

fn isFinite(value: f32) -> bool {
  return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u;
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32) {
  var sum = 0.0;
  for (var i = thread; i < params.parts; i += 64u) {
    sum += parts[i];
  }
  sums[thread] = sum;
  workgroupBarrier();
  if (thread == 0u) {
    var total = 0.0;
    for (var i = 0u; i < 64u; i++) {
      total += sums[i];
    }
    let norm = sqrt(total);
    var factor = 1.0;
    if (params.limit > 0.0) {
      factor = min(1.0, params.limit / (norm + 1e-6));
    }
    statistics[5] = norm;
    statistics[6] = factor;
    statistics[7] = select(0.0, 1.0, isFinite(total) && isFinite(statistics[0]));
  }
}
