// AdamW with decoupled decay and bias correction as torch has it, on clipped gradients g · statistics[6]:
// θ ← θ (1 - lr λ); m ← β1 m + (1 - β1) g; v ← β2 v + (1 - β2) g²; θ ← θ - rate · m / (√v · root + ε),
// rate = lr / (1 - β1ᵗ), root = 1 / √(1 - β2ᵗ). Nothing happens when statistics[7] is 0. Counts are vec4.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  vectors: u32,
  // 1 - lr λ
  decay: f32,
  beta1: f32,
  beta2: f32,
  // 1 - β, taken in f64 on the host: in f32 the difference would lose digits.
  rest1: f32,
  rest2: f32,
  rate: f32,
  root: f32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(1) var<storage, read> statistics: array<f32>;
@group(0) @binding(2) var<storage, read_write> values: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> first: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> second: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

#include "dispatch.wgsl"

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = linearWorkgroup(id, count) * 64u + thread;
  if (i / 64u >= params.workgroupEnd || i >= params.vectors || statistics[7] == 0.0) {
    return;
  }
  let g = gradients[i] * statistics[6];
  let m = params.beta1 * first[i] + params.rest1 * g;
  let v = params.beta2 * second[i] + params.rest2 * g * g;
  first[i] = m;
  second[i] = v;
  values[i] = values[i] * params.decay - params.rate * m / (sqrt(v) * params.root + params.epsilon);
}
