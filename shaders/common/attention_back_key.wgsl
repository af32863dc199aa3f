// Bindings of the kernels that own keys and give dK and dV.
#include "attention_back_params.wgsl"

@group(0) @binding(0) var<storage, read> q: array<vec4f>;                // [T, H, D]
@group(0) @binding(1) var<storage, read> page: array<KvWord>;            // K [tokens, KV, D], V
@group(0) @binding(2) var<storage, read> segmentEnds: array<u32>;        // [T]
@group(0) @binding(3) var<storage, read> gradOut: array<vec4f>;          // [T, H, D]
@group(0) @binding(4) var<storage, read> logSumExp: array<f32>;          // [T, H]
@group(0) @binding(5) var<storage, read> delta: array<f32>;              // [T, H]
@group(0) @binding(6) var<storage, read_write> grad: array<vec4f>;       // [T, KV, D] of K, of V valueColumns further
@group(1) @binding(0) var<uniform> params: Params;

/// Behind the last query row that sees token j.
fn endVisible(j: u32) -> u32 {
  var end = params.rows;
  if (params.window > 0u) {
    end = min(end, j + params.window);
  }
  if (params.hasSegments != 0u) {
    end = min(end, segmentEnds[j]);
  }
  return end;
}
