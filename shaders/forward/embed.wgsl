// out[t] = table[tokens[t]] for tokens in rows firstRow … firstRow + tableRows - 1 (one part of the table). The first
// part also writes zeros for ids outside the whole table. Counts are vec4 unless named rows.
#include <weights>
struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  rows: u32,
  vectors: u32,
  weightVectors: u32,
  firstRow: u32,
  tableRows: u32,
  vocabRows: u32,
  outStart: u32,
  outStride: u32,
}

@group(0) @binding(0) var<storage, read> tokens: array<u32>;         // [T]
@group(0) @binding(1) var<storage, read> weight: array<WeightWord>;  // [V, C]
@group(0) @binding(2) var<storage, read> scales: array<u32>;         // [V, C/32] halves
@group(0) @binding(3) var<storage, read_write> out: array<vec4f>;    // [T, C]
@group(1) @binding(0) var<uniform> params: Params;

#include "dispatch.wgsl"

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let index = linearWorkgroup(id, count) * 64u + thread;
  let row = index / params.vectors;
  let k = index % params.vectors;
  if (row >= params.rows) {
    return;
  }
  let at = params.outStart + row * params.outStride + k;
  let token = tokens[row];
  if (token >= params.vocabRows) {
    if (params.firstRow == 0u) {
      out[at] = vec4f();
    }
    return;
  }
  if (token < params.firstRow || token >= params.firstRow + params.tableRows) {
    return;
  }
  let tableRow = token - params.firstRow;
  out[at] = loadWeight(weightStart(tableRow, params.weightVectors), k, loadScale(tableRow, params.weightVectors, k / 8u));
}
