import { Rng } from '../../core/rng.ts';
import { normaliseAnswer } from '../answerText.ts';
import type { TokenCounter } from '../countText.ts';
import { countBlocks } from '../countText.ts';
import { headerLine, openingBlock, pieceEnd } from '../template.ts';
import { withTextFlags } from '../textFlags.ts';
import type { EvidenceSource, Example, ExampleEvidence } from '../types.ts';
import { withForeignChecks } from './alteredContext.ts';

/** A licence that a record states (null: none), with the file of the record. */
export interface StatedLicense {
  readonly file: string;
  readonly license: string | null;
}

/** An example that waits for its foreign evidence, or has it. */
export interface ForeignExample {
  readonly source: Example;
  /** Licence that the record of the example states. */
  readonly license: string | null;
  /** Null where no other example gives evidence. */
  readonly result: Example | null;
  /** Licences of the records that gave the evidence, each once. */
  readonly lenders: readonly StatedLicense[];
}

interface Donor {
  readonly lender: StatedLicense;
  readonly title: string;
  readonly text: string;
  /** The text in the normal form of answers. */
  readonly normal: string;
  readonly source: EvidenceSource;
}

/** Characters of foreign evidence kept for the examples to come. */
const poolLength = 4_000_000;
const poolExamples = 8;
/** Characters of an answer from which a text that holds it counts as evidence: numbers stand in any page. */
const leastAnswer = 4;

/**
 * Control: question and answer stay, the evidence is that of other examples, cut to the same total of evidence
 * tokens (method §5.3). Works on examples in input order with a bounded pool of the ones before, so the result
 * does not depend on workers; the first example waits for the second.
 */
export class RandomContext {
  private readonly counter: TokenCounter;
  private readonly seed: number;
  private pool: { readonly key: string; readonly donors: readonly Donor[] }[] = [];
  private first: { readonly example: Example; readonly license: string | null } | null = null;

  constructor(counter: TokenCounter, seed: number) {
    this.counter = counter;
    this.seed = seed;
  }

  /** Gives the examples that are ready now, in order. */
  add(example: Example, license: string | null): ForeignExample[] {
    const ready: ForeignExample[] = [];
    if (this.pool.length === 0 && this.first === null) {
      this.first = { example, license };
      return ready;
    }
    if (this.first !== null) {
      const held = this.first;
      this.first = null;
      this.remember(example, license);
      ready.push(this.replace(held.example, held.license));
      this.pool = [];
      this.remember(held.example, held.license);
    }
    ready.push(this.replace(example, license));
    this.remember(example, license);
    return ready;
  }

  /** The example still waiting when the set ends: it is alone. */
  finish(): ForeignExample[] {
    const held = this.first;
    this.first = null;
    return held ? [alone(held.example, held.license)] : [];
  }

  private remember(example: Example, license: string | null): void {
    const content = example.messages[0]!.content;
    const lender = { file: example.source.file, license };
    const donors = example.evidence.map((piece) => {
      const text = content.slice(piece.start, piece.end);
      const normal = ` ${normaliseAnswer(text)} `;
      return { lender, title: piece.title, text, normal, source: piece.source };
    });
    this.pool.push({ key: example.instanceId ?? example.question, donors });
    const length = (): number =>
      this.pool.reduce(
        (sum, item) => sum + item.donors.reduce((part, donor) => part + donor.text.length, 0),
        0,
      );
    while (this.pool.length > poolExamples || (this.pool.length > 1 && length() > poolLength))
      this.pool.shift();
  }

  private replace(example: Example, license: string | null): ForeignExample {
    const { counter } = this;
    const ownKey = example.instanceId ?? example.question;
    const content = example.messages[0]!.content;
    // Runs share pages: the example's own and those that answer it are no foreign evidence.
    const seen = new Set(example.evidence.map((piece) => content.slice(piece.start, piece.end)));
    const answer = normaliseAnswer(example.answer);
    const holdsAnswer = ({ normal }: Donor): boolean =>
      answer.length >= leastAnswer && normal.includes(` ${answer} `);
    const donors = this.pool
      .filter((item) => item.key !== ownKey)
      .flatMap((item) => item.donors)
      .filter((donor) => {
        const isNew = !seen.has(donor.text);
        seen.add(donor.text);
        return isNew && !holdsAnswer(donor);
      });
    if (donors.length === 0) return alone(example, license);
    const opening = openingBlock(example.kind);
    const lastEnd = example.evidence.reduce(
      (end, piece) => Math.max(end, piece.end),
      opening.length - pieceEnd.length,
    );
    const closing = content.slice(lastEnd + pieceEnd.length);
    // The foreign context is as long as the one it stands in for, headers included.
    const wanted = counter.count(content.slice(opening.length, lastEnd + pieceEnd.length));
    const rng = new Rng(`random-context/${this.seed}/${example.id}`);
    const evidence: ExampleEvidence[] = [];
    const lenders = new Map<string, StatedLicense>();
    const blocks = [opening];
    let at = opening.length;
    let left = wanted;
    const endTokens = counter.count(pieceEnd);
    for (const donor of rng.shuffle(donors)) {
      if (left <= 0) break;
      const header = headerLine('Document', donor.title);
      const text = cutToTokens(donor.text, left - counter.count(header) - endTokens, counter);
      if (text.trim() === '') continue;
      const used = countBlocks(counter, [header, text, pieceEnd]).reduce((sum, count) => sum + count, 0);
      const start = at + header.length;
      evidence.push({
        id: `e${evidence.length + 1}`,
        role: 'distractor',
        title: donor.title,
        start,
        end: start + text.length,
        source: cutSource(donor, text.length),
        tier: 2,
      });
      blocks.push(header, text, pieceEnd);
      lenders.set(JSON.stringify(donor.lender), donor.lender);
      at = start + text.length + pieceEnd.length;
      left -= used;
    }
    blocks.push(closing);
    const text = blocks.join('');
    const counts = countBlocks(counter, blocks);
    const prompt = counter.countPrompt({
      text,
      first: opening,
      firstTokens: counter.count(opening),
      last: closing,
      lastTokens: counter.count(closing),
      tokens: counts.reduce((sum, count) => sum + count, 0),
      // Blocks whose border is no certain boundary were counted together: let the whole be counted then.
      isAdditive: counts[0]! > 0 && counter.isAdditive(blocks.at(-2)!, closing),
    });
    const own = withForeignChecks(example);
    const result = withTextFlags({
      ...own,
      messages: [{ role: 'user', content: text }, ...example.messages.slice(1)],
      evidence,
      tokens: { ...example.tokens, prompt },
      flags: [
        ...new Set([...own.flags, 'foreign-evidence', ...(left > 16 ? ['foreign-evidence-shorter'] : [])]),
      ].sort(),
      dropped: [],
      control: 'random-context',
    });
    return { source: example, license, result, lenders: [...lenders.values()] };
  }
}

function alone(source: Example, license: string | null): ForeignExample {
  return { source, license, result: null, lenders: [] };
}

function cutSource(donor: Donor, length: number): EvidenceSource {
  if (length === donor.text.length) return donor.source;
  const start = donor.source.start ?? 0;
  return { ...donor.source, start, end: start + length };
}

/** The longest beginning with at most `tokens` tokens, found by halving. */
function cutToTokens(text: string, tokens: number, counter: TokenCounter): string {
  if (tokens <= 0) return '';
  if (counter.count(text) <= tokens) return text;
  let low = 0;
  let high = text.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (counter.count(text.slice(0, middle)) <= tokens) low = middle;
    else high = middle;
  }
  const code = text.charCodeAt(low - 1);
  return text.slice(0, code >= 0xd800 && code < 0xdc00 ? low - 1 : low);
}
