// Matrix product for one or two rows of X where threads are cheap and barriers dear: a thread walks along four rows
// of W and gives four columns of one row of Y.
#include <weights>
#include "matmul_params.wgsl"
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
  let row = group % params.rowTiles;
  let col = ((group / params.rowTiles) * WORKGROUP_SIZE + thread) * 4u;
  let lastCol = params.cols - 1u;
  let x0 = params.xStart + row * params.xStride;
  let w0 = min(col, lastCol);
  let w1 = min(col + 1u, lastCol);
  let w2 = min(col + 2u, lastCol);
  let w3 = min(col + 3u, lastCol);
  var sum = vec4f();
  for (var block = 0u; block * 8u < params.kVectors; block++) {
    let s0 = loadScale(w0, params.weightVectors, block);
    let s1 = loadScale(w1, params.weightVectors, block);
    let s2 = loadScale(w2, params.weightVectors, block);
    let s3 = loadScale(w3, params.weightVectors, block);
    let end = min(block * 8u + 8u, params.kVectors);
    for (var k = block * 8u; k < end; k++) {
      sum += x[x0 + k] * mat4x4f(
        loadWeight(w0, params.weightVectors, k, s0),
        loadWeight(w1, params.weightVectors, k, s1),
        loadWeight(w2, params.weightVectors, k, s2),
        loadWeight(w3, params.weightVectors, k, s3),
      );
    }
  }
  store(row, col, sum);
}
