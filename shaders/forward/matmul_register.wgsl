// Matrix product without shared memory or subgroups: a thread computes 4 rows × 4 columns in registers.
#include <weights>
#include <problem>
#include "dispatch.wgsl"

@compute @workgroup_size(8, 8)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_id) thread: vec3u,
) {
  let group = linearWorkgroup(id, count);
  if (group >= params.workgroupEnd) {
    return;
  }
  let tile = locate(group, 32u);
  let vectors = tileVectors(tile);
  let row = tile.row + thread.y * 4u;
  let col = (tile.colTile * 8u + thread.x) * 4u;
  let lastCol = params.cols - 1u;
  let x0 = xAt(tile, row);
  let x1 = xAt(tile, row + 1u);
  let x2 = xAt(tile, row + 2u);
  let x3 = xAt(tile, row + 3u);
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

  for (var block = 0u; block * blockVectors < vectors; block++) {
    let s0 = loadScale(w0, params.weightVectors, block);
    let s1 = loadScale(w1, params.weightVectors, block);
    let s2 = loadScale(w2, params.weightVectors, block);
    let s3 = loadScale(w3, params.weightVectors, block);
    let end = min((block + 1u) * blockVectors, vectors);
    for (var k = block * blockVectors; k < end; k++) {
      let w = mat4x4f(
        loadWeight(start0, k, s0),
        loadWeight(start1, k, s1),
        loadWeight(start2, k, s2),
        loadWeight(start3, k, s3),
      );
      y0 += x[x0 + k] * w;
      y1 += x[x1 + k] * w;
      y2 += x[x2 + k] * w;
      y3 += x[x3 + k] * w;
    }
  }

  // A loop whose bound is not constant: copies of the store would take long to compile.
  var results = array<vec4f, 4>(y0, y1, y2, y3);
  let rows = min(max(tile.end, row) - row, 4u);
  for (var i = 0u; i < rows; i++) {
    store(tile, row + i, col, results[i]);
  }
}
