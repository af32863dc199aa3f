// Bindings of the kernels that own queries and give dQ.
#include "attention_back_params.wgsl"

@group(0) @binding(0) var<storage, read> q: array<vec4f>;                // [T, H, D]
@group(0) @binding(1) var<storage, read> page: array<KvWord>;            // K [tokens, KV, D], V
@group(0) @binding(2) var<storage, read> segmentStarts: array<u32>;      // [T]
@group(0) @binding(3) var<storage, read> out: array<vec4f>;              // [T, H, D]
@group(0) @binding(4) var<storage, read> gradOut: array<vec4f>;          // [T, H, D]
@group(0) @binding(5) var<storage, read> logSumExp: array<f32>;          // [T, H]
@group(0) @binding(6) var<storage, read_write> delta: array<f32>;        // [T, H]
@group(0) @binding(7) var<storage, read_write> grad: array<vec4f>;       // [T, H, D]
@group(1) @binding(0) var<uniform> params: Params;

/// First token that query row t sees.
fn firstVisible(t: u32) -> u32 {
  var first = 0u;
  if (params.window > 0u && t + 1u > params.window) {
    first = t + 1u - params.window;
  }
  if (params.hasSegments != 0u) {
    first = max(first, segmentStarts[t]);
  }
  return first;
}
