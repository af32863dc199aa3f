// Attention's gradient by its keys and values for GPUs: a workgroup of 64 threads owns 32 keys of one kv head and walks
// through tiles of 32 (query, head) pairs of its group that see them. K·Q and V·gradOut pass through shared memory in
// slices of 32 columns; a thread has 4 keys × 4 pairs of them, then 4 keys × every eighth vec4 column of dK and dV.
#include "kv_f32.wgsl"
#include "attention_back_key.wgsl"
#include "dispatch.wgsl"

const PAIRS = 32u;
const KEYS = 32u;

// [8 vec4 of a slice][32 places]: row r lies at place (r % 4)·8 + r / 4. Afterwards dS as [32 keys][8 vec4 of pairs].
var<workgroup> keyTile: array<vec4f, 256>;
// Q or gradOut like the keys; for dK and dV as [32 pairs][8 vec4].
var<workgroup> rowTile: array<vec4f, 256>;
// P as [32 keys][8 vec4 of pairs].
var<workgroup> weights: array<vec4f, 256>;
var<workgroup> lastEnd: u32;

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
    let rows = mat4x4f(
      rowTile[i * 32u + tx],
      rowTile[i * 32u + 8u + tx],
      rowTile[i * 32u + 16u + tx],
      rowTile[i * 32u + 24u + tx],
    );
    s.a += keyTile[i * 32u + ty] * rows;
    s.b += keyTile[i * 32u + 8u + ty] * rows;
    s.c += keyTile[i * 32u + 16u + ty] * rows;
    s.d += keyTile[i * 32u + 24u + ty] * rows;
  }
  return s;
}

/// Where element i of q (turn 0) or gradOut (turn 1) of a pair lies.
fn rowValue(turn: u32, pair: u32, kvHead: u32, heads: u32, i: u32) -> vec4f {
  let column = (kvHead * heads + pair % heads) * params.vectors + i;
  if (turn == 0u) {
    return q[params.qStart + pair / heads * params.qStride + column];
  }
  return gradOut[params.gradOutStart + pair / heads * params.gradOutStride + column];
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
  let tiles = (params.keyCount + KEYS - 1u) / KEYS;
  let kvHead = group / tiles;
  let firstKey = group % tiles * KEYS;
  let keys = min(params.keyCount - firstKey, KEYS);
  if (thread == 0u) {
    lastEnd = endVisible(params.pageFirst + firstKey + keys - 1u);
  }
  let endPair = workgroupUniformLoad(&lastEnd) * heads;

  let tx = thread % 8u;
  let ty = thread / 8u;
  // The thread's four keys.
  var own: vec4u;
  var end: vec4u;
  for (var r = 0u; r < 4u; r++) {
    own[r] = params.pageFirst + firstKey + min(ty * 4u + r, keys - 1u);
    end[r] = endVisible(own[r]);
  }
  var dk: array<vec4f, 4u * CHUNKS>;
  var dv: array<vec4f, 4u * CHUNKS>;
  let keyItems = keys * 8u;

  for (var first = (params.pageFirst + firstKey) * heads; first < endPair; first += PAIRS) {
    let pairItems = min(endPair - first, PAIRS) * 8u;
    var s = Scores();
    var g = Scores();
    for (var turn = 0u; turn < 2u; turn++) {
      for (var slice = 0u; slice < params.vectors; slice += 8u) {
        workgroupBarrier();
        // Rows beyond the bounds hold old finite numbers, whose results are masked.
        for (var item = thread; item < keyItems; item += 64u) {
          let i = slice + item % 8u;
          var value = vec4f();
          if (i < params.vectors) {
            let kvRow = (firstKey + item / 8u) * params.kvHeads + kvHead;
            value = loadKv(turn * params.valueSection, kvRow, params.vectors, i, 1.0);
          }
          keyTile[item % 8u * 32u + place(item / 8u)] = value;
        }
        for (var item = thread; item < pairItems; item += 64u) {
          let i = slice + item % 8u;
          var value = vec4f();
          if (i < params.vectors) {
            value = rowValue(turn, first + item / 8u, kvHead, heads, i);
          }
          rowTile[item % 8u * 32u + place(item / 8u)] = value;
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
    let pair = vec4u(first + 4u * tx) + vec4u(0u, 1u, 2u, 3u);
    let inside = pair < vec4u(endPair);
    let bounded = min(pair, vec4u(endPair - 1u));
    let row = bounded / heads;
    let at = row * params.heads + kvHead * heads + bounded % heads;
    let lse = vec4f(logSumExp[at.x], logSumExp[at.y], logSumExp[at.z], logSumExp[at.w]);
    let rowDelta = vec4f(delta[at.x], delta[at.y], delta[at.z], delta[at.w]);
    let v0 = inside & (row >= vec4u(own.x)) & (row < vec4u(end.x));
    let v1 = inside & (row >= vec4u(own.y)) & (row < vec4u(end.y));
    let v2 = inside & (row >= vec4u(own.z)) & (row < vec4u(end.z));
    let v3 = inside & (row >= vec4u(own.w)) & (row < vec4u(end.w));
    let p0 = select(vec4f(), exp(s.a * params.scale - lse), v0);
    let p1 = select(vec4f(), exp(s.b * params.scale - lse), v1);
    let p2 = select(vec4f(), exp(s.c * params.scale - lse), v2);
    let p3 = select(vec4f(), exp(s.d * params.scale - lse), v3);
    workgroupBarrier();
    weights[(ty * 4u) * 8u + tx] = p0;
    weights[(ty * 4u + 1u) * 8u + tx] = p1;
    weights[(ty * 4u + 2u) * 8u + tx] = p2;
    weights[(ty * 4u + 3u) * 8u + tx] = p3;
    // Selected again: a row beyond the bounds may hold anything finite, and 0 times it must not overflow.
    keyTile[(ty * 4u) * 8u + tx] = select(vec4f(), p0 * (g.a - rowDelta), v0);
    keyTile[(ty * 4u + 1u) * 8u + tx] = select(vec4f(), p1 * (g.b - rowDelta), v1);
    keyTile[(ty * 4u + 2u) * 8u + tx] = select(vec4f(), p2 * (g.c - rowDelta), v2);
    keyTile[(ty * 4u + 3u) * 8u + tx] = select(vec4f(), p3 * (g.d - rowDelta), v3);

    for (var c = 0u; c < CHUNKS; c++) {
      for (var turn = 0u; turn < 2u; turn++) {
        workgroupBarrier();
        for (var item = thread; item < pairItems; item += 64u) {
          let i = c * 8u + item % 8u;
          var value = vec4f();
          if (i < params.vectors) {
            value = rowValue(turn, first + item / 8u, kvHead, heads, i);
          }
          rowTile[item] = value;
        }
        workgroupBarrier();
        for (var j = 0u; j * 32u < pairItems; j++) {
          let rows = mat4x4f(
            rowTile[j * 32u + tx],
            rowTile[j * 32u + 8u + tx],
            rowTile[j * 32u + 16u + tx],
            rowTile[j * 32u + 24u + tx],
          );
          for (var r = 0u; r < 4u; r++) {
            if (turn == 0u) {
              dk[r * CHUNKS + c] += rows * keyTile[(ty * 4u + r) * 8u + j];
            } else {
              dv[r * CHUNKS + c] += rows * weights[(ty * 4u + r) * 8u + j];
            }
          }
        }
      }
    }
  }

  for (var r = 0u; r < 4u; r++) {
    let key = ty * 4u + r;
    if (key >= keys) {
      continue;
    }
    let at = params.gradStart + (params.pageFirst + firstKey + key) * params.gradStride + kvHead * params.vectors;
    for (var c = 0u; c < CHUNKS; c++) {
      let i = c * 8u + tx;
      if (i < params.vectors) {
        grad[at + i] = dk[r * CHUNKS + c] * params.scale;
        grad[at + params.valueColumns + i] = dv[r * CHUNKS + c];
      }
    }
  }
}
