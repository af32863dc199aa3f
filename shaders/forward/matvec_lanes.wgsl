// Matrix product for up to ROWS rows of X on GPUs: the columns of four rows of W are spread over the threads of a
// workgroup (neighbours read neighbouring vec4), partial sums are reduced at the end.
#include <weights>
#include <problem>
#include "dispatch.wgsl"

override WORKGROUP_SIZE: u32 = 64u;

#include <reduce>

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, thread: Thread) {
  let group = linearWorkgroup(id, count);
  if (group >= params.workgroupEnd) {
    return;
  }
  let tile = locate(group, ROWS);
  let col = tile.colTile * 4u;
  let vectors = tileVectors(tile);
  let lastCol = params.cols - 1u;
  let w0 = tile.weightRow + min(col, lastCol);
  let w1 = tile.weightRow + min(col + 1u, lastCol);
  let w2 = tile.weightRow + min(col + 2u, lastCol);
  let w3 = tile.weightRow + min(col + 3u, lastCol);
  let start0 = weightStart(w0, params.weightVectors);
  let start1 = weightStart(w1, params.weightVectors);
  let start2 = weightStart(w2, params.weightVectors);
  let start3 = weightStart(w3, params.weightVectors);
  var sums: array<vec4f, ROWS>;
  for (var k = thread.index; k < vectors; k += WORKGROUP_SIZE) {
    let block = k / 8u;
    let w = mat4x4f(
      loadWeight(start0, k, loadScale(w0, params.weightVectors, block)),
      loadWeight(start1, k, loadScale(w1, params.weightVectors, block)),
      loadWeight(start2, k, loadScale(w2, params.weightVectors, block)),
      loadWeight(start3, k, loadScale(w3, params.weightVectors, block)),
    );
    for (var r = 0u; r < ROWS; r++) {
      sums[r] += x[xAt(tile, tile.row + r) + k] * w;
    }
  }
  for (var r = 0u; r < ROWS; r++) {
    let sum = reduceSum(thread, sums[r]);
    if (thread.index == 0u) {
      store(tile, tile.row + r, col, sum);
    }
  }
}
