// From counts per block and expert to places, in one workgroup: counts[b, e] becomes the number of expert e's pairs in
// earlier blocks; `tiles` gets the first tile of each expert [E + 1], its first sorted row [E + 1], and for each tile
// of tileRows rows (expert, first row); `arguments` the workgroup counts of the two products over the experts, one
// triple per part of their weights.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  experts: u32,
  blocks: u32,
  tileRows: u32,
  partsA: u32,
  expertsPerPartA: u32,
  colTilesA: u32,
  partsB: u32,
  expertsPerPartB: u32,
  colTilesB: u32,
}

@group(0) @binding(0) var<storage, read_write> counts: array<u32>;     // [blocks, E]
@group(0) @binding(1) var<storage, read_write> tiles: array<u32>;
@group(0) @binding(2) var<storage, read_write> arguments: array<u32>;  // [partsA + partsB, 3]
@group(1) @binding(0) var<uniform> params: Params;

const THREADS = 64u;
var<workgroup> totals: array<u32, MAX_EXPERTS>;
var<workgroup> tileStarts: array<u32, MAX_EXPERTS + 1u>;

fn triple(part: u32, firstExpert: u32, perPart: u32, colTiles: u32) {
  let last = min(firstExpert + perPart, params.experts);
  let groups = (tileStarts[last] - tileStarts[firstExpert]) * colTiles;
  let y = (groups + 65534u) / 65535u;
  arguments[part * 3u] = (groups + max(y, 1u) - 1u) / max(y, 1u);
  arguments[part * 3u + 1u] = y;
  arguments[part * 3u + 2u] = 1u;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  for (var e = thread; e < params.experts; e += THREADS) {
    var running = 0u;
    for (var b = 0u; b < params.blocks; b++) {
      let at = b * params.experts + e;
      let value = counts[at];
      counts[at] = running;
      running += value;
    }
    totals[e] = running;
  }
  workgroupBarrier();
  for (var e = thread; e <= params.experts; e += THREADS) {
    var row = 0u;
    var tile = 0u;
    for (var before = 0u; before < e; before++) {
      row += totals[before];
      tile += (totals[before] + params.tileRows - 1u) / params.tileRows;
    }
    tileStarts[e] = tile;
    tiles[e] = tile;
    tiles[params.experts + 1u + e] = row;
    if (e < params.experts) {
      for (var first = 0u; first < totals[e]; first += params.tileRows) {
        let at = 2u * (params.experts + 1u) + 2u * (tile + first / params.tileRows);
        tiles[at] = e;
        tiles[at + 1u] = row + first;
      }
    }
  }
  workgroupBarrier();
  for (var part = thread; part < params.partsA; part += THREADS) {
    triple(part, part * params.expertsPerPartA, params.expertsPerPartA, params.colTilesA);
  }
  for (var part = thread; part < params.partsB; part += THREADS) {
    triple(params.partsA + part, part * params.expertsPerPartB, params.expertsPerPartB, params.colTilesB);
  }
}
