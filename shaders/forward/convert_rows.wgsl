// Raw checkpoint numbers (f32, f16 or bf16, two halves to a word) of whole rows become rows of a weight: f32, f16, int8
// or int4 as weights_*.wgsl reads them. One thread a block of 32 columns; columns past the end are zero.
// int8: scale = max|w| / 127; int4: scale = (the w of largest magnitude) / -8; scales are rounded to f16 first.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  rows: u32,
  cols: u32,
  // Blocks of 32 in a stored row, rounded up, and the words of one (f32 and f16 rows may end inside a block).
  blocks: u32,
  rowWords: u32,
  // First row of the target, and first element of the source within its range.
  firstRow: u32,
  sourceFirst: u32,
}

@group(0) @binding(0) var<storage, read> source: array<u32>;         // [rows, cols]
@group(0) @binding(1) var<storage, read_write> data: array<u32>;
@group(0) @binding(2) var<storage, read_write> scales: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

override SOURCE_TYPE: u32 = 0u; // 0 f32, 1 f16, 2 bf16
override WEIGHT_TYPE: u32 = 0u; // 0 f32, 1 f16, 2 int8, 3 int4

#include "dispatch.wgsl"

fn load(row: u32, col: u32) -> f32 {
  if (col >= params.cols) {
    return 0.0;
  }
  let index = params.sourceFirst + row * params.cols + col;
  if (SOURCE_TYPE == 0u) {
    return bitcast<f32>(source[index]);
  }
  let half = (source[index / 2u] >> ((index & 1u) * 16u)) & 0xffffu;
  if (SOURCE_TYPE == 1u) {
    return unpack2x16float(half).x;
  }
  return bitcast<f32>(half << 16u);
}

/// Halves hold magnitudes up to 65504; larger ones are clamped, so that no infinity enters a product.
fn toHalves(a: f32, b: f32) -> u32 {
  return pack2x16float(clamp(vec2f(a, b), vec2f(-65504.0), vec2f(65504.0)));
}

/// Scale of a block: x what the numbers are multiplied by, y its rounded inverse as stored.
fn scaleOf(row: u32, first: u32) -> vec2f {
  var extreme = 0.0;
  for (var i = 0u; i < 32u; i++) {
    let value = load(row, first + i);
    if (abs(value) > abs(extreme)) {
      extreme = value;
    }
  }
  let wanted = select(extreme / -8.0, abs(extreme) / 127.0, WEIGHT_TYPE == 2u);
  let scale = unpack2x16float(toHalves(wanted, 0.0)).x;
  return vec2f(select(0.0, 1.0 / scale, scale != 0.0), scale);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let index = linearWorkgroup(id, count) * 64u + thread;
  if (WEIGHT_TYPE < 2u) {
    let row = index / params.blocks;
    if (row >= params.rows) {
      return;
    }
    let block = index % params.blocks;
    let perWord = 1u + WEIGHT_TYPE;
    for (var i = 0u; i < 32u; i += perWord) {
      let word = (block * 32u + i) / perWord;
      if (word < params.rowWords) {
        let a = load(row, block * 32u + i);
        let at = (params.firstRow + row) * params.rowWords + word;
        if (WEIGHT_TYPE == 0u) {
          data[at] = bitcast<u32>(a);
        } else {
          data[at] = toHalves(a, load(row, block * 32u + i + 1u));
        }
      }
    }
    return;
  }
  // A word of `scales` holds two blocks, which may lie in two rows: one thread does both. A chunk of rows starts
  // at an even block (see the wrapper), so that no word is shared by two calls.
  var pair: array<f32, 2>;
  let total = params.rows * params.blocks;
  let firstBlock = index * 2u;
  if (firstBlock >= total) {
    return;
  }
  for (var half = 0u; half < 2u; half++) {
    let b = firstBlock + half;
    if (b < total) {
      let row = b / params.blocks;
      let first = b % params.blocks * 32u;
      let scale = scaleOf(row, first);
      pair[half] = scale.y;
      let at = (params.firstRow + row) * params.rowWords;
      let perWord = select(8u, 4u, WEIGHT_TYPE == 2u);
      for (var i = 0u; i < 32u; i += perWord) {
        var word = 0u;
        for (var j = 0u; j < perWord; j++) {
          let q = i32(round(load(row, first + i + j) * scale.x));
          if (WEIGHT_TYPE == 2u) {
            word |= (u32(clamp(q, -127, 127)) & 255u) << (j * 8u);
          } else {
            word |= u32(clamp(q, -8, 7) + 8) << (j * 4u);
          }
        }
        data[at + (first + i) / perWord] = word;
      }
    }
  }
  scales[(params.firstRow * params.blocks + firstBlock) / 2u] = pack2x16float(vec2f(pair[0], pair[1]));
}
