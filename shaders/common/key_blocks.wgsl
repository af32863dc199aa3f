// Blocks of four keys or values under names, through what <keys> offers.
#include "head_rows.wgsl"

fn halfKeys(at: KeyPlaces, section: u32, i: u32) -> HalfBlock {
  return HalfBlock(
    fourKeys(at, section, i),
    fourKeys(at, section, i + 1u),
    fourKeys(at, section, i + 2u),
    fourKeys(at, section, i + 3u),
    fourKeys(at, section, i + 4u),
    fourKeys(at, section, i + 5u),
    fourKeys(at, section, i + 6u),
    fourKeys(at, section, i + 7u),
  );
}

/// K or V rows at the places.
fn keyBlock(at: KeyPlaces, section: u32) -> HeadBlock {
  var block = HeadBlock(halfKeys(at, section, 0u), HalfBlock());
  if (HALVES == 2u) {
    block.high = halfKeys(at, section, 8u);
  }
  return block;
}
