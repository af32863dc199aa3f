// Matrix product for one or two rows of X where threads are cheap and barriers dear: a thread walks along four rows
// of W and gives four columns of one row of Y.
#include <weights>
#include <problem>
#include "dispatch.wgsl"

override WORKGROUP_SIZE: u32 = 16u;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let group = linearWorkgroup(id, count);
  if (group >= params.workgroupEnd) {
    return;
  }
  let tile = locate(group, 1u);
  let col = (tile.colTile * WORKGROUP_SIZE + thread) * 4u;
  let vectors = tileVectors(tile);
  let lastCol = params.cols - 1u;
  let x0 = xAt(tile, tile.row);
  let w0 = tile.weightRow + min(col, lastCol);
  let w1 = tile.weightRow + min(col + 1u, lastCol);
  let w2 = tile.weightRow + min(col + 2u, lastCol);
  let w3 = tile.weightRow + min(col + 3u, lastCol);
  let start0 = weightStart(w0, params.weightVectors);
  let start1 = weightStart(w1, params.weightVectors);
  let start2 = weightStart(w2, params.weightVectors);
  let start3 = weightStart(w3, params.weightVectors);
  var sum = vec4f();
  for (var block = 0u; block * blockVectors < vectors; block++) {
    let s0 = loadScale(w0, params.weightVectors, block);
    let s1 = loadScale(w1, params.weightVectors, block);
    let s2 = loadScale(w2, params.weightVectors, block);
    let s3 = loadScale(w3, params.weightVectors, block);
    let end = min((block + 1u) * blockVectors, vectors);
    for (var k = block * blockVectors; k < end; k++) {
      sum += x[x0 + k] * mat4x4f(
        loadWeight(start0, k, s0),
        loadWeight(start1, k, s1),
        loadWeight(start2, k, s2),
        loadWeight(start3, k, s3),
      );
    }
  }
  store(tile, tile.row, col, sum);
}
