// From the q/k/v projection to attention's inputs, per (token, head): q and k are normed over D if the model does so,
// rotated by their position (pairs j, j + D/2: a·cos - b·sin, b·cos + a·sin), q written out, k and v stored in a page.
// LANES threads, a power of two, share a head. Starts, strides and half = D/8 count vec4; page sections count u32.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  rows: u32,
  heads: u32,
  kvHeads: u32,
  half: u32,
  eps: f32,
  firstRow: u32,
  pageRow: u32,
  inputStart: u32,
  inputStride: u32,
  outStart: u32,
  outStride: u32,
  valueSection: u32,
  keyScaleSection: u32,
  valueScaleSection: u32,
  hasNorm: u32,
  hasRope: u32,
}

@group(0) @binding(0) var<storage, read> qkv: array<vec4f>;        // [T, (H + 2·KV)·D]
@group(0) @binding(1) var<storage, read> qNorm: array<vec4f>;      // [D]
@group(0) @binding(2) var<storage, read> kNorm: array<vec4f>;      // [D]
@group(0) @binding(3) var<storage, read> rope: array<vec4f>;       // [positions, D]: cos, then sin
@group(0) @binding(4) var<storage, read> positions: array<u32>;    // [T]
@group(0) @binding(5) var<storage, read_write> q: array<vec4f>;    // [T, H·D]
@group(0) @binding(6) var<storage, read_write> page: array<u32>;   // K [tokens, KV, D], V, scales
@group(1) @binding(0) var<uniform> params: Params;

override LANES: u32 = 1u;
override KV_TYPE: u32 = 0u; // 0 f32, 1 f16, 2 int8

const WORKGROUP_SIZE = 64u;

#include "dispatch.wgsl"

var<workgroup> slots: array<f32, WORKGROUP_SIZE>;

struct Pair {
  a: vec4f,
  b: vec4f,
}

/// Elements i and i + D/2 of the head at `at`, normed and rotated.
fn transformed(at: u32, i: u32, kind: u32, factor: f32, position: u32) -> Pair {
  var a = qkv[at + i];
  var b = qkv[at + i + params.half];
  if (kind == 2u) {
    return Pair(a, b);
  }
  if (params.hasNorm != 0u) {
    if (kind == 0u) {
      a = a * factor * qNorm[i];
      b = b * factor * qNorm[i + params.half];
    } else {
      a = a * factor * kNorm[i];
      b = b * factor * kNorm[i + params.half];
    }
  }
  if (params.hasRope != 0u) {
    let c = rope[position * 2u * params.half + i];
    let s = rope[position * 2u * params.half + params.half + i];
    return Pair(a * c - b * s, b * c + a * s);
  }
  return Pair(a, b);
}

fn storeKv(section: u32, row: u32, i: u32, value: vec4f, inverse: f32) {
  let vector = row * 2u * params.half + i;
  if (KV_TYPE == 0u) {
    let at = section + vector * 4u;
    page[at] = bitcast<u32>(value.x);
    page[at + 1u] = bitcast<u32>(value.y);
    page[at + 2u] = bitcast<u32>(value.z);
    page[at + 3u] = bitcast<u32>(value.w);
  } else if (KV_TYPE == 1u) {
    let at = section + vector * 2u;
    page[at] = pack2x16float(value.xy);
    page[at + 1u] = pack2x16float(value.zw);
  } else {
    let bytes = vec4u(vec4i(round(value * inverse))) & vec4u(255u);
    page[section + vector] = bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u);
  }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let index = (linearWorkgroup(id, count) * WORKGROUP_SIZE + thread) / LANES;
  let lane = thread % LANES;
  let allHeads = params.heads + 2u * params.kvHeads;
  let inside = index < params.rows * allHeads;
  let row = select(0u, index / allHeads, inside) + params.firstRow;
  let head = index % allHeads;
  // 0 query, 1 key, 2 value
  let kind = select(select(2u, 1u, head < params.heads + params.kvHeads), 0u, head < params.heads);
  let at = params.inputStart + row * params.inputStride + head * 2u * params.half;
  let position = positions[row];

  var factor = 1.0;
  if (params.hasNorm != 0u) {
    var squares = vec4f();
    for (var i = lane; i < 2u * params.half; i += LANES) {
      let value = qkv[at + i];
      squares += value * value;
    }
    var sum = dot(squares, vec4f(1.0));
    if (LANES > 1u) {
      slots[thread] = sum;
      workgroupBarrier();
      sum = 0.0;
      for (var i = 0u; i < LANES; i++) {
        sum += slots[thread - lane + i];
      }
      workgroupBarrier();
    }
    factor = inverseSqrt(sum / f32(8u * params.half) + params.eps);
  }

  let kvHead = (head - params.heads) % params.kvHeads;
  let pageRow = (params.pageRow + row - params.firstRow) * params.kvHeads + kvHead;
  var inverse = 1.0;
  if (KV_TYPE == 2u) {
    var most = vec4f();
    for (var i = lane; i < params.half; i += LANES) {
      let pair = transformed(at, i, kind, factor, position);
      most = max(most, max(abs(pair.a), abs(pair.b)));
    }
    var peak = max(max(most.x, most.y), max(most.z, most.w));
    if (LANES > 1u) {
      slots[thread] = peak;
      workgroupBarrier();
      peak = 0.0;
      for (var i = 0u; i < LANES; i++) {
        peak = max(peak, slots[thread - lane + i]);
      }
    }
    inverse = select(0.0, 127.0 / peak, peak > 0.0);
    if (inside && kind != 0u && lane == 0u) {
      let scales = select(params.valueScaleSection, params.keyScaleSection, kind == 1u);
      page[scales + pageRow] = bitcast<u32>(peak / 127.0);
    }
  }
  if (!inside) {
    return;
  }
  for (var i = lane; i < params.half; i += LANES) {
    let pair = transformed(at, i, kind, factor, position);
    if (kind == 0u) {
      let qAt = params.outStart + row * params.outStride + head * 2u * params.half + i;
      q[qAt] = pair.a;
      q[qAt + params.half] = pair.b;
    } else {
      let section = select(params.valueSection, 0u, kind == 1u);
      storeKv(section, pageRow, i, pair.a, inverse);
      storeKv(section, pageRow, i + params.half, pair.b, inverse);
    }
  }
}
