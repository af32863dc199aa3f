import { createReadStream } from 'node:fs';

const newline = 0x0a;
const chunkBytes = 1 << 18;

/** Lines of a file, without their ends; a last line without an end is not given. */
export async function* linesOf(path: string): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  for await (const value of createReadStream(path, { highWaterMark: chunkBytes })) {
    const chunk = value as Buffer;
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const line = chunk.subarray(start, end);
      yield rest.length === 0 ? line : Buffer.concat([...rest, line]);
      rest = [];
      start = end + 1;
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
  }
}
