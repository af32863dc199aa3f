// Matrix product without shared memory or subgroups: a thread computes 4 rows × 4 columns in registers.
#include <weights>
#include "matmul_params.wgsl"
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
  let row = ((group % params.rowTiles) * 8u + thread.y) * 4u;
  let col = ((group / params.rowTiles) * 8u + thread.x) * 4u;
  let lastRow = params.rows - 1u;
  let lastCol = params.cols - 1u;
  let x0 = params.xStart + min(row, lastRow) * params.xStride;
  let x1 = params.xStart + min(row + 1u, lastRow) * params.xStride;
  let x2 = params.xStart + min(row + 2u, lastRow) * params.xStride;
  let x3 = params.xStart + min(row + 3u, lastRow) * params.xStride;
  let w0 = min(col, lastCol);
  let w1 = min(col + 1u, lastCol);
  let w2 = min(col + 2u, lastCol);
  let w3 = min(col + 3u, lastCol);
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

  store(row, col, y0);
  store(row + 1u, col, y1);
  store(row + 2u, col, y2);
  store(row + 3u, col, y3);
}
