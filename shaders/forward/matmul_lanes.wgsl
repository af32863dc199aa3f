// Matrix product without shared memory: a thread computes 16 rows × COLS (4 or 8) columns. The 16 rows of X are the same for all
// lanes of a subgroup, so <rows> lets each lane load a few of them and broadcast: with 8 lanes, 2 loads of X and 4 of
// W for 64 products of vec4.
#include <weights>
#include <problem>
#include <rows>
#include "dispatch.wgsl"

override WORKGROUP_SIZE: u32 = 32u;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  thread: RowThread,
) {
  let group = linearWorkgroup(id, count);
  if (group >= params.workgroupEnd) {
    return;
  }
  let tile = locate(group, 16u);
  let vectors = tileVectors(tile);
  let row = tile.row;
  let col = (tile.colTile * WORKGROUP_SIZE + thread.index) * COLS;
  let lastCol = params.cols - 1u;
  let offsets = rowOffsets(tile, row, thread);
  let w0 = tile.weightRow + min(col, lastCol);
  let w1 = tile.weightRow + min(col + 1u, lastCol);
  let w2 = tile.weightRow + min(col + 2u, lastCol);
  let w3 = tile.weightRow + min(col + 3u, lastCol);
  let w4 = tile.weightRow + min(col + 4u, lastCol);
  let w5 = tile.weightRow + min(col + 5u, lastCol);
  let w6 = tile.weightRow + min(col + 6u, lastCol);
  let w7 = tile.weightRow + min(col + 7u, lastCol);
  let start0 = weightStart(w0, params.weightVectors);
  let start1 = weightStart(w1, params.weightVectors);
  let start2 = weightStart(w2, params.weightVectors);
  let start3 = weightStart(w3, params.weightVectors);
  let start4 = weightStart(w4, params.weightVectors);
  let start5 = weightStart(w5, params.weightVectors);
  let start6 = weightStart(w6, params.weightVectors);
  let start7 = weightStart(w7, params.weightVectors);
  // A column of a matrix is a row of Y; four matrices for sixteen rows, four more for the further four columns.
  var a = mat4x4f();
  var b = mat4x4f();
  var c = mat4x4f();
  var d = mat4x4f();
  var e = mat4x4f();
  var f = mat4x4f();
  var g = mat4x4f();
  var h = mat4x4f();

  for (var block = 0u; block * blockVectors < vectors; block++) {
    let s0 = loadScale(w0, params.weightVectors, block);
    let s1 = loadScale(w1, params.weightVectors, block);
    let s2 = loadScale(w2, params.weightVectors, block);
    let s3 = loadScale(w3, params.weightVectors, block);
    let s4 = loadScale(w4, params.weightVectors, block);
    let s5 = loadScale(w5, params.weightVectors, block);
    let s6 = loadScale(w6, params.weightVectors, block);
    let s7 = loadScale(w7, params.weightVectors, block);
    let end = min((block + 1u) * blockVectors, vectors);
    for (var k = block * blockVectors; k < end; k++) {
      let r = sixteenRows(offsets, k);
      let w = transpose(mat4x4f(
        loadWeight(start0, k, s0),
        loadWeight(start1, k, s1),
        loadWeight(start2, k, s2),
        loadWeight(start3, k, s3),
      ));
      a += w * r.a;
      b += w * r.b;
      c += w * r.c;
      d += w * r.d;
      if (COLS == 8u) {
        let v = transpose(mat4x4f(
          loadWeight(start4, k, s4),
          loadWeight(start5, k, s5),
          loadWeight(start6, k, s6),
          loadWeight(start7, k, s7),
        ));
        e += v * r.a;
        f += v * r.b;
        g += v * r.c;
        h += v * r.d;
      }
    }
  }

  // A loop whose bound is not constant: sixteen copies of the store would double the time to compile.
  var results = array<mat4x4f, 4>(a, b, c, d);
  var further = array<mat4x4f, 4>(e, f, g, h);
  let quads = min((max(tile.end, row) - row + 3u) / 4u, 4u);
  for (var i = 0u; i < quads * 4u; i++) {
    let at = row + rowAt(i, thread);
    store(tile, at, col, results[i / 4u][i % 4u]);
    if (COLS == 8u) {
      store(tile, at, col + 4u, further[i / 4u][i % 4u]);
    }
  }
}
