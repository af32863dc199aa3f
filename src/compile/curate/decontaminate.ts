import { GramIndex } from './gramIndex.ts';
import { forEachGram, normalizedHash, type TextWords, wordsOf } from './words.ts';

/** A text of a benchmark that training data should not contain. */
export interface BenchmarkText {
  /** The benchmark's file or name. */
  readonly benchmark: string;
  readonly row: number;
  readonly field: 'question' | 'answer';
  readonly text: string;
}

export interface DecontaminationOptions {
  /** Words per n-gram. */
  readonly gramWords: number;
  /** Shorter benchmark texts are matched whole, in questions and answers only, down to this many words. */
  readonly leastWords: number;
  /** n-grams in more rows than this are a benchmark's own template text and do not count. */
  readonly mostRows: number;
  /** Bound on memory: 32 bytes for each. */
  readonly mostGrams: number;
}

export const defaultDecontamination: DecontaminationOptions = {
  gramWords: 13,
  leastWords: 8,
  mostRows: 10,
  mostGrams: 20_000_000,
};

/** A stretch of a text that also stands in a benchmark. */
export interface ContaminationHit {
  readonly benchmark: string;
  readonly row: number;
  readonly field: 'question' | 'answer';
  /** Range in the text looked at, UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  /** Start of the same words in the benchmark's text. */
  readonly benchmarkStart: number;
  /** Words in the stretch. */
  readonly words: number;
}

type BenchmarkPlace = Pick<BenchmarkText, 'benchmark' | 'row' | 'field'>;

const TEMPLATE = 0x7fffffff;

/** n-grams of loaded benchmarks, for finding them in questions, answers and contexts. */
export class DecontaminationIndex {
  private readonly options: DecontaminationOptions;
  private readonly grams: GramIndex;
  /** Rows that hold a gram, counted only for grams seen in more than one row; key: entry's two hashes. */
  private readonly repeated = new Map<string, { rows: number; last: number }>();
  private readonly texts: BenchmarkPlace[] = [];
  private readonly shortLengths = new Set<number>();
  /** Questions too short to be looked for inside a text, by the hash of all their words. */
  private readonly shortQuestions = new Map<string, BenchmarkPlace>();
  private full = false;

  constructor(options: DecontaminationOptions = defaultDecontamination) {
    this.options = options;
    this.grams = new GramIndex(options.mostGrams);
  }

  /** True when texts had to be left out because the index reached its bound. */
  get isTruncated(): boolean {
    return this.full;
  }

  get gramCount(): number {
    return this.grams.size;
  }

  add(text: BenchmarkText): void {
    const { gramWords, leastWords } = this.options;
    const words = wordsOf(text.text);
    const place = { benchmark: text.benchmark, row: text.row, field: text.field };
    if (words.count < Math.min(leastWords, gramWords)) {
      const hash = normalizedHash(words);
      if (text.field === 'question' && words.count > 0 && !this.shortQuestions.has(hash))
        this.shortQuestions.set(hash, place);
      return;
    }
    const length = Math.min(gramWords, words.count);
    if (length < gramWords) this.shortLengths.add(length);
    const owner = this.texts.length;
    this.texts.push(place);
    forEachGram(words, length, (low, high, firstWord) => {
      const at = this.grams.find(low, high);
      if (at >= 0) this.countRow(at, low, high, owner);
      else if (!this.grams.add(low, high, owner, words.starts[firstWord]!)) {
        this.full = true;
        return false;
      }
      return true;
    });
  }

  private countRow(at: number, low: number, high: number, owner: number): void {
    const first = this.grams.first(at);
    if (first === TEMPLATE || this.isSameRow(first, owner)) return;
    const key = `${low}:${high}`;
    const seen = this.repeated.get(key) ?? { rows: 1, last: first };
    if (this.isSameRow(seen.last, owner)) return;
    seen.rows++;
    seen.last = owner;
    if (seen.rows > this.options.mostRows) {
      this.grams.setFirst(at, TEMPLATE);
      this.repeated.delete(key);
    } else this.repeated.set(key, seen);
  }

  private isSameRow(a: number, b: number): boolean {
    const first = this.texts[a];
    const second = this.texts[b];
    return first?.row === second?.row && first?.benchmark === second?.benchmark;
  }

  /**
   * Stretches of `text` that stand in a benchmark, neighbouring n-grams of one row joined.
   * @param withShort also look for benchmark texts shorter than an n-gram (for questions and answers).
   */
  find(text: string | TextWords, withShort = false): ContaminationHit[] {
    if (this.grams.size === 0) return [];
    const words = typeof text === 'string' ? wordsOf(text) : text;
    const hits = this.findGrams(words, this.options.gramWords);
    if (!withShort) return hits;
    const short = [...this.shortLengths].sort((a, b) => b - a);
    return hits.concat(short.flatMap((length) => this.findGrams(words, length)));
  }

  /** The whole of `question` as a benchmark's question of few words, which a longer text may well hold by chance. */
  findShortQuestion(question: string): ContaminationHit | null {
    const words = wordsOf(question);
    const place = this.shortQuestions.get(normalizedHash(words));
    return place ? { ...place, start: 0, end: question.length, benchmarkStart: 0, words: words.count } : null;
  }

  private findGrams(words: TextWords, length: number): ContaminationHit[] {
    const hits: ContaminationHit[] = [];
    let open: { owner: number; firstWord: number; lastWord: number; benchmarkStart: number } | null = null;
    const close = (): void => {
      const owner = open ? this.texts[open.owner] : undefined;
      if (!open || !owner) return;
      hits.push({
        ...owner,
        start: words.starts[open.firstWord]!,
        end: words.ends[open.lastWord]!,
        benchmarkStart: open.benchmarkStart,
        words: open.lastWord - open.firstWord + 1,
      });
    };
    forEachGram(words, length, (low, high, firstWord) => {
      const at = this.grams.find(low, high);
      if (at < 0) return true;
      const owner = this.grams.first(at);
      if (owner === TEMPLATE) return true;
      const lastWord = firstWord + length - 1;
      if (open?.owner === owner && firstWord <= open.lastWord + 1) open.lastWord = lastWord;
      else {
        close();
        open = { owner, firstWord, lastWord, benchmarkStart: this.grams.second(at) };
      }
      return true;
    });
    close();
    return hits;
  }
}
