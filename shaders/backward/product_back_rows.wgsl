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
  let c = min(col / 4u, params.weightVectors - 1u);
  let last = params.depth - 1u;
  let rowEnd = min(tile.row + TILE_ROWS, tile.end);
  for (var row = tile.row; row < rowEnd; row += 16u) {
    let offsets = rowOffsets(tile, row, thread);
    var y0 = vec4f();
    var y1 = vec4f();
    var y2 = vec4f();
    var y3 = vec4f();
    var y4 = vec4f();
    var y5 = vec4f();
    var y6 = vec4f();
    var y7 = vec4f();
    var y8 = vec4f();
    var y9 = vec4f();
    var y10 = vec4f();
    var y11 = vec4f();
    var y12 = vec4f();
    var y13 = vec4f();
    var y14 = vec4f();
    var y15 = vec4f();
    for (var k = 0u; k < vectors; k++) {
      // Rows past the last meet zeros of X.
      let w0 = tile.weightRow + min(4u * k, last);
      let w1 = tile.weightRow + min(4u * k + 1u, last);
      let w2 = tile.weightRow + min(4u * k + 2u, last);
      let w3 = tile.weightRow + min(4u * k + 3u, last);
      let w = mat4x4f(
        loadWeight(weightStart(w0, params.weightVectors), c, loadScale(w0, params.weightVectors, c / 8u)),
        loadWeight(weightStart(w1, params.weightVectors), c, loadScale(w1, params.weightVectors, c / 8u)),
        loadWeight(weightStart(w2, params.weightVectors), c, loadScale(w2, params.weightVectors, c / 8u)),
        loadWeight(weightStart(w3, params.weightVectors), c, loadScale(w3, params.weightVectors, c / 8u)),
      );
      let r = sixteenRows(offsets, k);
      y0 += w * r.a[0];
      y1 += w * r.a[1];
      y2 += w * r.a[2];
      y3 += w * r.a[3];
      y4 += w * r.b[0];
      y5 += w * r.b[1];
      y6 += w * r.b[2];
      y7 += w * r.b[3];
      y8 += w * r.c[0];
      y9 += w * r.c[1];
      y10 += w * r.c[2];
      y11 += w * r.c[3];
      y12 += w * r.d[0];
      y13 += w * r.d[1];
      y14 += w * r.d[2];
      y15 += w * r.d[3];
    }
    // A loop whose bound is not constant: sixteen copies of the store would double the time to compile.
    var results = array<vec4f, 16>(
      y0, y1, y2, y3, y4, y5, y6, y7, y8, y9, y10, y11, y12, y13, y14, y15,
    );
    let rows = min(rowEnd - row, 16u);
    for (var i = 0u; i < rows; i++) {
      store(tile, row + i, col, results[i]);
    }
  }
}
