/**
 * Random and sequential access to bytes that may be far larger than memory.
 * Implemented over a browser `File`/`Blob`, a Node file, an HTTP URL with ranges, and memory.
 */
export interface ByteSource {
  /** The path as the user knows it, with '/' separators; members of containers are joined by '!/'. */
  readonly name: string;
  /** Size in bytes; null while unknown (a pipe, a compressed member). */
  readonly sizeBytes: number | null;
  /** True when `read` works without reading everything before `start` again. */
  readonly seekable: boolean;
  /** Bytes [start, end), fewer at the end of the source. */
  read(start: number, end: number): Promise<Uint8Array>;
  /** The bytes from `start` on, in chunks of at most a few MiB. */
  stream(start?: number, signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

/** Progress of a long job over bytes and items. */
export interface Progress {
  readonly stage: string;
  readonly doneBytes: number;
  readonly totalBytes: number | null;
  readonly doneItems: number;
  readonly totalItems: number | null;
}
