// A product of training as the product kernels see it: Y[T, N] (+)= scale · X · Wᵀ, or scale · X · W in the transposed
// kernels (product_back_*), where W [depth, N] is read across its rows. Starts and strides count vec4.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  rows: u32,
  cols: u32,
  kVectors: u32,
  weightVectors: u32,
  // Rows of W that a transposed product adds up.
  depth: u32,
  rowTiles: u32,
  firstVector: u32,
  xStart: u32,
  xStride: u32,
  yStart: u32,
  yStride: u32,
  scale: f32,
  // 1: add to what Y holds.
  accumulates: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;            // [T, K]
@group(0) @binding(1) var<storage, read> weight: array<WeightWord>;  // [N, K]; transposed [K, N]
@group(0) @binding(2) var<storage, read> scales: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;      // [T, N]
@group(1) @binding(0) var<uniform> params: Params;

struct Tile {
  row: u32,
  end: u32,
  colTile: u32,
  weightRow: u32,
}

fn locate(group: u32, tileRows: u32) -> Tile {
  return Tile(group % params.rowTiles * tileRows, params.rows, group / params.rowTiles, 0u);
}

fn tileVectors(tile: Tile) -> u32 {
  return params.kVectors;
}

fn xAt(tile: Tile, row: u32) -> u32 {
  return params.xStart + min(row, tile.end - 1u) * params.xStride;
}

fn store(tile: Tile, row: u32, col: u32, value: vec4f) {
  if (row >= tile.end || col >= params.cols) {
    return;
  }
  let at = params.yStart + row * params.yStride + params.firstVector + col / 4u;
  let inside = vec4u(col) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.cols);
  var result = select(vec4f(), value * params.scale, inside);
  if (params.accumulates != 0u) {
    result += y[at];
  }
  y[at] = result;
}
