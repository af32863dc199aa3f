import type { Tokenizer } from '../tokenizer/types.ts';

/** Tokens held back at most while the bytes of a character are incomplete. */
const mostHeld = 8;

/** Turns tokens into text as they come. A character spread over several tokens appears with its last one. */
export class TextStream {
  private readonly tokenizer: Pick<Tokenizer, 'decode'>;
  private held: number[] = [];

  constructor(tokenizer: Pick<Tokenizer, 'decode'>) {
    this.tokenizer = tokenizer;
  }

  /** The text that `id` completes; empty while a character is incomplete. */
  push(id: number): string {
    this.held.push(id);
    const text = this.tokenizer.decode(this.held);
    if (text.endsWith('\ufffd') && this.held.length < mostHeld) return '';
    this.held = [];
    return text;
  }
}
