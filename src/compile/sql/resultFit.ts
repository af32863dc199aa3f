import { compareAnswers, containsWords, dateOf, normaliseAnswer, numberOf } from '../answerText.ts';
import type { SqlCell } from './engine.ts';
import { renderResult } from './renderTable.ts';

type Rows = readonly (readonly SqlCell[])[];

/** How well the rows of a result fit a text that states the answer. */
export interface ResultFit {
  /** Characters of the different cells that the text states. */
  readonly stated: number;
  /** Different cells that the text does not state. */
  readonly unstated: number;
  /** Every row has a cell that the text states. */
  readonly isEveryRow: boolean;
  /** The cells are what the whole text says, and the text says all of them. */
  readonly isWhole: boolean;
}

/** Characters of a text that are looked at: an answer, not a report. */
const textLength = 20_000;

/**
 * Whether a result is what a text states, as a value (`Ann`, `3.1%`) or in prose: null when less than `leastShare`
 * of its rows have a cell that stands in the text. Texts are compared word by word after normalisation, numbers by
 * value as far as the text writes them out (rounded, with separators, in percent, in millions), dates by day.
 * @param leastShare 0 … 1
 */
export function fitResult(rows: Rows, text: string, leastShare: number): ResultFit | null {
  const said = new StatedValues(text);
  const states = new Map<string, { readonly length: number; readonly isStated: boolean }>();
  const isStated = (cell: SqlCell): boolean => {
    if (cell === null) return said.namesNull;
    const key = String(cell);
    let known = states.get(key);
    if (!known) {
      known = { length: normaliseAnswer(key).replaceAll(' ', '').length, isStated: said.holds(cell) };
      states.set(key, known);
    }
    return known.isStated;
  };
  // All cells are asked, not only the first that fits, so that all of them count.
  const held = rows.filter((row) => row.map(isStated).includes(true)).length;
  const isEnough = held > 0 && held >= leastShare * rows.length;
  if (!isEnough) return rows.length === 1 && rows[0]!.some((cell) => said.isPartOf(cell)) ? partial : null;
  const cells = [...states.values()];
  const stated = cells.reduce((sum, cell) => sum + (cell.isStated ? cell.length : 0), 0);
  const unstated = cells.filter((cell) => !cell.isStated).length;
  const isEveryRow = held === rows.length;
  const isWhole =
    isEveryRow &&
    unstated === 0 &&
    (stated >= said.length * 0.9 || compareAnswers(renderResult(rows), [text]).equal);
  return { stated, unstated, isEveryRow, isWhole };
}

/** The text is part of a longer cell: better than nothing. */
const partial: ResultFit = { stated: 0, unstated: 1, isEveryRow: true, isWhole: false };

/** The words, numbers and dates of a text. */
class StatedValues {
  /** Letters and digits after normalisation. */
  readonly length: number;
  readonly namesNull: boolean;
  private readonly words: string;
  private readonly numbers: readonly StatedNumber[];
  private readonly dates: ReadonlySet<string>;

  constructor(text: string) {
    // Numbers of list items are no values.
    const start = text.slice(0, textLength).replace(/^[ \t]*\d{1,3}[.)](?=[ \t]+\S)/gm, '');
    this.words = normaliseAnswer(start);
    this.length = this.words.replaceAll(' ', '').length;
    this.namesNull = /\b(?:null|none|n\/a)\b/i.test(start);
    this.numbers = numbersIn(start);
    this.dates = datesIn(start);
  }

  holds(cell: Exclude<SqlCell, null>): boolean {
    const value = typeof cell === 'string' ? numberOfText(cell) : Number(cell);
    if (value !== null && this.numbers.some((number) => isWrittenAs(value, number))) return true;
    if (typeof cell !== 'string') return false;
    const date = dateOf(cell.replace(/[ T]\d\d:\d\d.*$/, ''));
    return (
      (date !== null && this.dates.has(date)) ||
      containsWords(this.words, normaliseAnswer(cell.slice(0, 2000)))
    );
  }

  isPartOf(cell: SqlCell): boolean {
    return typeof cell === 'string' && containsWords(normaliseAnswer(cell.slice(0, 2000)), this.words);
  }
}

function numberOfText(text: string): number | null {
  return /^\s*-?\d+(?:\.\d+)?\s*$/.test(text) ? Number(text) : null;
}

/** A number as a text writes it: its value, what its last digit stands for, and whether it is in percent. */
interface StatedNumber {
  readonly value: number;
  readonly unit: number;
  readonly hasFraction: boolean;
  readonly isPercent: boolean;
}

const scales: Readonly<Record<string, number>> = {
  thousand: 1e3,
  k: 1e3,
  million: 1e6,
  m: 1e6,
  billion: 1e9,
  bn: 1e9,
  trillion: 1e12,
};
const numberPattern =
  /(?<![\p{L}\d.])(?:(?<![\p{L}\p{N}])-)?(?:\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?:\s?(%|percent\b|thousand\b|k\b|million\b|m\b|billion\b|bn\b|trillion\b))?/giu;

function numbersIn(text: string): StatedNumber[] {
  const found = Array.from(text.matchAll(numberPattern), ([whole, fraction = '', suffix = '']) => {
    const isPercent = /^(?:%|percent)$/i.test(suffix);
    const scale = scales[suffix.toLowerCase()] ?? 1;
    const digits = whole
      .slice(0, whole.length - suffix.length)
      .replaceAll(',', '')
      .trim();
    return {
      value: Number(digits) * scale,
      unit: scale * 10 ** -Math.max(0, fraction.length - 1),
      hasFraction: fraction !== '',
      isPercent,
    };
  });
  for (const [word] of text.matchAll(/[a-z]+/gi)) {
    // "None of them" answers a count.
    const value = /^(?:no|none)$/i.test(word) ? 0 : numberOf(word);
    if (value !== null) found.push({ value, unit: 1, hasFraction: false, isPercent: false });
  }
  return found;
}

/** Rounded or cut off after as many digits as the text has; whole numbers are not cut off. */
function isWrittenAs(value: number, number: StatedNumber): boolean {
  const reach = number.hasFraction ? number.unit * (1 - 1e-6) : number.unit / 2;
  const isNear = (given: number): boolean =>
    Math.abs(given - number.value) <= reach + 1e-9 * Math.abs(number.value);
  return isNear(value) || (number.isPercent && isNear(value * 100));
}

const datePattern =
  /\b\d{4}[-/]\d{1,2}[-/]\d{1,2}\b|\b[a-z]{3,9}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}\b|\b\d{1,2}(?:st|nd|rd|th)? (?:of )?[a-z]{3,9}\.?,? \d{4}\b/gi;

function datesIn(text: string): Set<string> {
  const dates = Array.from(text.matchAll(datePattern), ([date]) => dateOf(date));
  return new Set(dates.filter((date) => date !== null));
}
