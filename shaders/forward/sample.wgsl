// Draws one token per row of logits, one workgroup a row. z = penalised logit / temperature. Filters, in this order:
// top-k and top-p keep z at or above a threshold (ties at it included) found digit by digit with a histogram; min-p
// keeps p ≥ minP · p_max. Probabilities are counted in units of 2^-31 as integers, so sums and the draw (inverse
// distribution in the order of ids) do not depend on the order of additions, threads or subgroups.
// Log-probabilities are those of the raw logits.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  vocab: u32,
  logitStart: u32,
  logitStride: u32,
  temperature: f32, // 0: the most probable
  topK: u32,
  topP: f32,
  minP: f32,
  penalty: f32,
  hasSeen: u32,
  seed: u32,
  step: u32,
  topLogprobs: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;         // [R, V]
@group(0) @binding(1) var<storage, read_write> seen: array<u32>;     // [V/32] bits
@group(0) @binding(2) var<storage, read_write> tokens: array<u32>;   // [R]
@group(0) @binding(3) var<storage, read_write> record: array<u32>;   // [R, 2 + 2·topLogprobs]: token, logprob, then pairs
@group(1) @binding(0) var<uniform> params: Params;

override WORKGROUP_SIZE: u32 = 64u;

#include "dispatch.wgsl"
#include <reduce>

const NOTHING = -3e38;
const UNIT = 2147483648.0;

var<workgroup> bins: array<atomic<u32>, 256>;
var<workgroup> threshold: u32;
var<workgroup> remaining: u32;
var<workgroup> drawn: u32;
var<workgroup> chunkMass: array<u32, WORKGROUP_SIZE>;
var<workgroup> bestValue: array<f32, WORKGROUP_SIZE>;
var<workgroup> bestIndex: array<u32, WORKGROUP_SIZE>;

fn raw(row: u32, i: u32) -> f32 {
  // NaN and infinities must not decide: NaN loses, the rest is made finite.
  let value = logits[params.logitStart + row * params.logitStride + i];
  return select(NOTHING, clamp(value, NOTHING, -NOTHING), value == value);
}

fn adjusted(row: u32, i: u32) -> f32 {
  var z = raw(row, i);
  if (params.hasSeen != 0u && (seen[i / 32u] & (1u << (i % 32u))) != 0u) {
    z = select(z * params.penalty, z / params.penalty, z > 0.0);
  }
  return select(z, z / params.temperature, params.temperature > 0.0);
}

/// Order-preserving bits of a float: larger floats give larger numbers.
fn orderedBits(value: f32) -> u32 {
  let bits = bitcast<u32>(value);
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

fn mix(value: u32) -> u32 {
  var h = value;
  h = (h ^ (h >> 16u)) * 0x7feb352du;
  h = (h ^ (h >> 15u)) * 0x846ca68bu;
  return h ^ (h >> 16u);
}

/// floor(a · b / 2^32)
fn highProduct(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let mid = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let other = (a & 0xffffu) * (b >> 16u) + (mid & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (mid >> 16u) + (other >> 16u);
}

/// The largest value (lowest index among equals) among those after (limit, index) in falling order; its index, and its
/// value in bestValue[0]. All threads get it.
fn bestAfter(thread: Thread, row: u32, useAdjusted: bool, limit: f32, index: u32, bounded: bool) -> u32 {
  var value = 0.0;
  var best = 0xffffffffu;
  for (var i = thread.index; i < params.vocab; i += WORKGROUP_SIZE) {
    var z = raw(row, i);
    if (useAdjusted) {
      z = adjusted(row, i);
    }
    let after = !bounded || z < limit || (z == limit && i > index);
    if (after && (best == 0xffffffffu || z > value)) {
      value = z;
      best = i;
    }
  }
  workgroupBarrier();
  bestValue[thread.index] = value;
  bestIndex[thread.index] = best;
  workgroupBarrier();
  if (thread.index == 0u) {
    for (var t = 1u; t < WORKGROUP_SIZE; t++) {
      let other = bestIndex[t];
      let better = bestValue[t] > value || (bestValue[t] == value && other < best);
      if (other != 0xffffffffu && (best == 0xffffffffu || better)) {
        value = bestValue[t];
        best = other;
      }
    }
    bestValue[0] = value;
    bestIndex[0] = best;
  }
  workgroupBarrier();
  return bestIndex[0];
}

/// Probability of z in units of 2^-31, given the sum of exp(z - peak) over the kept ids.
fn massOf(z: f32, peak: f32, sum: f32) -> u32 {
  return u32(exp(z - peak) / sum * UNIT);
}

/// Lowers `threshold` from all to the largest at which the ids at or above it number (byMass: weigh) at least `remaining`.
fn descend(thread: Thread, row: u32, floorBits: u32, byMass: bool, peak: f32, sum: f32) {
  if (thread.index == 0u) {
    threshold = 0u;
  }
  for (var shift = 24i; shift >= 0i; shift -= 8i) {
    let bits = u32(shift);
    for (var b = thread.index; b < 256u; b += WORKGROUP_SIZE) {
      atomicStore(&bins[b], 0u);
    }
    workgroupBarrier();
    let prefix = threshold;
    for (var i = thread.index; i < params.vocab; i += WORKGROUP_SIZE) {
      let z = adjusted(row, i);
      let key = orderedBits(z);
      // A shift by 32 is undefined, so the first digit has no prefix to match.
      let matches = bits == 24u || (key >> min(bits + 8u, 31u)) == (prefix >> min(bits + 8u, 31u));
      if (key >= floorBits && matches) {
        atomicAdd(&bins[(key >> bits) & 255u], select(1u, massOf(z, peak, sum), byMass));
      }
    }
    workgroupBarrier();
    if (thread.index == 0u) {
      var digit = 255u;
      var wanted = remaining;
      loop {
        let held = atomicLoad(&bins[digit]);
        if (held >= wanted || digit == 0u) {
          break;
        }
        wanted -= held;
        digit--;
      }
      remaining = wanted;
      threshold = prefix | (digit << bits);
    }
    workgroupBarrier();
  }
}

/// Sum of exp(z - peak) over the ids at or above the threshold.
fn keptSum(thread: Thread, row: u32, floorBits: u32, peak: f32) -> f32 {
  var part = 0.0;
  for (var i = thread.index; i < params.vocab; i += WORKGROUP_SIZE) {
    let z = adjusted(row, i);
    if (orderedBits(z) >= floorBits) {
      part += exp(z - peak);
    }
  }
  return reduceSumFixed(thread, part);
}

/// A sum in an order that depends on WORKGROUP_SIZE alone, not on subgroups: equal draws on equal logits.
fn reduceSumFixed(thread: Thread, value: f32) -> f32 {
  workgroupBarrier();
  bestValue[thread.index] = value;
  workgroupBarrier();
  var sum = 0.0;
  for (var t = 0u; t < WORKGROUP_SIZE; t++) {
    sum += bestValue[t];
  }
  workgroupBarrier();
  return sum;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, thread: Thread) {
  let row = linearWorkgroup(id, count);
  if (row >= params.workgroupEnd) {
    return;
  }
  let first = bestAfter(thread, row, true, 0.0, 0u, false);
  let peak = bestValue[0];
  workgroupBarrier();
  if (thread.index == 0u) {
    drawn = first;
  }

  if (params.temperature > 0.0) {
    var floorBits = 0u;
    if (params.topK > 0u && params.topK < params.vocab) {
      if (thread.index == 0u) {
        remaining = params.topK;
      }
      descend(thread, row, 0u, false, 0.0, 1.0);
      floorBits = workgroupUniformLoad(&threshold);
    }
    var sum = keptSum(thread, row, floorBits, peak);
    if (params.topP < 1.0) {
      if (thread.index == 0u) {
        remaining = max(u32(clamp(params.topP, 0.0, 1.0) * UNIT), 1u);
      }
      descend(thread, row, floorBits, true, peak, sum);
      floorBits = max(floorBits, workgroupUniformLoad(&threshold));
    }
    if (params.minP > 0.0) {
      floorBits = max(floorBits, orderedBits(min(peak + log(params.minP), peak)));
    }
    sum = keptSum(thread, row, floorBits, peak);

    // Each thread owns a run of neighbouring ids; the draw falls into one of them.
    let run = (params.vocab + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;
    let begin = thread.index * run;
    let end = min(begin + run, params.vocab);
    var own = 0u;
    for (var i = begin; i < end; i++) {
      let z = adjusted(row, i);
      if (orderedBits(z) >= floorBits) {
        own += massOf(z, peak, sum);
      }
    }
    chunkMass[thread.index] = own;
    workgroupBarrier();
    var before = 0u;
    var total = 0u;
    for (var t = 0u; t < WORKGROUP_SIZE; t++) {
      if (t < thread.index) {
        before += chunkMass[t];
      }
      total += chunkMass[t];
    }
    let random = mix(params.seed ^ mix(params.step ^ mix(row + 0x9e3779b9u)));
    let wanted = highProduct(random, total);
    if (wanted >= before && wanted - before < own) {
      var left = wanted - before;
      for (var i = begin; i < end; i++) {
        let z = adjusted(row, i);
        if (orderedBits(z) >= floorBits) {
          let mass = massOf(z, peak, sum);
          if (left < mass) {
            drawn = i;
            break;
          }
          left -= mass;
        }
      }
    }
  }
  workgroupBarrier();

  let token = workgroupUniformLoad(&drawn);
  var most = NOTHING;
  for (var i = thread.index; i < params.vocab; i += WORKGROUP_SIZE) {
    most = max(most, raw(row, i));
  }
  let rawPeak = reduceMax(thread, vec4f(most)).x;
  var part = 0.0;
  for (var i = thread.index; i < params.vocab; i += WORKGROUP_SIZE) {
    part += exp(raw(row, i) - rawPeak);
  }
  let logTotal = rawPeak + log(reduceSumFixed(thread, part));
  let at = row * (2u + 2u * params.topLogprobs);
  var limit = 0.0;
  var last = 0u;
  for (var n = 0u; n < params.topLogprobs; n++) {
    last = bestAfter(thread, row, false, limit, last, n > 0u);
    limit = bestValue[0];
    if (thread.index == 0u) {
      record[at + 2u + 2u * n] = last;
      record[at + 3u + 2u * n] = bitcast<u32>(limit - logTotal);
    }
    workgroupBarrier();
  }
  if (thread.index == 0u) {
    tokens[row] = token;
    record[at] = token;
    record[at + 1u] = bitcast<u32>(raw(row, token) - logTotal);
    if (params.hasSeen != 0u) {
      seen[token / 32u] |= 1u << (token % 32u);
    }
  }
}
