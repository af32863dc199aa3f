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
  var y0 = vec4f();
  var y1 = vec4f();
  var y2 = vec4f();
  var y3 = vec4f();

  for (var block = 0u; block * 8u < params.kVectors; block++) {
    let s0 = loadScale(w0, params.weightVectors, block);
    let s1 = loadScale(w1, params.weightVectors, block);
    let s2 = loadScale(w2, params.weightVectors, block);
    let s3 = loadScale(w3, params.weightVectors, block);
    let end = min(block * 8u + 8u, params.kVectors);
    for (var k = block * 8u; k < end; k++) {
      let w = mat4x4f(
        loadWeight(w0, params.weightVectors, k, s0),
        loadWeight(w1, params.weightVectors, k, s1),
        loadWeight(w2, params.weightVectors, k, s2),
        loadWeight(w3, params.weightVectors, k, s3),
      );
      y0 += x[x0 + k] * w;
      y1 += x[x1 + k] * w;
      y2 += x[x2 + k] * w;
      y3 += x[x3 + k] * w;
    }
  }

  store(tile, row, col, y0);
  store(tile, row + 1u, col, y1);
  store(tile, row + 2u, col, y2);
  store(tile, row + 3u, col, y3);
}
