// Adds the blocks of router_statistics, in order: `pass` [layers, 2·E + 4] gets this layer's sums of one row of tokens,
// `load` [layers, E] grows by its counts. One workgroup.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  blocks: u32,
  experts: u32,
  layer: u32,
}

@group(0) @binding(0) var<storage, read> parts: array<f32>;            // [blocks, 2·E + 4]
@group(0) @binding(1) var<storage, read_write> totals: array<f32>;     // [layers, 2·E + 4]
@group(0) @binding(2) var<storage, read_write> load: array<f32>;       // [layers, E]
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32) {
  let width = 2u * params.experts + 4u;
  for (var i = thread; i <= 2u * params.experts; i += 64u) {
    var sum = 0.0;
    for (var b = 0u; b < params.blocks; b++) {
      sum += parts[b * width + i];
    }
    totals[params.layer * width + i] = sum;
    if (i >= params.experts && i < 2u * params.experts) {
      let at = params.layer * params.experts + i - params.experts;
      load[at] += sum;
    }
  }
}
