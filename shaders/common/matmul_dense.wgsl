// The plain matrix product as the matmul kernels see it: Y[T, N] = X[T, K] · W[N, K]ᵀ (+ bias[N]) (+ residual[T, N]).
// matmul_grouped and matmul_pairs stand in its place when each row has its own expert.
// Starts and strides count vec4. `firstVector` is the first column (÷ 4) of Y that this part of W gives.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  rows: u32,
  cols: u32,
  kVectors: u32,
  weightVectors: u32,
  rowTiles: u32,
  firstVector: u32,
  xStart: u32,
  xStride: u32,
  yStart: u32,
  yStride: u32,
  residualStart: u32,
  residualStride: u32,
  // Flags are numbers, not overrides: each override value would be one more pipeline to compile.
  hasBias: u32,
  hasResidual: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;            // [T, K]
@group(0) @binding(1) var<storage, read> weight: array<WeightWord>;  // [N, K]
@group(0) @binding(2) var<storage, read> scales: array<u32>;         // [N, K/32] halves
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;         // [N]
@group(0) @binding(4) var<storage, read> residual: array<vec4f>;     // [T, N]
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;      // [T, N]
@group(1) @binding(0) var<uniform> params: Params;

/// A block of rows of Y from `row` to before `end`, and which column tile; `weightRow` is the first row of W.
struct Tile {
  row: u32,
  end: u32,
  colTile: u32,
  weightRow: u32,
}

fn locate(group: u32, tileRows: u32) -> Tile {
  return Tile(group % params.rowTiles * tileRows, params.rows, group / params.rowTiles, 0u);
}

/// Number of vec4 to add up for a tile.
fn tileVectors(tile: Tile) -> u32 {
  return params.kVectors;
}

/// Where a row of X starts; rows past the end give the last one.
fn xAt(tile: Tile, row: u32) -> u32 {
  return params.xStart + min(row, tile.end - 1u) * params.xStride;
}

/// Writes four columns of a row; columns past N become zero, rows past the end are left alone.
fn store(tile: Tile, row: u32, col: u32, value: vec4f) {
  if (row >= tile.end || col >= params.cols) {
    return;
  }
  let vector = params.firstVector + col / 4u;
  var result = value;
  if (params.hasBias != 0u) {
    result += bias[vector];
  }
  if (params.hasResidual != 0u) {
    result += residual[params.residualStart + row * params.residualStride + vector];
  }
  let inside = vec4u(col) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.cols);
  y[params.yStart + row * params.yStride + vector] = select(vec4f(), result, inside);
}
