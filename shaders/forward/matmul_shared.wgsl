// Matrix product for GPUs: a workgroup of 128 threads computes a 64 × 64 tile of Y from slices of 16 columns (four
// vec4) of X and W staged in shared memory; a thread computes 8 rows × 4 columns, 12 shared loads for 32 products
// of vec4. Row r of a slice lies at place (r % 8)·8 + r / 8 and column c at (c % 4)·16 + c / 4, so that threads that
// read together read neighbouring vec4. <tile> says whether tiles are kept in f32 or f16; sums are f32.
#include <weights>
#include <problem>
#include <tile>
#include "dispatch.wgsl"

var<workgroup> xTile: array<array<TileVector, 64>, 4>;
var<workgroup> wTile: array<array<TileVector, 64>, 4>;

@compute @workgroup_size(128)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let group = linearWorkgroup(id, count);
  if (group >= params.workgroupEnd) {
    return;
  }
  let tile = locate(group, 64u);
  let tileCol = tile.colTile * 64u;
  let lastCol = params.cols - 1u;
  // Staging: a thread takes column vector k4 = thread % 4 of rows thread / 4 and thread / 4 + 32.
  let stageK = thread % 4u;
  let stageRow = thread / 4u;
  let xA = xAt(tile, tile.row + stageRow);
  let xB = xAt(tile, tile.row + stageRow + 32u);
  let wA = tile.weightRow + min(tileCol + stageRow, lastCol);
  let wB = tile.weightRow + min(tileCol + stageRow + 32u, lastCol);
  let startA = weightStart(wA, params.weightVectors);
  let startB = weightStart(wB, params.weightVectors);
  let placeX = (stageRow % 8u) * 8u + stageRow / 8u;
  let placeW = (stageRow % 4u) * 16u + stageRow / 4u;
  // Computing: rows 8·(thread / 16) …, columns 4·(thread % 16) … of the tile.
  let tx = thread % 16u;
  let ty = thread / 16u;
  var y0 = vec4f();
  var y1 = vec4f();
  var y2 = vec4f();
  var y3 = vec4f();
  var y4 = vec4f();
  var y5 = vec4f();
  var y6 = vec4f();
  var y7 = vec4f();

  for (var first = 0u; first < params.kVectors; first += 4u) {
    let k = first + stageK;
    var a = vec4f();
    var b = vec4f();
    var c = vec4f();
    var d = vec4f();
    if (k < params.kVectors) {
      a = x[xA + k];
      b = x[xB + k];
      c = loadWeight(startA, k, loadScale(wA, params.weightVectors, k / 8u));
      d = loadWeight(startB, k, loadScale(wB, params.weightVectors, k / 8u));
    }
    workgroupBarrier();
    xTile[stageK][placeX] = toTile(a);
    xTile[stageK][placeX + 4u] = toTile(b);
    wTile[stageK][placeW] = toTile(c);
    wTile[stageK][placeW + 8u] = toTile(d);
    workgroupBarrier();
    for (var i = 0u; i < 4u; i++) {
      let w = TileMatrix(wTile[i][tx], wTile[i][16u + tx], wTile[i][32u + tx], wTile[i][48u + tx]);
      y0 += vec4f(xTile[i][ty] * w);
      y1 += vec4f(xTile[i][8u + ty] * w);
      y2 += vec4f(xTile[i][16u + ty] * w);
      y3 += vec4f(xTile[i][24u + ty] * w);
      y4 += vec4f(xTile[i][32u + ty] * w);
      y5 += vec4f(xTile[i][40u + ty] * w);
      y6 += vec4f(xTile[i][48u + ty] * w);
      y7 += vec4f(xTile[i][56u + ty] * w);
    }
  }

  let row = tile.row + ty * 8u;
  let col = tileCol + tx * 4u;
  // A loop whose bound is not constant: copies of the store would take long to compile.
  var results = array<vec4f, 8>(y0, y1, y2, y3, y4, y5, y6, y7);
  let rows = min(max(tile.end, row) - row, 8u);
  for (var i = 0u; i < rows; i++) {
    store(tile, row + i, col, results[i]);
  }
}
