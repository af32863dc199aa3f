// Load-balancing loss over all MoE layers of one row of tokens (transformers, modeling_qwen3_moe): with N = layers ·
// tokens, F_e = pairs of e / N and P_e = Σ probability of e / N, loss = E · Σ F_e P_e. Adds it and the mean squared
// log-sum-exp to statistics[3] and [4], and gives each expert's derivative by a probability, times `factor`.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  layers: u32,
  experts: u32,
  tokens: u32,
  // Coefficient of the loss, divided by the rows of the step.
  factor: f32,
}

@group(0) @binding(0) var<storage, read> totals: array<f32>;            // [layers, 2·E + 4]
@group(0) @binding(1) var<storage, read_write> balance: array<f32>;     // [E]
@group(0) @binding(2) var<storage, read_write> statistics: array<f32>;  // see cross_entropy_sum
@group(1) @binding(0) var<uniform> params: Params;

const MAX_EXPERTS = 512u;
var<workgroup> products: array<f32, MAX_EXPERTS>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32) {
  let width = 2u * params.experts + 4u;
  let rows = f32(params.layers * params.tokens);
  for (var e = thread; e < params.experts; e += 64u) {
    var probability = 0.0;
    var chosen = 0.0;
    for (var layer = 0u; layer < params.layers; layer++) {
      probability += totals[layer * width + e];
      chosen += totals[layer * width + params.experts + e];
    }
    products[e] = chosen / rows * (probability / rows);
    balance[e] = params.factor * f32(params.experts) * (chosen / rows) / rows;
  }
  workgroupBarrier();
  if (thread == 0u) {
    var loss = 0.0;
    for (var e = 0u; e < params.experts; e++) {
      loss += products[e];
    }
    var squares = 0.0;
    for (var layer = 0u; layer < params.layers; layer++) {
      squares += totals[layer * width + 2u * params.experts];
    }
    statistics[3] += f32(params.experts) * loss;
    statistics[4] += squares / rows;
  }
}
