// Router of a mixture of experts, a workgroup or a thread a token: p = softmax(logits) over all E experts in f32, then
// the k most probable (equal ones: lowest index first), optionally divided by their sum. In a workgroup an expert's rank
// is the number of experts before it, so no thread waits for another's choice.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  experts: u32,
  perToken: u32,
  logitStart: u32,
  logitStride: u32,
  // 1: divide by the sum of the k.
  renormalize: u32,
  // 1: the indices are given, only their weights are wanted.
  forced: u32,
  rows: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;          // [T, E]
@group(0) @binding(1) var<storage, read_write> indices: array<u32>;   // [T, k]
@group(0) @binding(2) var<storage, read_write> weights: array<f32>;   // [T, k]
@group(1) @binding(0) var<uniform> params: Params;

override WORKGROUP_SIZE: u32 = 64u;

#include "dispatch.wgsl"
#include <reduce>

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, thread: Thread) {
  let group = linearWorkgroup(id, count);
  let token = ownRow(group, thread);
  if (group >= params.workgroupEnd || token >= params.rows) {
    return;
  }
  let at = params.logitStart + token * params.logitStride;
  let pairs = token * params.perToken;
  var most = -1e30;
  for (var e = firstItem(thread); e < params.experts; e += ITEM_STEP) {
    most = max(most, logits[at + e]);
  }
  let peak = reduceMax(thread, vec4f(most)).x;

  // Of all experts and of those chosen: Σ e^(logit - peak).
  var sums = vec4f();
  if (params.forced != 0u) {
    for (var j = firstItem(thread); j < params.perToken; j += ITEM_STEP) {
      sums.y += exp(logits[at + min(indices[pairs + j], params.experts - 1u)] - peak);
    }
  }
  for (var e = firstItem(thread); e < params.experts; e += ITEM_STEP) {
    let own = logits[at + e];
    let value = exp(own - peak);
    sums.x += value;
    if (ITEM_STEP > 1u && params.forced == 0u) {
      var rank = 0u;
      for (var other = 0u; other < params.experts; other++) {
        let logit = logits[at + other];
        rank += select(0u, 1u, logit > own || (logit == own && other < e));
      }
      if (rank < params.perToken) {
        indices[pairs + rank] = e;
        sums.y += value;
      }
    }
  }
  if (ITEM_STEP == 1u && params.forced == 0u) {
    // A thread with all experts to itself finds one after another: k walks over them, not E. The next one has the
    // greatest logit of those below `bound`, or as great and not before `first`.
    var bound = peak;
    var first = 0u;
    for (var j = 0u; j < params.perToken; j++) {
      var next = 0u;
      var greatest = -1e30;
      for (var e = 0u; e < params.experts; e++) {
        let logit = logits[at + e];
        if (logit > greatest && (logit < bound || (logit == bound && e >= first))) {
          next = e;
          greatest = logit;
        }
      }
      indices[pairs + j] = next;
      sums.y += exp(greatest - peak);
      bound = greatest;
      first = next + 1u;
    }
  }
  let total = reduceSum(thread, sums);
  shareRow();
  let divisor = select(total.x, total.y, params.renormalize != 0u);
  for (var j = firstItem(thread); j < params.perToken; j += ITEM_STEP) {
    let chosen = min(indices[pairs + j], params.experts - 1u);
    weights[pairs + j] = exp(logits[at + chosen] - peak) / divisor;
  }
}
