import type { ByteWindow } from './byteWindow.ts';
import type { ParsedRecord } from './parseRecord.ts';

/** A record above this many bytes is refused with an issue: it would not fit beside its own parsed value. */
export const MAX_RECORD_BYTES = 128 * 1024 * 1024;
/** A record above this is not parsed in one go but in pieces, so that a cancel need not wait for it. */
export const LARGE_RECORD_BYTES = 8 * 1024 * 1024;

/** What a splitter finds, in file order. Offsets are bytes of the (decompressed) file. */
export type SplitItem =
  | {
      readonly type: 'record';
      readonly start: number;
      readonly end: number;
      /** Key of the entry in a map. */
      readonly key: string | null;
      /** A view that holds until the next chunk is read. */
      readonly bytes: Uint8Array;
      /** Null for a large record, which the caller parses in pieces. */
      readonly parsed: (ParsedRecord & { readonly ok: true }) | null;
    }
  | {
      readonly type: 'broken';
      readonly start: number;
      readonly end: number;
      readonly code: 'truncated-json' | 'invalid-json' | 'record-too-large';
      readonly reason: string;
    };

/** Cuts a stream of bytes into records. Called with the window after each chunk; takes what is complete. */
export interface Splitter {
  /**
   * Each record is parsed when it is asked for, so that only one is in memory. To be walked to its end before the
   * window gets more.
   */
  split(window: ByteWindow, isLast: boolean): Generator<SplitItem, void>;
}
