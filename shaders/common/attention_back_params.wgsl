// What the kernels of attention's gradient share. Rows are the tokens 0 … rows-1 of one pass, keys those of one page
// (f32). gradOut is the gradient of attention's output O; delta[t, h] = Σ_d gradOut · O. With P = exp(scale·q·k - lse):
// dV = Pᵀ gradOut; dS = P · (gradOut·v - delta); dQ = scale · dS K; dK = scale · dSᵀ Q. Starts and strides count vec4.
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  rows: u32,
  heads: u32,
  kvHeads: u32,
  pageFirst: u32,
  keyCount: u32,
  window: u32,
  scale: f32,
  qStart: u32,
  qStride: u32,
  outStart: u32,
  outStride: u32,
  gradOutStart: u32,
  gradOutStride: u32,
  // dQ, or dK with dV valueColumns further on.
  gradStart: u32,
  gradStride: u32,
  valueColumns: u32,
  valueSection: u32,
  // D/4
  vectors: u32,
  hasSegments: u32,
  // dQ: add to what earlier pages gave.
  accumulates: u32,
}
