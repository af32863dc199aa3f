import { describe, expect, it } from 'vitest';
import { levelOf, levelRanges } from '../../src/ui/views/mechanism/textLevels.ts';

describe('marks of a text', () => {
  it('go by doublings of an even share for a head, by sixths of the gate for an expert', () => {
    expect([0, 0.99, 1, 1.9, 2, 4, 31.9, 32, 500].map((value) => levelOf(value, 'head'))).toEqual([0, 0, 1, 1, 2, 3, 5, 6, 6]); // prettier-ignore
    expect([0, 0.01, 0.17, 0.5, 0.99, 1].map((value) => levelOf(value, 'expert'))).toEqual([
      0, 1, 2, 3, 6, 6,
    ]);
  });

  it('join neighbours of one level and leave out tokens without text', () => {
    // The third and fourth token are parts of one character.
    const starts = Uint32Array.of(0, 3, 5, 5, 9, 12);
    const values = Float32Array.of(0.2, 3, 5, 3, 3.5);
    const ranges = levelRanges({ what: 'head', text: '', starts, values, tokensPerValue: 1, top: [] });
    expect(ranges).toEqual([
      [],
      [
        { start: 3, end: 5 },
        { start: 5, end: 12 },
      ],
      [],
      [],
      [],
      [],
    ]);
  });
});
