// The matvec kernels for few tokens through experts, without sorting: pair p = token · perToken + slot is multiplied by
// the rows of W of expert indices[p]. Pairs whose expert lies in another part of W are passed over.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  cols: u32,
  kVectors: u32,
  weightVectors: u32,
  rowTiles: u32,
  firstExpert: u32,
  endExpert: u32,
  perToken: u32,
  xStart: u32,
  xStride: u32,
  yStart: u32,
  yStride: u32,
  // 1: rows of X are tokens (first product); 0: pairs (second product).
  fromTokens: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;            // [T, K] or [T·k, K]
@group(0) @binding(1) var<storage, read> weight: array<WeightWord>;  // [experts of this part · N, K]
@group(0) @binding(2) var<storage, read> scales: array<u32>;
@group(0) @binding(3) var<storage, read> indices: array<u32>;        // [T, k]
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;      // [T·k, N]
@group(1) @binding(0) var<uniform> params: Params;

struct Tile {
  row: u32,
  end: u32,
  colTile: u32,
  weightRow: u32,
}

fn locate(group: u32, tileRows: u32) -> Tile {
  let pair = group % params.rowTiles;
  let expert = indices[pair];
  if (expert < params.firstExpert || expert >= params.endExpert) {
    return Tile(pair, pair, group / params.rowTiles, 0u);
  }
  return Tile(pair, pair + 1u, group / params.rowTiles, (expert - params.firstExpert) * params.cols);
}

fn tileVectors(tile: Tile) -> u32 {
  return select(0u, params.kVectors, tile.row < tile.end);
}

fn xAt(tile: Tile, row: u32) -> u32 {
  if (params.fromTokens != 0u) {
    return params.xStart + tile.row / params.perToken * params.xStride;
  }
  return params.xStart + tile.row * params.xStride;
}

fn store(tile: Tile, row: u32, col: u32, value: vec4f) {
  if (row >= tile.end || col >= params.cols) {
    return;
  }
  let inside = vec4u(col) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.cols);
  y[params.yStart + row * params.yStride + col / 4u] = select(vec4f(), value, inside);
}
