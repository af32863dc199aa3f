// Where the attention of chosen query rows goes, one thread per (query, head), keys in order: with the log-sum-exp of
// the forward pass, p = exp(scale·q·k - lse) is final at once, so masses are plain sums and nothing of length T is kept.
// A record [width] per (slice, query, head): 8 numbers, then the mass in each position segment, then in each distance
// segment. The numbers: Σp, Σp·d, Σp·(lse - s), Σp and Σp·d beyond the sink, largest score and its token, 0 (d is the
// distance i - j). Keys come in order, so a segment's mass is one running sum, written out where the segment ends.
#include <kv>
#include "dispatch.wgsl"

struct Params {
  workgroupBase: u32,
  workgroupEnd: u32,
  // Queries of this batch.
  rows: u32,
  heads: u32,
  kvHeads: u32,
  // Cache token of row 0 of q.
  firstToken: u32,
  firstQuery: u32,
  pageFirst: u32,
  keyCount: u32,
  splits: u32,
  keysPerSplit: u32,
  firstSlice: u32,
  window: u32,
  scale: f32,
  qStart: u32,
  qStride: u32,
  keyScaleSection: u32,
  vectors: u32,
  sinkTokens: u32,
  positionSegments: u32,
  distanceSegments: u32,
  // 1: the key with the largest score is looked for.
  wantsBest: u32,
}

@group(0) @binding(0) var<storage, read> q: array<vec4f>;              // [T, H, D]
@group(0) @binding(1) var<storage, read> page: array<KvWord>;          // K [tokens, KV, D], …
@group(0) @binding(2) var<storage, read> logSumExp: array<f32>;        // [T, H]
@group(0) @binding(3) var<storage, read> queries: array<u32>;          // [queries, 2]: row of q, flags
@group(0) @binding(4) var<storage, read> segments: array<u32>;         // first token of each position segment, first distance of each distance segment
@group(0) @binding(5) var<storage, read_write> records: array<f32>;    // [slices, rows, H, width]
@group(1) @binding(0) var<uniform> params: Params;

const MASKED = -1e30;
const NEVER = 0xffffffffu;
const HEAD_NUMBERS = 8u;

#include <keys>

override WORKGROUP_SIZE: u32 = 32u;

// Tokens [x, y) that the workgroup's queries see.
var<workgroup> visible: vec2u;

/// First token that the query at `own` sees.
fn firstVisible(own: u32) -> u32 {
  if (params.window > 0u && own + 1u > params.window) {
    return own + 1u - params.window;
  }
  return 0u;
}

/// Token at which a query at `own` leaves distance segment n for the next nearer one.
fn distanceEnd(own: u32, n: u32) -> u32 {
  let nearest = segments[params.positionSegments + n];
  return select(NEVER, own + 1u - nearest, n > 0u);
}

/// First token of the position segment after n.
fn positionEnd(n: u32) -> u32 {
  if (n + 1u < params.positionSegments) {
    return segments[n + 1u];
  }
  return NEVER;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, thread: KeyThread) {
  let group = linearWorkgroup(id, count);
  if (group >= params.workgroupEnd) {
    return;
  }
  // Workgroups: tiles of (query, head of the group) fastest, then splits, then kv heads, as in forward/attention_thread.
  let heads = params.heads / params.kvHeads;
  let pairs = params.rows * heads;
  let tiles = (pairs + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;
  let kvHead = group / (tiles * params.splits);
  let split = group / tiles % params.splits;
  let firstPair = group % tiles * WORKGROUP_SIZE;
  let pair = min(firstPair + thread.index, pairs - 1u);
  let isOwner = firstPair + thread.index < pairs;
  let r = pair / heads;
  let head = kvHead * heads + pair % heads;
  let t = queries[2u * (params.firstQuery + r)];
  let own = params.firstToken + t;
  let first = firstVisible(own);
  let lse = logSumExp[t * params.heads + head];
  let width = HEAD_NUMBERS + params.positionSegments + params.distanceSegments;
  let at = (((params.firstSlice + split) * params.rows + r) * params.heads + head) * width;
  let positionAt = at + HEAD_NUMBERS;
  let distanceAt = positionAt + params.positionSegments;
  if (isOwner) {
    for (var i = 0u; i < width; i++) {
      records[at + i] = 0.0;
    }
  }

  // Queries ascend: the first of the workgroup sees the oldest key, the last one the newest.
  if (thread.index == 0u) {
    let lastRow = (min(firstPair + WORKGROUP_SIZE, pairs) - 1u) / heads;
    let oldest = firstVisible(params.firstToken + queries[2u * (params.firstQuery + firstPair / heads)]);
    let newest = params.firstToken + queries[2u * (params.firstQuery + lastRow)];
    visible = vec2u(oldest, newest + 1u);
  }
  let seen = workgroupUniformLoad(&visible);
  var end = min((split + 1u) * params.keysPerSplit, params.keyCount);
  end = min(end, max(seen.y, params.pageFirst) - params.pageFirst);
  let start = max(split * params.keysPerSplit, max(seen.x, params.pageFirst) - params.pageFirst);
  let firstToken = params.pageFirst + start;
  var position = 0u;
  while (positionEnd(position) <= firstToken) {
    position++;
  }
  var distance = 0u;
  if (own > firstToken) {
    while (distance + 1u < params.distanceSegments
      && segments[params.positionSegments + distance + 1u] <= own - firstToken) {
      distance++;
    }
  }
  var nextPosition = positionEnd(position);
  var nextDistance = distanceEnd(own, distance);
  var inPosition = 0.0;
  var inDistance = 0.0;

  var total = 0.0;
  var far = 0.0;
  var surprise = 0.0;
  var sink = 0.0;
  var sinkFar = 0.0;
  var best = MASKED;
  var bestToken = 0u;
  let offsets = vec4u(0u, 1u, 2u, 3u);
  var query: array<vec4f, D4>;
  let qAt = params.qStart + t * params.qStride + head * params.vectors;
  for (var i = 0u; i < params.vectors; i++) {
    query[i] = q[qAt + i] * params.scale;
  }
  for (var key = start; key < end; key += 8u) {
    var a = vec4f();
    var b = vec4f();
    for (var i = 0u; i < params.vectors; i++) {
      let k = eightRows(thread, 0u, params.keyScaleSection, key, end - 1u, kvHead, i);
      a += query[i] * k.a;
      b += query[i] * k.b;
    }
    let token = params.pageFirst + key;
    let tokenA = vec4u(token) + offsets;
    let tokenB = tokenA + 4u;
    let last = min(own, params.pageFirst + end - 1u);
    let seenA = (tokenA >= vec4u(first)) & (tokenA <= vec4u(last));
    let seenB = (tokenB >= vec4u(first)) & (tokenB <= vec4u(last));
    let pA = select(vec4f(), exp(a - lse), seenA);
    let pB = select(vec4f(), exp(b - lse), seenB);
    // Of keys behind the query too, whose p is 0.
    let dA = vec4f(vec4i(i32(own)) - vec4i(tokenA));
    let dB = vec4f(vec4i(i32(own)) - vec4i(tokenB));
    let mass = dot(pA, vec4f(1.0)) + dot(pB, vec4f(1.0));
    total += mass;
    far += dot(pA, dA) + dot(pB, dB);
    surprise += dot(pA, lse - a) + dot(pB, lse - b);
    if (token < params.sinkTokens) {
      let sinkA = select(vec4f(), pA, tokenA < vec4u(params.sinkTokens));
      let sinkB = select(vec4f(), pB, tokenB < vec4u(params.sinkTokens));
      sink += dot(pA - sinkA, vec4f(1.0)) + dot(pB - sinkB, vec4f(1.0));
      sinkFar += dot(pA - sinkA, dA) + dot(pB - sinkB, dB);
    } else {
      sink += mass;
      sinkFar += dot(pA, dA) + dot(pB, dB);
    }
    if (params.wantsBest != 0u) {
      let scoreA = select(vec4f(MASKED), a, seenA);
      let scoreB = select(vec4f(MASKED), b, seenB);
      let most = max(scoreA, scoreB);
      if (max(max(most.x, most.y), max(most.z, most.w)) > best) {
        for (var c = 0u; c < 8u; c++) {
          let score = select(scoreA[c % 4u], scoreB[c % 4u], c >= 4u);
          if (score > best) {
            best = score;
            bestToken = token + c;
          }
        }
      }
    }
    if (token + 8u <= min(nextPosition, nextDistance)) {
      inPosition += mass;
      inDistance += mass;
    } else {
      for (var c = 0u; c < 8u; c++) {
        while (token + c >= nextPosition) {
          if (isOwner) {
            records[positionAt + position] = inPosition;
          }
          inPosition = 0.0;
          position++;
          nextPosition = positionEnd(position);
        }
        while (token + c >= nextDistance) {
          if (isOwner) {
            records[distanceAt + distance] = inDistance;
          }
          inDistance = 0.0;
          distance--;
          nextDistance = distanceEnd(own, distance);
        }
        let p = select(pA[c % 4u], pB[c % 4u], c >= 4u);
        inPosition += p;
        inDistance += p;
      }
    }
  }

  if (!isOwner) {
    return;
  }
  records[positionAt + position] = inPosition;
  records[distanceAt + distance] = inDistance;
  records[at] = total;
  records[at + 1u] = far;
  records[at + 2u] = surprise;
  records[at + 3u] = sink;
  records[at + 4u] = sinkFar;
  records[at + 5u] = best;
  // Exact up to 2^24 tokens.
  records[at + 6u] = f32(bestToken);
}
