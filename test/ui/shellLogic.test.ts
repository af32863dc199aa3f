import { describe, expect, it } from 'vitest';
import { chordOf, isCharacterChord, KeySequence } from '../../src/ui/app/commands.ts';
import { fuzzyScore } from '../../src/ui/app/fuzzy.ts';
import { findAll } from '../../src/ui/views/qa/findAll.ts';
import {
  formatBytes,
  formatCompact,
  formatDuration,
  formatShare,
  plural,
} from '../../src/ui/widgets/format.ts';

const key = (
  name: string,
  held: Partial<Record<'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey', boolean>> = {},
) => ({
  key: name,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  ...held,
});

describe('keys', () => {
  it('are chords with one name on every platform', () => {
    expect(chordOf(key('k', { metaKey: true }))).toBe('mod+k');
    expect(chordOf(key('K', { ctrlKey: true, shiftKey: true }))).toBe('mod+shift+k');
    expect(chordOf(key('?', { shiftKey: true }))).toBe('?');
    expect(chordOf(key('Escape'))).toBe('escape');
  });

  it('are the sign itself where a keyboard has it with AltGr or Option only', () => {
    // German: AltGr+8 on Windows, Option+5 on macOS.
    expect(chordOf(key('[', { ctrlKey: true, altKey: true }))).toBe('[');
    expect(chordOf(key('[', { altKey: true }))).toBe('[');
    expect(chordOf(key('[', { metaKey: true, altKey: true }))).toBe('mod+alt+[');
    expect(chordOf(key('[', { ctrlKey: true }))).toBe('mod+[');
    expect(chordOf(key('x', { ctrlKey: true, altKey: true }))).toBe('mod+alt+x');
  });

  it('that typing also makes can be told from others', () => {
    expect(['j', '?', 'shift+p', 'space'].map(isCharacterChord)).toEqual([true, true, true, true]);
    expect(['mod+k', 'escape', 'arrowdown'].map(isCharacterChord)).toEqual([false, false, false]);
  });

  it('make sequences when they follow each other soon', () => {
    const sequence = new KeySequence();
    expect(sequence.press('g', 0)).toEqual(['g']);
    expect(sequence.press('t', 400)).toEqual(['g t', 't']);
    sequence.clear();
    expect(sequence.press('g', 1000)).toEqual(['g']);
    expect(sequence.press('t', 5000)).toEqual(['t']);
  });
});

it('finds commands by letters in order, starts of words first', () => {
  const best = (query: string, texts: readonly string[]) =>
    texts
      .map((text) => ({ text, score: fuzzyScore(query, text) }))
      .filter(({ score }) => score !== null)
      .sort((a, b) => b.score! - a.score!)
      .map(({ text }) => text);
  expect(best('gc', ['Go to Compile', 'Change light theme', 'Excluded'])).toEqual(['Go to Compile']);
  expect(best('ex', ['Next example', 'Export the set'])).toEqual(['Export the set', 'Next example']);
});

it('finds text whatever the case, and never at shifted offsets', () => {
  expect(findAll('Ab aB ab', 'AB')).toEqual([0, 3, 6]);
  expect(findAll('aaaa', 'aa')).toEqual([0, 2]);
  // 'İ' becomes two code units in lower case.
  const text = 'İx x';
  for (const hit of findAll(text, 'x')) expect(text[hit]).toBe('x');
  expect(findAll('x'.repeat(50), 'x', 10)).toHaveLength(10);
});

it('writes numbers for readers', () => {
  expect([0, 999, 12_345, 5e9].map(formatBytes)).toEqual(['0 B', '999 B', '12 KB', '5.0 GB']);
  expect([45, 3200, 125_000, 3_840_000].map(formatDuration)).toEqual([
    '45 ms',
    '3.2 s',
    '2 min 5 s',
    '1 h 4 min',
  ]);
  expect([0, 0.041, 0.5].map(formatShare)).toEqual(['0%', '4.1%', '50%']);
  expect([plural(1, 'file'), plural(2, 'file'), plural(3, 'trajectory', 'trajectories')]).toEqual([
    '1 file',
    '2 files',
    '3 trajectories',
  ]);
  expect(formatCompact(1_234_000)).toBe('1.2M');
});
