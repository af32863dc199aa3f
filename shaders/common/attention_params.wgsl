// What the attention kernels share. Queries are cache tokens firstToken … firstToken + rows - 1; keys come from one
// page, tokens pageFirst … pageFirst + keyCount - 1. Starts and strides count vec4, sections elements of the page.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  rows: u32,
  heads: u32,
  kvHeads: u32,
  firstToken: u32,
  pageFirst: u32,
  keyCount: u32,
  splits: u32,
  keysPerSplit: u32,
  firstSlice: u32,
  window: u32,
  scale: f32,
  qStart: u32,
  qStride: u32,
  outStart: u32,
  outStride: u32,
  valueSection: u32,
  keyScaleSection: u32,
  valueScaleSection: u32,
  // D/4, as the bound of loops: a constant bound makes CPU drivers unroll them and compile for seconds.
  vectors: u32,
  // Flags are numbers, not overrides: each override value would be one more pipeline to compile.
  hasSegments: u32,
  hasLse: u32,
  // Take up the state that an earlier page left in the slice.
  carries: u32,
  // Write the result; otherwise leave the state in the slice.
  finishes: u32,
}

@group(0) @binding(0) var<storage, read> q: array<vec4f>;                 // [T, H, D]
@group(0) @binding(1) var<storage, read> page: array<KvWord>;             // K [tokens, KV, D], V, scales
@group(0) @binding(2) var<storage, read> segmentStarts: array<u32>;       // [T]
@group(0) @binding(3) var<storage, read_write> out: array<vec4f>;         // [T, H, D]
@group(0) @binding(4) var<storage, read_write> logSumExp: array<f32>;     // [T, H]
@group(0) @binding(5) var<storage, read_write> partial: array<vec4f>;     // [slices, T·H, D/4 + 1]: O, then (m, l, 0, 0)
@group(1) @binding(0) var<uniform> params: Params;

// A large finite number: differences of two of them stay finite.
const MASKED = -1e30;

/// First cache token that query row t sees.
fn firstVisible(t: u32) -> u32 {
  let own = params.firstToken + t;
  var first = 0u;
  if (params.window > 0u && own + 1u > params.window) {
    first = own + 1u - params.window;
  }
  if (params.hasSegments != 0u) {
    first = max(first, segmentStarts[t]);
  }
  return first;
}
