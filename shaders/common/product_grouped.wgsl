// product_dense over expert segments: sorted rows starts[e] … starts[e + 1] - 1 are multiplied by expert e's rows of W,
// weightStride rows from one expert to the next (0: one matrix for all). Row r stands for the pair (token, slot)
// order[r] = token · perToken + slot. See moe_scan for `tiles`. Starts and strides count vec4.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  cols: u32,
  kVectors: u32,
  weightVectors: u32,
  depth: u32,
  weightStride: u32,
  experts: u32,
  firstExpert: u32,
  endExpert: u32,
  colTiles: u32,
  perToken: u32,
  xStart: u32,
  xStride: u32,
  yStart: u32,
  yStride: u32,
  // 1: rows of X are tokens; 0: sorted rows.
  fromTokens: u32,
  // 1: rows of Y are pairs; 0: sorted rows.
  toPairs: u32,
  scale: f32,
  accumulates: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;            // [T, K] or [T·k, K]
@group(0) @binding(1) var<storage, read> weight: array<WeightWord>;
@group(0) @binding(2) var<storage, read> scales: array<u32>;
@group(0) @binding(3) var<storage, read> order: array<u32>;          // [T·k]
@group(0) @binding(4) var<storage, read> tiles: array<u32>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;      // [T·k, N]
@group(1) @binding(0) var<uniform> params: Params;

struct Tile {
  row: u32,
  end: u32,
  colTile: u32,
  weightRow: u32,
}

fn locate(group: u32, tileRows: u32) -> Tile {
  let tile = tiles[params.firstExpert] + group / params.colTiles;
  // As many workgroups run as there could be tiles; those past the last one get no rows.
  if (tile >= tiles[params.endExpert]) {
    return Tile(0u, 0u, 0u, 0u);
  }
  let at = 2u * (params.experts + 1u) + 2u * tile;
  let expert = tiles[at];
  let end = tiles[params.experts + 1u + expert + 1u];
  return Tile(tiles[at + 1u], end, group % params.colTiles, (expert - params.firstExpert) * params.weightStride);
}

fn tileVectors(tile: Tile) -> u32 {
  return select(params.kVectors, 0u, tile.end == 0u);
}

fn xAt(tile: Tile, row: u32) -> u32 {
  let sorted = min(row, max(tile.end, 1u) - 1u);
  if (params.fromTokens != 0u) {
    return params.xStart + order[sorted] / params.perToken * params.xStride;
  }
  return params.xStart + sorted * params.xStride;
}

fn store(tile: Tile, row: u32, col: u32, value: vec4f) {
  if (row >= tile.end || col >= params.cols) {
    return;
  }
  var outRow = row;
  if (params.toPairs != 0u) {
    outRow = order[row];
  }
  let at = params.yStart + outRow * params.yStride + col / 4u;
  let inside = vec4u(col) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.cols);
  var result = select(vec4f(), value * params.scale, inside);
  if (params.accumulates != 0u) {
    result += y[at];
  }
  y[at] = result;
}
