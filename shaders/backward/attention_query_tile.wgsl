// Attention's gradient by its queries for GPUs, and delta: a workgroup of 64 threads takes 32 (query, head) pairs of one
// kv head through tiles of 32 keys, as attention_tile does. Q·K and gradOut·V pass through shared memory in slices of 32
// columns; a thread has 4 pairs × 4 keys of them, then 4 pairs × every eighth vec4 column of dQ (CHUNKS of them).
#include "kv_f32.wgsl"
#include "attention_back_query.wgsl"
#include "dispatch.wgsl"

const PAIRS = 32u;
const KEYS = 32u;

// [8 vec4 of a slice][32 places]: row r lies at place (r % 4)·8 + r / 4, so that threads read neighbours.
var<workgroup> rowTile: array<vec4f, 256>;
// K or V like the rows; for dQ, K as [32 keys][8 vec4].
var<workgroup> keyTile: array<vec4f, 256>;
// dS as [32 pairs][8 vec4 of keys].
var<workgroup> weights: array<vec4f, 256>;
var<workgroup> parts: array<f32, 256>;
var<workgroup> firstKey: u32;

fn place(row: u32) -> u32 {
  return row % 4u * 8u + row / 4u;
}

struct Scores {
  a: vec4f,
  b: vec4f,
  c: vec4f,
  d: vec4f,
}

/// The thread's 4 × 4 products of the slice in shared memory.
fn addSlice(scores: Scores, width: u32, tx: u32, ty: u32) -> Scores {
  var s = scores;
  for (var i = 0u; i < width; i++) {
    let k = mat4x4f(
      keyTile[i * 32u + tx],
      keyTile[i * 32u + 8u + tx],
      keyTile[i * 32u + 16u + tx],
      keyTile[i * 32u + 24u + tx],
    );
    s.a += rowTile[i * 32u + ty] * k;
    s.b += rowTile[i * 32u + 8u + ty] * k;
    s.c += rowTile[i * 32u + 16u + ty] * k;
    s.d += rowTile[i * 32u + 24u + ty] * k;
  }
  return s;
}

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
  let heads = params.heads / params.kvHeads;
  let pairs = params.rows * heads;
  let tiles = (pairs + PAIRS - 1u) / PAIRS;
  let kvHead = group / tiles;
  let firstPair = group % tiles * PAIRS;
  let lastPair = min(firstPair + PAIRS, pairs) - 1u;
  let newest = lastPair / heads;
  let end = min(params.keyCount, select(newest + 1u - params.pageFirst, 0u, newest < params.pageFirst));
  if (thread == 0u) {
    firstKey = firstVisible(firstPair / heads);
  }
  let seen = workgroupUniformLoad(&firstKey);
  let start = select(seen - params.pageFirst, 0u, seen < params.pageFirst);

  let tx = thread % 8u;
  let ty = thread / 8u;
  // The thread's four pairs.
  var own: vec4u;
  var first: vec4u;
  var gradAt: vec4u;
  var lse: vec4f;
  for (var r = 0u; r < 4u; r++) {
    let pair = min(firstPair + ty * 4u + r, lastPair);
    let t = pair / heads;
    let head = kvHead * heads + pair % heads;
    own[r] = t;
    first[r] = firstVisible(t);
    gradAt[r] = params.gradStart + t * params.gradStride + head * params.vectors;
    lse[r] = logSumExp[t * params.heads + head];
    let outAt = params.outStart + t * params.outStride + head * params.vectors;
    let gradOutAt = params.gradOutStart + t * params.gradOutStride + head * params.vectors;
    var sum = 0.0;
    for (var i = tx; i < params.vectors; i += 8u) {
      sum += dot(out[outAt + i], gradOut[gradOutAt + i]);
    }
    parts[(ty * 4u + r) * 8u + tx] = sum;
  }
  workgroupBarrier();
  var ownDelta = vec4f();
  for (var r = 0u; r < 4u; r++) {
    for (var i = 0u; i < 8u; i++) {
      ownDelta[r] += parts[(ty * 4u + r) * 8u + i];
    }
  }
  var dq: array<vec4f, 4u * CHUNKS>;
  let pairItems = (lastPair - firstPair + 1u) * 8u;

  for (var key = start; key < end; key += KEYS) {
    let keyItems = min(end - key, KEYS) * 8u;
    var s = Scores();
    var g = Scores();
    for (var turn = 0u; turn < 2u; turn++) {
      for (var slice = 0u; slice < params.vectors; slice += 8u) {
        workgroupBarrier();
        // Rows beyond the bounds hold old finite numbers, whose results are masked.
        for (var item = thread; item < pairItems; item += 64u) {
          let i = slice + item % 8u;
          var value = vec4f();
          if (i < params.vectors) {
            let pair = firstPair + item / 8u;
            let column = (kvHead * heads + pair % heads) * params.vectors + i;
            if (turn == 0u) {
              value = q[params.qStart + pair / heads * params.qStride + column] * params.scale;
            } else {
              value = gradOut[params.gradOutStart + pair / heads * params.gradOutStride + column];
            }
          }
          rowTile[item % 8u * 32u + place(item / 8u)] = value;
        }
        for (var item = thread; item < keyItems; item += 64u) {
          let i = slice + item % 8u;
          var value = vec4f();
          if (i < params.vectors) {
            let kvRow = (key + item / 8u) * params.kvHeads + kvHead;
            value = loadKv(turn * params.valueSection, kvRow, params.vectors, i, 1.0);
          }
          keyTile[item % 8u * 32u + place(item / 8u)] = value;
        }
        workgroupBarrier();
        let width = min(params.vectors - slice, 8u);
        if (turn == 0u) {
          s = addSlice(s, width, tx, ty);
        } else {
          g = addSlice(g, width, tx, ty);
        }
      }
    }
    let token = vec4u(params.pageFirst + key + 4u * tx) + vec4u(0u, 1u, 2u, 3u);
    let limit = vec4u(params.pageFirst + end);
    let v0 = (token >= vec4u(first.x)) & (token <= vec4u(own.x)) & (token < limit);
    let v1 = (token >= vec4u(first.y)) & (token <= vec4u(own.y)) & (token < limit);
    let v2 = (token >= vec4u(first.z)) & (token <= vec4u(own.z)) & (token < limit);
    let v3 = (token >= vec4u(first.w)) & (token <= vec4u(own.w)) & (token < limit);
    weights[(ty * 4u) * 8u + tx] = select(vec4f(), exp(s.a - lse.x) * (g.a - ownDelta.x), v0);
    weights[(ty * 4u + 1u) * 8u + tx] = select(vec4f(), exp(s.b - lse.y) * (g.b - ownDelta.y), v1);
    weights[(ty * 4u + 2u) * 8u + tx] = select(vec4f(), exp(s.c - lse.z) * (g.c - ownDelta.z), v2);
    weights[(ty * 4u + 3u) * 8u + tx] = select(vec4f(), exp(s.d - lse.w) * (g.d - ownDelta.w), v3);

    for (var c = 0u; c < CHUNKS; c++) {
      workgroupBarrier();
      for (var item = thread; item < keyItems; item += 64u) {
        let i = c * 8u + item % 8u;
        var value = vec4f();
        if (i < params.vectors) {
          value = loadKv(0u, (key + item / 8u) * params.kvHeads + kvHead, params.vectors, i, 1.0);
        }
        keyTile[item] = value;
      }
      workgroupBarrier();
      for (var j = 0u; j * 32u < keyItems; j++) {
        let k = mat4x4f(
          keyTile[j * 32u + tx],
          keyTile[j * 32u + 8u + tx],
          keyTile[j * 32u + 16u + tx],
          keyTile[j * 32u + 24u + tx],
        );
        dq[c] += k * weights[(ty * 4u) * 8u + j];
        dq[CHUNKS + c] += k * weights[(ty * 4u + 1u) * 8u + j];
        dq[2u * CHUNKS + c] += k * weights[(ty * 4u + 2u) * 8u + j];
        dq[3u * CHUNKS + c] += k * weights[(ty * 4u + 3u) * 8u + j];
      }
    }
  }

  for (var r = 0u; r < 4u; r++) {
    let pair = firstPair + ty * 4u + r;
    if (pair > lastPair) {
      continue;
    }
    for (var c = 0u; c < CHUNKS; c++) {
      let i = c * 8u + tx;
      if (i < params.vectors) {
        var result = dq[r * CHUNKS + c] * params.scale;
        if (params.accumulates != 0u) {
          result += grad[gradAt[r] + i];
        }
        grad[gradAt[r] + i] = result;
      }
    }
    if (tx == 0u) {
      delta[pair / heads * params.heads + kvHead * heads + pair % heads] = ownDelta[r];
    }
  }
}
