// Cross-entropy of rows of logits, one workgroup a row, and its gradient in place: loss = lse - logit[label];
// dlogit = weight · scale · (softmax - onehot). rows[r] = (weight · loss, 1 if the label is the most probable, entropy, 0).
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  // First of these rows among the labels.
  first: u32,
  vocabulary: u32,
  logitStart: u32,
  logitStride: u32,
  scale: f32,
  // 0: only the loss is wanted, logits stay.
  differentiates: u32,
}

@group(0) @binding(0) var<storage, read> labels: array<u32>;          // [S]
@group(0) @binding(1) var<storage, read> weights: array<f32>;         // [S]
@group(0) @binding(2) var<storage, read_write> logits: array<f32>;    // [block, V]
@group(0) @binding(3) var<storage, read_write> rows: array<vec4f>;    // [S]
@group(1) @binding(0) var<uniform> params: Params;

override WORKGROUP_SIZE: u32 = 64u;

#include "dispatch.wgsl"
#include <reduce>

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, thread: Thread) {
  let row = linearWorkgroup(id, count);
  if (row >= params.workgroupEnd) {
    return;
  }
  let at = params.logitStart + row * params.logitStride;
  let label = min(labels[params.first + row], params.vocabulary - 1u);
  let weight = weights[params.first + row];
  let target_ = logits[at + label];
  // Each thread keeps its own maximum and sums, rescaled when the maximum grows.
  var most = -1e30;
  var sum = 0.0;
  var scores = 0.0;
  for (var v = thread.index; v < params.vocabulary; v += WORKGROUP_SIZE) {
    let value = logits[at + v];
    if (value > most) {
      let shrink = exp(most - value);
      sum *= shrink;
      scores *= shrink;
      most = value;
    }
    let e = exp(value - most);
    sum += e;
    scores += e * value;
  }
  let peak = reduceMax(thread, vec4f(most)).x;
  let shrink = exp(most - peak);
  let total = reduceSum(thread, vec4f(sum * shrink, scores * shrink, 0.0, 0.0));
  let lse = peak + log(total.x);
  if (thread.index == 0u) {
    let correct = select(0.0, 1.0, target_ >= peak);
    rows[params.first + row] = vec4f(weight * (lse - target_), correct, lse - total.y / total.x, 0.0);
  }
  if (params.differentiates == 0u) {
    return;
  }
  // All threads have read their logits, each the label's, before any is overwritten.
  storageBarrier();
  let factor = weight * params.scale;
  let padded = (params.vocabulary + 3u) / 4u * 4u;
  for (var v = thread.index; v < padded; v += WORKGROUP_SIZE) {
    var result = 0.0;
    if (v < params.vocabulary) {
      result = factor * exp(logits[at + v] - lse);
      if (v == label) {
        result -= factor;
      }
    }
    logits[at + v] = result;
  }
}
