import type { ByteSource } from '../core/byteSource.ts';

/** One line of a file. */
export interface TextLine {
  /** One-based number, as editors count. */
  readonly number: number;
  /** Without its line end; empty when `problem` is set. */
  readonly text: string;
  /** Bytes [start, end) in the file, line end included in `end`. */
  readonly start: number;
  readonly end: number;
  readonly problem: string | null;
}

/** No row of a benchmark or of responses is longer. */
const longestLine = 128 * 1024 * 1024;

/** The lines of a UTF-8 file, in bounded memory. Line ends are "\n" and "\r\n". */
export async function* jsonLines(
  source: ByteSource,
  signal?: AbortSignal,
  from = 0,
): AsyncGenerator<TextLine> {
  const decoder = new TextDecoder();
  let number = 0;
  let position = from;
  let start = from;
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let isTooLong = false;
  const take = (last: Uint8Array, end: number): TextLine => {
    let text = '';
    if (!isTooLong) {
      if (held.length === 0) text = decoder.decode(last);
      else {
        const joined = new Uint8Array(heldBytes + last.length);
        let at = 0;
        for (const piece of [...held, last]) {
          joined.set(piece, at);
          at += piece.length;
        }
        text = decoder.decode(joined);
      }
    }
    if (number === 0) text = text.replace(/^\ufeff/, '');
    const line = {
      number: ++number,
      text: text.endsWith('\r') ? text.slice(0, -1) : text,
      start,
      end,
      problem: isTooLong ? `line ${number} is longer than ${longestLine / 1024 / 1024} MiB` : null,
    };
    held = [];
    heldBytes = 0;
    isTooLong = false;
    start = end;
    return line;
  };
  for await (const chunk of source.stream(from, signal)) {
    let at = 0;
    for (let end = chunk.indexOf(10, at); end >= 0; end = chunk.indexOf(10, at)) {
      yield take(chunk.subarray(at, end), position + end + 1);
      at = end + 1;
    }
    if (at < chunk.length) {
      const rest = chunk.slice(at);
      if (heldBytes + rest.length > longestLine) {
        isTooLong = true;
        held = [];
        heldBytes = 0;
      } else {
        held.push(rest);
        heldBytes += rest.length;
      }
    }
    position += chunk.length;
  }
  if (heldBytes > 0 || isTooLong) yield take(new Uint8Array(0), position);
}
