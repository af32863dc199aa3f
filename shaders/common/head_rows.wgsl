// Rows of a head of 32 or 64 columns (HALVES 1 or 2) under names. On CPU drivers an array index that is known only at run
// time costs a gather per number; a name costs nothing. A block is four rows that all threads share, column by column.
struct HalfRow {
  a: vec4f,
  b: vec4f,
  c: vec4f,
  d: vec4f,
  e: vec4f,
  f: vec4f,
  g: vec4f,
  h: vec4f,
}

struct HeadRow {
  low: HalfRow,
  high: HalfRow,
}

struct HalfBlock {
  a: mat4x4f,
  b: mat4x4f,
  c: mat4x4f,
  d: mat4x4f,
  e: mat4x4f,
  f: mat4x4f,
  g: mat4x4f,
  h: mat4x4f,
}

struct HeadBlock {
  low: HalfBlock,
  high: HalfBlock,
}

fn headRow(x: array<vec4f, 16>) -> HeadRow {
  return HeadRow(
    HalfRow(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]),
    HalfRow(x[8], x[9], x[10], x[11], x[12], x[13], x[14], x[15]),
  );
}

fn headVectors(x: HeadRow) -> array<vec4f, 16> {
  return array<vec4f, 16>(
    x.low.a, x.low.b, x.low.c, x.low.d, x.low.e, x.low.f, x.low.g, x.low.h,
    x.high.a, x.high.b, x.high.c, x.high.d, x.high.e, x.high.f, x.high.g, x.high.h,
  );
}

fn halfDots(x: HalfRow, y: HalfBlock) -> vec4f {
  return x.a * y.a + x.b * y.b + x.c * y.c + x.d * y.d + x.e * y.e + x.f * y.f + x.g * y.g + x.h * y.h;
}

/// Products of a row with the four of a block.
fn headDots(x: HeadRow, y: HeadBlock) -> vec4f {
  var dots = halfDots(x.low, y.low);
  if (HALVES == 2u) {
    dots += halfDots(x.high, y.high);
  }
  return dots;
}

fn addHalf(x: HalfRow, shrink: f32, y: HalfBlock, w: vec4f) -> HalfRow {
  return HalfRow(
    x.a * shrink + y.a * w,
    x.b * shrink + y.b * w,
    x.c * shrink + y.c * w,
    x.d * shrink + y.d * w,
    x.e * shrink + y.e * w,
    x.f * shrink + y.f * w,
    x.g * shrink + y.g * w,
    x.h * shrink + y.h * w,
  );
}

/// x · shrink + the weighted rows of a block.
fn addHead(x: HeadRow, shrink: f32, y: HeadBlock, w: vec4f) -> HeadRow {
  var sum = HeadRow(addHalf(x.low, shrink, y.low, w), HalfRow());
  if (HALVES == 2u) {
    sum.high = addHalf(x.high, shrink, y.high, w);
  }
  return sum;
}
