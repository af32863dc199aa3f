// Matrix product without shared memory: a thread computes 16 rows × 4 columns. The 16 rows of X are the same for all
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
  let col = (tile.colTile * WORKGROUP_SIZE + thread.index) * 4u;
  let lastCol = params.cols - 1u;
  let offsets = rowOffsets(tile, row, thread);
  let w0 = tile.weightRow + min(col, lastCol);
  let w1 = tile.weightRow + min(col + 1u, lastCol);
  let w2 = tile.weightRow + min(col + 2u, lastCol);
  let w3 = tile.weightRow + min(col + 3u, lastCol);
  let start0 = weightStart(w0, params.weightVectors);
  let start1 = weightStart(w1, params.weightVectors);
  let start2 = weightStart(w2, params.weightVectors);
  let start3 = weightStart(w3, params.weightVectors);
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

  for (var block = 0u; block * 8u < vectors; block++) {
    let s0 = loadScale(w0, params.weightVectors, block);
    let s1 = loadScale(w1, params.weightVectors, block);
    let s2 = loadScale(w2, params.weightVectors, block);
    let s3 = loadScale(w3, params.weightVectors, block);
    let end = min(block * 8u + 8u, vectors);
    for (var k = block * 8u; k < end; k++) {
      let w = mat4x4f(
        loadWeight(start0, k, s0),
        loadWeight(start1, k, s1),
        loadWeight(start2, k, s2),
        loadWeight(start3, k, s3),
      );
      let r = sixteenRows(offsets, k);
      y0 += r.a[0] * w;
      y1 += r.a[1] * w;
      y2 += r.a[2] * w;
      y3 += r.a[3] * w;
      y4 += r.b[0] * w;
      y5 += r.b[1] * w;
      y6 += r.b[2] * w;
      y7 += r.b[3] * w;
      y8 += r.c[0] * w;
      y9 += r.c[1] * w;
      y10 += r.c[2] * w;
      y11 += r.c[3] * w;
      y12 += r.d[0] * w;
      y13 += r.d[1] * w;
      y14 += r.d[2] * w;
      y15 += r.d[3] * w;
    }
  }

  // A loop whose bound is not constant: sixteen copies of the store would double the time to compile.
  var results = array<vec4f, 16>(
    y0, y1, y2, y3, y4, y5, y6, y7, y8, y9, y10, y11, y12, y13, y14, y15,
  );
  let rows = min(max(tile.end, row) - row, 16u);
  for (var i = 0u; i < rows; i++) {
    store(tile, row + i, col, results[i]);
  }
}
