// Transposed product for GPUs: Y[T, N] (+)= scale · X[T, K] · W[K, N]. A workgroup of 128 threads computes a 64 × 64 tile
// of Y from slices of 16 columns of X and 16 rows of W staged in shared memory, W read along its rows; a thread
// computes 8 rows × 4 columns. Row r of X lies at place (r % 8)·8 + r / 8, see matmul_shared.
#include <weights>
#include <problem>
#include "dispatch.wgsl"

var<workgroup> xTile: array<array<vec4f, 64>, 4>;
// [16 rows of W][16 vec4 of columns]
var<workgroup> wTile: array<array<vec4f, 16>, 16>;

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
  let kVectors = tileVectors(tile);
  let tileVector = tile.colTile * 16u;
  let lastVector = params.weightVectors - 1u;
  let last = params.depth - 1u;
  let stageK = thread % 4u;
  let stageRow = thread / 4u;
  let xA = xAt(tile, tile.row + stageRow);
  let xB = xAt(tile, tile.row + stageRow + 32u);
  let placeX = (stageRow % 8u) * 8u + stageRow / 8u;
  // W: a thread takes column vector thread % 16 of rows thread / 16 and thread / 16 + 8.
  let stageC = min(tileVector + thread % 16u, lastVector);
  let stageN = thread / 16u;
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

  for (var first = 0u; first < kVectors; first += 4u) {
    let k = first + stageK;
    var a = vec4f();
    var b = vec4f();
    if (k < kVectors) {
      a = x[xA + k];
      b = x[xB + k];
    }
    // Rows past the last meet zeros of X.
    let wA = tile.weightRow + min(first * 4u + stageN, last);
    let wB = tile.weightRow + min(first * 4u + stageN + 8u, last);
    let c = loadWeight(weightStart(wA, params.weightVectors), stageC, loadScale(wA, params.weightVectors, stageC / 8u));
    let d = loadWeight(weightStart(wB, params.weightVectors), stageC, loadScale(wB, params.weightVectors, stageC / 8u));
    workgroupBarrier();
    xTile[stageK][placeX] = a;
    xTile[stageK][placeX + 4u] = b;
    wTile[stageN][tx] = c;
    wTile[stageN + 8u][tx] = d;
    workgroupBarrier();
    for (var i = 0u; i < 4u; i++) {
      let w = mat4x4f(wTile[4u * i][tx], wTile[4u * i + 1u][tx], wTile[4u * i + 2u][tx], wTile[4u * i + 3u][tx]);
      y0 += w * xTile[i][ty];
      y1 += w * xTile[i][8u + ty];
      y2 += w * xTile[i][16u + ty];
      y3 += w * xTile[i][24u + ty];
      y4 += w * xTile[i][32u + ty];
      y5 += w * xTile[i][40u + ty];
      y6 += w * xTile[i][48u + ty];
      y7 += w * xTile[i][56u + ty];
    }
  }

  let row = tile.row + ty * 8u;
  let col = tileVector * 4u + tx * 4u;
  // A loop whose bound is not constant: copies of the store would take long to compile.
  var results = array<vec4f, 8>(y0, y1, y2, y3, y4, y5, y6, y7);
  let rows = min(max(tile.end, row) - row, 8u);
  for (var i = 0u; i < rows; i++) {
    store(tile, row + i, col, results[i]);
  }
}
