// Sums the records of attention_statistics over the queries of a batch, per head, and adds them to `sums` [H, width].
// Slices of one query are joined first; masses and sums are divided by the query's Σp (1 but for rounding). The first
// numbers of `sums`: mean distance, sink-excluded distance, relative distance, entropy, normalised entropy, queries that
// the sink-excluded distance counts, copy hits, queries. One thread per (head, column), queries in order.
#include "dispatch.wgsl"

struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  rows: u32,
  heads: u32,
  firstToken: u32,
  firstQuery: u32,
  window: u32,
  width: u32,
  slices: u32,
}

@group(0) @binding(0) var<storage, read> records: array<f32>;        // [slices, rows, H, width]
@group(0) @binding(1) var<storage, read> queries: array<u32>;        // [queries, 2]: row, flags
@group(0) @binding(2) var<storage, read> marks: array<u32>;          // [T]: token id, bit 31 in a gold piece
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;     // [H, width]
@group(1) @binding(0) var<uniform> params: Params;

override WORKGROUP_SIZE: u32 = 32u;

const HEAD_NUMBERS = 8u;
const MEASURED = 1u;
const COPIES = 2u;

/// Sum of one column over the slices of a query.
fn joined(r: u32, head: u32, column: u32) -> f32 {
  var sum = 0.0;
  for (var s = 0u; s < params.slices; s++) {
    sum += records[((s * params.rows + r) * params.heads + head) * params.width + column];
  }
  return sum;
}

/// The token with the largest score, the first of equals.
fn bestToken(r: u32, head: u32) -> u32 {
  var best = -2e30;
  var token = 0.0;
  for (var s = 0u; s < params.slices; s++) {
    let at = ((s * params.rows + r) * params.heads + head) * params.width;
    if (records[at + 5u] > best) {
      best = records[at + 5u];
      token = records[at + 6u];
    }
  }
  return u32(token);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let group = linearWorkgroup(id, count);
  if (group >= params.workgroupEnd) {
    return;
  }
  let index = group * WORKGROUP_SIZE + thread;
  let head = index / params.width;
  let column = index % params.width;
  if (head >= params.heads) {
    return;
  }
  var sum = 0.0;
  for (var r = 0u; r < params.rows; r++) {
    let query = 2u * (params.firstQuery + r);
    let flags = queries[query + 1u];
    let own = params.firstToken + queries[query];
    if (column == 6u) {
      if ((flags & COPIES) != 0u) {
        let key = marks[bestToken(r, head)];
        sum += select(0.0, 1.0, key == ((marks[own + 1u] & 0x7fffffffu) | 0x80000000u));
      }
      continue;
    }
    if ((flags & MEASURED) == 0u) {
      continue;
    }
    let total = max(joined(r, head, 0u), 1e-30);
    if (column == 0u) {
      sum += joined(r, head, 1u) / total;
    } else if (column == 2u) {
      sum += joined(r, head, 1u) / (total * f32(max(own, 1u)));
    } else if (column == 3u || column == 4u) {
      var visible = own + 1u;
      if (params.window > 0u) {
        visible = min(visible, params.window);
      }
      let entropy = joined(r, head, 2u) / total + log(total);
      sum += select(entropy, entropy / log(f32(max(visible, 2u))), column == 4u);
    } else if (column == 1u || column == 5u) {
      let beyond = joined(r, head, 3u);
      if (beyond > 0.0) {
        sum += select(1.0, joined(r, head, 4u) / beyond, column == 1u);
      }
    } else if (column == 7u) {
      sum += 1.0;
    } else {
      sum += joined(r, head, column) / total;
    }
  }
  sums[index] += sum;
}
