// Transposed product without shared memory: Y[T, N] (+)= scale · X[T, K] · W[K, N], the frozen W as it lies. A thread
// computes 16 rows × 4 columns; four rows of W at its columns are one matrix, which neighbouring threads read side by
// side, so no transposition is needed. The rows of X come from <rows>, with or without subgroups.
#include <weights>
#include <problem>
#include <rows>
#include "dispatch.wgsl"

override WORKGROUP_SIZE: u32 = 32u;
// Rows of a tile of the expert segments: a multiple of 16.
override TILE_ROWS: u32 = 16u;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, thread: RowThread) {
  let group = linearWorkgroup(id, count);
  if (group >= params.workgroupEnd) {
    return;
  }
  let tile = locate(group, TILE_ROWS);
  let vectors = tileVectors(tile);
  let col = (tile.colTile * WORKGROUP_SIZE + thread.index) * 4u;
  let vector = min(col / 4u, params.weightVectors - 1u);
  let last = params.depth - 1u;
  let rowEnd = min(tile.row + TILE_ROWS, tile.end);
  for (var row = tile.row; row < rowEnd; row += 16u) {
    let offsets = rowOffsets(tile, row, thread);
    // A column of a matrix is a row of Y.
    var a = mat4x4f();
    var b = mat4x4f();
    var c = mat4x4f();
    var d = mat4x4f();
    for (var k = 0u; k < vectors; k++) {
      // Rows past the last meet zeros of X.
      let w0 = tile.weightRow + min(4u * k, last);
      let w1 = tile.weightRow + min(4u * k + 1u, last);
      let w2 = tile.weightRow + min(4u * k + 2u, last);
      let w3 = tile.weightRow + min(4u * k + 3u, last);
      let w = mat4x4f(
        loadWeight(weightStart(w0, params.weightVectors), vector, loadScale(w0, params.weightVectors, vector / 8u)),
        loadWeight(weightStart(w1, params.weightVectors), vector, loadScale(w1, params.weightVectors, vector / 8u)),
        loadWeight(weightStart(w2, params.weightVectors), vector, loadScale(w2, params.weightVectors, vector / 8u)),
        loadWeight(weightStart(w3, params.weightVectors), vector, loadScale(w3, params.weightVectors, vector / 8u)),
      );
      let r = sixteenRows(offsets, k);
      a += w * r.a;
      b += w * r.b;
      c += w * r.c;
      d += w * r.d;
    }
    // A loop whose bound is not constant: sixteen copies of the store would double the time to compile.
    var results = array<mat4x4f, 4>(a, b, c, d);
    let quads = min((rowEnd - row + 3u) / 4u, 4u);
    for (var i = 0u; i < quads * 4u; i++) {
      store(tile, row + rowAt(i, thread), col, results[i / 4u][i % 4u]);
    }
  }
}
