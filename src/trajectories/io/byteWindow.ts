/** A buffer that one huge record made larger than this is given back afterwards. */
const KEEP_AT_MOST = 16 * 1024 * 1024;
/** What stays of it. */
const KEPT = 4 * 1024 * 1024;

/**
 * A growing window over a stream: bytes are appended at the end and dropped at the front, so that any
 * record lies in one piece. Views taken from it hold until the next `append`.
 */
export class ByteWindow {
  /** As large as its bytes ask for: folders hold thousands of small files. */
  #buffer = new Uint8Array(0);
  #start = 0;
  #end = 0;
  #offset: number;

  /** @param offset where in the source the first appended byte lies */
  constructor(offset = 0) {
    this.#offset = offset;
  }

  /** The bytes in the window. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /** Offset in the source of the window's first byte. */
  get offset(): number {
    return this.#offset;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  /** Copies a chunk to the end of the window. */
  append(chunk: Uint8Array): void {
    const length = this.length;
    const needed = length + chunk.length;
    const isOversized = this.#buffer.length > KEEP_AT_MOST && needed < KEPT;
    if (this.#end + chunk.length > this.#buffer.length || isOversized) {
      if (needed > this.#buffer.length || isOversized) {
        const larger = new Uint8Array(Math.max(isOversized ? KEPT : this.#buffer.length * 2, needed));
        larger.set(this.bytes);
        this.#buffer = larger;
      } else {
        this.#buffer.copyWithin(0, this.#start, this.#end);
      }
      this.#start = 0;
      this.#end = length;
    }
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** Drops the first `count` bytes. */
  discard(count: number): void {
    this.#start += count;
    this.#offset += count;
    if (this.#start === this.#end) {
      this.#start = 0;
      this.#end = 0;
    }
  }
}
