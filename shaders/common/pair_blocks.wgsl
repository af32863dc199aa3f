// Blocks of four (query, head) pairs of q and gradOut under names, through what <pairs> offers.
#include "head_rows.wgsl"

fn halfQueries(at: PairPlaces, i: u32) -> HalfBlock {
  return HalfBlock(
    fourQueries(at, i),
    fourQueries(at, i + 1u),
    fourQueries(at, i + 2u),
    fourQueries(at, i + 3u),
    fourQueries(at, i + 4u),
    fourQueries(at, i + 5u),
    fourQueries(at, i + 6u),
    fourQueries(at, i + 7u),
  );
}

/// Rows of q at the places.
fn queryBlock(at: PairPlaces) -> HeadBlock {
  var block = HeadBlock(halfQueries(at, 0u), HalfBlock());
  if (HALVES == 2u) {
    block.high = halfQueries(at, 8u);
  }
  return block;
}

fn halfGradients(at: PairPlaces, i: u32) -> HalfBlock {
  return HalfBlock(
    fourGradients(at, i),
    fourGradients(at, i + 1u),
    fourGradients(at, i + 2u),
    fourGradients(at, i + 3u),
    fourGradients(at, i + 4u),
    fourGradients(at, i + 5u),
    fourGradients(at, i + 6u),
    fourGradients(at, i + 7u),
  );
}

/// Rows of gradOut at the places.
fn gradientBlock(at: PairPlaces) -> HeadBlock {
  var block = HeadBlock(halfGradients(at, 0u), HalfBlock());
  if (HALVES == 2u) {
    block.high = halfGradients(at, 8u);
  }
  return block;
}
