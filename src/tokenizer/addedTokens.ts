/** A token that is cut out of the text before everything else. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  /** Looked for in the normalised text instead of the text as given. */
  readonly normalized: boolean;
}

const encoder = new TextEncoder();

/**
 * Finds added tokens in UTF-8 text: from left to right, the longest of those that start at a place. A trie over
 * bytes whose edges are keyed `node * 256 + byte`.
 */
export class AddedTokenFinder {
  readonly isEmpty: boolean;
  /** 1 for bytes that start an added token. */
  private readonly starts = new Uint8Array(256);
  /** The byte that starts every added token, -1 when there are several. */
  private readonly onlyStart: number;
  private readonly edges = new Map<number, number>();
  /** Id of the token that ends at a node, -1 where none does. */
  private readonly idAt: number[] = [-1];
  /** Set by `next`. */
  foundStart = 0;
  foundEnd = 0;
  foundId = -1;

  constructor(tokens: readonly { readonly content: string; readonly id: number }[]) {
    for (const { content, id } of tokens) {
      const bytes = encoder.encode(content);
      if (bytes.length === 0) continue;
      this.starts[bytes[0] ?? 0] = 1;
      let node = 0;
      for (const byte of bytes) {
        const edge = node * 256 + byte;
        let child = this.edges.get(edge);
        if (child === undefined) {
          child = this.idAt.length;
          this.idAt.push(-1);
          this.edges.set(edge, child);
        }
        node = child;
      }
      this.idAt[node] = id;
    }
    const distinct = this.starts.reduce((sum, flag) => sum + flag, 0);
    this.isEmpty = distinct === 0;
    this.onlyStart = distinct === 1 ? this.starts.indexOf(1) : -1;
  }

  /** Looks from `from` for the next token in bytes [from, end); true sets `foundStart`, `foundEnd`, `foundId`. */
  next(bytes: Uint8Array, from: number, end: number): boolean {
    if (this.isEmpty) return false;
    const { starts, onlyStart, edges, idAt } = this;
    for (let at = from; at < end; at++) {
      if (onlyStart >= 0) {
        while (at < end && bytes[at] !== onlyStart) at++;
        if (at >= end) return false;
      } else if (starts[bytes[at]!] === 0) continue;
      let node = 0;
      this.foundId = -1;
      for (let i = at; i < end; i++) {
        const child = edges.get(node * 256 + bytes[i]!);
        if (child === undefined) break;
        node = child;
        const id = idAt[node]!;
        if (id >= 0) {
          this.foundId = id;
          this.foundEnd = i + 1;
        }
      }
      if (this.foundId >= 0) {
        this.foundStart = at;
        return true;
      }
    }
    return false;
  }
}
