/**
 * Writes src/charts/common/glyphs.json: outlines of the letters that charts use, so that exported pictures look the
 * same in every program and on every printer.
 *
 *   node scripts/makeGlyphs.mjs DejaVuSansCondensed.ttf DejaVuSansCondensed-Bold.ttf
 *
 * DejaVu fonts: Bitstream Vera, Copyright 2003 Bitstream, Inc.; changes in the public domain; both may be embedded
 * and modified under another name (dejavu-fonts.github.io/License.html).
 */
import { readFileSync, writeFileSync } from 'node:fs';

const printable = Array.from({ length: 0x7f - 0x20 }, (_, at) => String.fromCharCode(0x20 + at)).join('');
const letters =
  'ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ·–—−×÷±≤≥≠≈…“”‘’«»°²³¼½¾µ%‰←→↑↓ΔΣΦΩαβγδεθλμπρστφχψω';
/** In the file coordinates are thousandths of an em. */
const perEm = 1000;

function readFont(path) {
  const bytes = readFileSync(path);
  const tables = {};
  for (let n = 0, at = 12; n < bytes.readUInt16BE(4); n++, at += 16) {
    tables[bytes.toString('latin1', at, at + 4)] = bytes.readUInt32BE(at + 8);
  }
  const units = bytes.readUInt16BE(tables.head + 18);
  const isLong = bytes.readInt16BE(tables.head + 50) === 1;
  const metricCount = bytes.readUInt16BE(tables.hhea + 34);
  const scale = (value) => Math.round((value * perEm) / units);

  const subtable = (() => {
    for (let n = 0; n < bytes.readUInt16BE(tables.cmap + 2); n++) {
      const at = tables.cmap + bytes.readUInt32BE(tables.cmap + 4 + n * 8 + 4);
      if (bytes.readUInt16BE(at) === 4) return at;
    }
    throw new Error(`${path}: no character map of format 4`);
  })();
  const glyphOf = (code) => {
    const segments = bytes.readUInt16BE(subtable + 6) / 2;
    const ends = subtable + 14;
    const starts = ends + segments * 2 + 2;
    for (let n = 0; n < segments; n++) {
      if (code > bytes.readUInt16BE(ends + n * 2)) continue;
      const start = bytes.readUInt16BE(starts + n * 2);
      if (code < start) return 0;
      const delta = bytes.readUInt16BE(starts + segments * 2 + n * 2);
      const place = starts + segments * 4 + n * 2;
      const offset = bytes.readUInt16BE(place);
      if (offset === 0) return (code + delta) & 0xffff;
      const glyph = bytes.readUInt16BE(place + offset + (code - start) * 2);
      return glyph === 0 ? 0 : (glyph + delta) & 0xffff;
    }
    return 0;
  };
  const advanceOf = (glyph) => scale(bytes.readUInt16BE(tables.hmtx + Math.min(glyph, metricCount - 1) * 4));

  /** Contours of points {x, y, on}. */
  const contoursOf = (glyph) => {
    const place = (index) =>
      isLong ? bytes.readUInt32BE(tables.loca + index * 4) : bytes.readUInt16BE(tables.loca + index * 2) * 2;
    if (place(glyph) === place(glyph + 1)) return [];
    let at = tables.glyf + place(glyph);
    const count = bytes.readInt16BE(at);
    at += 10;
    if (count < 0) {
      const contours = [];
      for (let flags = 0x20; flags & 0x20;) {
        flags = bytes.readUInt16BE(at);
        const part = bytes.readUInt16BE(at + 2);
        at += 4;
        const isWords = (flags & 1) !== 0;
        const dx = isWords ? bytes.readInt16BE(at) : bytes.readInt8(at);
        const dy = isWords ? bytes.readInt16BE(at + 2) : bytes.readInt8(at + 1);
        at += isWords ? 4 : 2;
        const fraction = () => bytes.readInt16BE((at += 2) - 2) / 16384;
        let [a, b, c, d] = [1, 0, 0, 1];
        if (flags & 8) a = d = fraction();
        else if (flags & 0x40) [a, d] = [fraction(), fraction()];
        else if (flags & 0x80) [a, b, c, d] = [fraction(), fraction(), fraction(), fraction()];
        for (const contour of contoursOf(part)) {
          contours.push(
            contour.map(({ x, y, on }) => ({ x: a * x + c * y + dx, y: b * x + d * y + dy, on })),
          );
        }
      }
      return contours;
    }
    const ends = Array.from({ length: count }, (_, n) => bytes.readUInt16BE(at + n * 2));
    at += count * 2;
    at += 2 + bytes.readUInt16BE(at);
    const total = (ends.at(-1) ?? -1) + 1;
    const flags = [];
    while (flags.length < total) {
      const flag = bytes[at++];
      flags.push(flag);
      if (flag & 8) for (let repeats = bytes[at++]; repeats > 0; repeats--) flags.push(flag);
    }
    const coordinates = (short, same) => {
      let value = 0;
      return flags.map((flag) => {
        if (flag & short) value += (flag & same ? 1 : -1) * bytes[at++];
        else if (!(flag & same)) value += bytes.readInt16BE((at += 2) - 2);
        return value;
      });
    };
    const xs = coordinates(2, 16);
    const ys = coordinates(4, 32);
    return ends.map((end, n) => {
      const first = n === 0 ? 0 : ends[n - 1] + 1;
      return Array.from({ length: end - first + 1 }, (_, k) => ({
        x: xs[first + k],
        y: ys[first + k],
        on: (flags[first + k] & 1) !== 0,
      }));
    });
  };

  const pathOf = (glyph) =>
    contoursOf(glyph)
      .filter((points) => points.length > 1)
      .map((points) => {
        const middle = (a, b) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, on: true });
        const firstOn = points.findIndex(({ on }) => on);
        const ring =
          firstOn >= 0
            ? [...points.slice(firstOn), ...points.slice(0, firstOn)]
            : [middle(points[0], points.at(-1)), ...points];
        const text = ({ x, y }) => `${scale(x)} ${-scale(y)}`;
        let d = `M${text(ring[0])}`;
        for (let n = 1; n <= ring.length; n++) {
          const point = ring[n % ring.length];
          if (point.on) {
            if (n < ring.length) d += `L${text(point)}`;
            continue;
          }
          const next = ring[(n + 1) % ring.length];
          d += `Q${text(point)} ${text(next.on ? next : middle(point, next))}`;
          if (next.on) n++;
        }
        return `${d}z`;
      })
      .join('');

  return Object.fromEntries(
    [...new Set(printable + letters)].flatMap((letter) => {
      const glyph = glyphOf(letter.codePointAt(0));
      return glyph === 0 ? [] : [[letter, [advanceOf(glyph), pathOf(glyph)]]];
    }),
  );
}

const [regular, bold] = process.argv.slice(2).map(readFont);
if (!regular || !bold) throw new Error('give a regular and a bold TrueType font');
const out = new URL('../src/charts/common/glyphs.json', import.meta.url);
writeFileSync(out, `${JSON.stringify({ perEm, regular, bold })}\n`);
console.log(Object.keys(regular).length, 'letters');
