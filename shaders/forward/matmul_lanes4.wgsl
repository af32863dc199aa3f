// Matrix product without shared memory, for subgroups of at least 4 lanes: a thread computes 16 rows × 4
// columns. The 16 rows of X are the same for all lanes, so each lane loads four of them and the subgroup
// broadcasts: 4 loads of X and 4 of W for 64 products of vec4.
#include <weights>
#include <problem>
#include "dispatch.wgsl"

override WORKGROUP_SIZE: u32 = 32u;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) thread: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let group = linearWorkgroup(id, count);
  if (group >= params.workgroupEnd) {
    return;
  }
  let tile = locate(group, 16u);
  let vectors = tileVectors(tile);
  let row = tile.row;
  let col = (tile.colTile * WORKGROUP_SIZE + thread) * 4u;
  let lastCol = params.cols - 1u;
  let x0 = xAt(tile, row + lane % 4u);
  let x1 = xAt(tile, row + 4u + lane % 4u);
  let x2 = xAt(tile, row + 8u + lane % 4u);
  let x3 = xAt(tile, row + 12u + lane % 4u);
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
      let r0 = x[x0 + k];
      let r1 = x[x1 + k];
      let r2 = x[x2 + k];
      let r3 = x[x3 + k];
      y0 += subgroupBroadcast(r0, 0u) * w;
      y1 += subgroupBroadcast(r0, 1u) * w;
      y2 += subgroupBroadcast(r0, 2u) * w;
      y3 += subgroupBroadcast(r0, 3u) * w;
      y4 += subgroupBroadcast(r1, 0u) * w;
      y5 += subgroupBroadcast(r1, 1u) * w;
      y6 += subgroupBroadcast(r1, 2u) * w;
      y7 += subgroupBroadcast(r1, 3u) * w;
      y8 += subgroupBroadcast(r2, 0u) * w;
      y9 += subgroupBroadcast(r2, 1u) * w;
      y10 += subgroupBroadcast(r2, 2u) * w;
      y11 += subgroupBroadcast(r2, 3u) * w;
      y12 += subgroupBroadcast(r3, 0u) * w;
      y13 += subgroupBroadcast(r3, 1u) * w;
      y14 += subgroupBroadcast(r3, 2u) * w;
      y15 += subgroupBroadcast(r3, 3u) * w;
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
