import { assert } from '../core/assert.ts';
import { EnvironmentError } from '../core/errors.ts';
import type { Buffers } from '../gpu/buffers.ts';
import { kvPageSections, type KvLayout, type KvPage, type KvType } from '../gpu/tensors.ts';
import type { ModelConfig } from './config.ts';

/** Tokens of the largest page: large enough that kernels see few pages, small enough to grow in steps. */
const maxPageTokens = 4096;

/** Keys and values of all layers, in pages; growing adds pages and copies nothing. */
export class KvCache {
  readonly layout: KvLayout;
  /** Tokens a page holds. */
  readonly pageTokens: number;
  private readonly pages: KvPage[][];
  private used = 0;

  constructor(
    private readonly buffers: Buffers,
    config: ModelConfig,
    type: KvType,
    /** Most tokens that the cache may hold. */
    readonly contextLength: number,
    maxBindingBytes: number,
  ) {
    this.layout = { type, numKeyValueHeads: config.numKeyValueHeads, headDim: config.headDim };
    let tokens = Math.min(maxPageTokens, Math.ceil(contextLength / 64) * 64);
    while (tokens > 64 && kvPageSections(this.layout, tokens).sizeBytes > maxBindingBytes) tokens /= 2;
    this.pageTokens = Math.max(64, Math.floor(tokens / 64) * 64);
    this.pages = config.layers.map(() => []);
  }

  /** Tokens whose keys and values are valid. */
  get length(): number {
    return this.used;
  }

  /** Makes room for `tokens` in all; throws when that is more than the context that was planned. */
  reserve(tokens: number): void {
    if (tokens > this.contextLength) {
      throw new EnvironmentError('context-full', 'The context is full', {
        expected: `at most ${this.contextLength} tokens`,
        actual: `${tokens}`,
        advice: 'load the model with a longer context or shorten the prompt',
      });
    }
    const { sizeBytes } = kvPageSections(this.layout, this.pageTokens);
    this.pages.forEach((list, layer) => {
      while (list.length * this.pageTokens < tokens) {
        const firstToken = list.length * this.pageTokens;
        const range = this.buffers.range(`kv/layer ${layer} token ${firstToken}`, sizeBytes);
        list.push({ range, firstToken, capacity: this.pageTokens });
      }
    });
  }

  /** The pages of a layer that hold tokens [0, tokens). */
  pagesOf(layer: number, tokens: number): readonly KvPage[] {
    const list = this.pages[layer]!;
    const count = Math.ceil(tokens / this.pageTokens);
    assert(list.length >= count, `cache of layer ${layer} holds ${list.length} of ${count} pages`);
    return list.slice(0, count);
  }

  /** Tokens [0, tokens) are valid from now on: after a forward pass, or to go back to a shared prefix. */
  setLength(tokens: number): void {
    this.used = tokens;
  }

  /** Bytes of all pages. */
  get sizeBytes(): number {
    let total = 0;
    for (const list of this.pages) for (const page of list) total += page.range.size;
    return total;
  }

  /** Tokens that the pages made so far can hold. */
  get capacityTokens(): number {
    return (this.pages[0]?.length ?? 0) * this.pageTokens;
  }

  /** Frees all pages. */
  destroy(): void {
    for (const list of this.pages) {
      for (const page of list) this.buffers.destroy(page.range.buffer);
      list.length = 0;
    }
    this.used = 0;
  }
}
