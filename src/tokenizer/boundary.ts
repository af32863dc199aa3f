import type { AddedToken } from './addedTokens.ts';
import type { BpeModel } from './bpeModel.ts';
import { classOf, LETTER, LOWERISH, NEWLINE, NUMBER, SCRIPT_SPACE, SPACE, UPPERISH } from './categories.ts';

/** How far a rule looks for the end of white space before it gives up. */
const LOOK_AHEAD = 512;
const APOSTROPHE = 0x27;
const SLASH = 0x2f;

/**
 * Says where text may be cut so that the tokens of the whole are the tokens of the parts.
 *
 * The patterns scan from left to right without looking back, so it is enough that (1) in the whole text a
 * pre-token ends at the cut, (2) the part before the cut alone is cut as it is in the whole, (3) no added token
 * lies across the cut, and (4) normalisation does not join characters over it. Each rule below names two
 * neighbouring characters for which (1) and (2) follow from the pattern whatever else the text holds.
 */
export class BoundaryRules {
  private readonly family: 'gpt2' | 'cl100k' | 'qwen2' | 'o200k' | 'none';
  private readonly space: number;
  private readonly normalizes: boolean;
  private readonly added: readonly string[];
  private readonly longestAdded: number;
  /** Characters that an added token has before or after a place inside it. */
  private readonly beforeInside = new Set<number>();
  private readonly afterInside = new Set<number>();
  /** Added tokens that are always found where they stand: their first character starts nothing else midway. */
  private readonly certain: readonly string[];
  private readonly certainFirst = new Set<number>();
  private readonly certainLast = new Set<number>();

  constructor(model: Pick<BpeModel, 'preTokenization' | 'normalization' | 'addedTokens'>) {
    const { preTokenization } = model;
    const scanner = preTokenization.kind === 'scanner' ? preTokenization.scanner : 'none';
    // Forms other than NFC change classes of characters; a normalised token may be spelled in several ways.
    const isPlain =
      model.normalization === null ||
      (model.normalization === 'NFC' &&
        model.addedTokens.every((token) => !token.normalized || /^[\0-\x7f]*$/.test(token.content)));
    this.family = !isPlain ? 'none' : scanner === 'gpt2-script-space' ? 'gpt2' : scanner;
    this.space = scanner === 'gpt2-script-space' ? SCRIPT_SPACE : SPACE;
    this.normalizes = model.normalization !== null;
    this.added = model.addedTokens.map((token) => token.content);
    this.longestAdded = this.added.reduce((longest, content) => Math.max(longest, content.length), 0);
    for (const content of this.added) {
      for (let i = 1; i < content.length; i++) {
        this.beforeInside.add(content.charCodeAt(i - 1));
        this.afterInside.add(content.charCodeAt(i));
      }
    }
    this.certain = model.addedTokens.filter((token) => this.isCertain(token)).map((token) => token.content);
    for (const content of this.certain) {
      this.certainFirst.add(content.charCodeAt(0));
      this.certainLast.add(content.charCodeAt(content.length - 1));
    }
  }

  private isCertain(token: AddedToken): boolean {
    if (token.normalized && this.normalizes) return false;
    return !this.afterInside.has(token.content.charCodeAt(0));
  }

  /** True when `text` is certain to have a token boundary at `at`, and each side its own tokens. */
  isSafe(text: string, at: number): boolean {
    if (at <= 0 || at >= text.length) return true;
    if (this.longestAdded > LOOK_AHEAD) return false;
    const after = text.charCodeAt(at);
    const before = text.charCodeAt(at - 1);
    if (this.addedTokenAcross(text, at, before, after)) return false;
    if (this.addedTokenTouches(text, at, before, after)) return true;
    // Below U+0300 no character composes with one before it; surrogates are above.
    if (after >= 0x300 || this.family === 'none') return false;
    return this.patternEnds(text, at, before, after);
  }

  private addedTokenAcross(text: string, at: number, before: number, after: number): boolean {
    if (!this.beforeInside.has(before) || !this.afterInside.has(after)) return false;
    const first = Math.max(0, at - this.longestAdded + 1);
    for (let start = first; start < at; start++) {
      for (const content of this.added) {
        if (content.length > at - start && text.startsWith(content, start)) return true;
      }
    }
    return false;
  }

  private addedTokenTouches(text: string, at: number, before: number, after: number): boolean {
    if (this.certainFirst.has(after)) {
      for (const content of this.certain) if (text.startsWith(content, at)) return true;
    }
    if (this.certainLast.has(before)) {
      for (const content of this.certain) {
        if (at >= content.length && text.startsWith(content, at - content.length)) return true;
      }
    }
    return false;
  }

  private patternEnds(text: string, at: number, before: number, after: number): boolean {
    const leftPoint = codePointBefore(text, at, before);
    if (this.normalizes && leftPoint >= 0x300) {
      // A character that is replaced by others may end in one of another class.
      const character = String.fromCodePoint(leftPoint);
      if (character.normalize('NFC') !== character) return false;
    }
    const left = classOf(leftPoint);
    const right = classOf(after);
    const { family } = this;
    const startsSpace = (right & this.space) !== 0;
    if (family === 'o200k' && (left & (UPPERISH | LOWERISH)) !== 0 && (left & LETTER) === 0) return false;
    if ((left & LETTER) !== 0) {
      // A run of letters ends; only o200k lets a contraction belong to the word before it.
      return (right & LETTER) === 0 && !(family === 'o200k' && after === APOSTROPHE);
    }
    if ((left & NUMBER) !== 0) return family === 'qwen2' || (right & NUMBER) === 0;
    if ((left & this.space) === 0) {
      // Other characters: a number or a white-space character that is no newline ends their run.
      return (right & NUMBER) !== 0 || (startsSpace && (right & NEWLINE) === 0);
    }
    // After a newline, in patterns that end white space with its last newline.
    if ((left & NEWLINE) === 0 || family === 'gpt2') return false;
    if (family === 'o200k' && after === SLASH) return false;
    if (!startsSpace) return true;
    for (let i = at; i < text.length; i++) {
      if (i - at > LOOK_AHEAD) return false;
      const bits = classOf(text.charCodeAt(i));
      if ((bits & NEWLINE) !== 0) return false;
      if ((bits & SPACE) === 0) return true;
    }
    // What follows may be only the start of a text: it could go on with a newline.
    return false;
  }
}

/** The code point that ends at `at`, whose last unit is `unit`. */
function codePointBefore(text: string, at: number, unit: number): number {
  if (unit < 0xdc00 || unit > 0xdfff || at < 2) return unit;
  const high = text.charCodeAt(at - 2);
  return high >= 0xd800 && high <= 0xdbff ? 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00) : unit;
}
