// Σ over the query tokens of a pass of the entropy of softmax(logits) over all experts, added to sums[0]. One workgroup;
// each thread takes every 64th token, the threads are added in order.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  tokens: u32,
  experts: u32,
  logitStart: u32,
  logitStride: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;          // [T, E]
@group(0) @binding(1) var<storage, read> classes: array<u32>;         // [T]: bit 3 a query token
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;      // [1]
@group(1) @binding(0) var<uniform> params: Params;

const THREADS = 64u;
var<workgroup> parts: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  var sum = 0.0;
  for (var t = thread; t < params.tokens; t += THREADS) {
    if ((classes[t] & 8u) == 0u) {
      continue;
    }
    let at = params.logitStart + t * params.logitStride;
    var peak = -1e30;
    for (var e = 0u; e < params.experts; e++) {
      peak = max(peak, logits[at + e]);
    }
    var total = 0.0;
    var product = 0.0;
    for (var e = 0u; e < params.experts; e++) {
      let x = logits[at + e] - peak;
      total += exp(x);
      product += exp(x) * x;
    }
    sum += log(total) - product / total;
  }
  parts[thread] = sum;
  workgroupBarrier();
  if (thread == 0u) {
    var all = 0.0;
    for (var i = 0u; i < THREADS; i++) {
      all += parts[i];
    }
    sums[0] += all;
  }
}
