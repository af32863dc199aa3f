import { Rng } from '../../core/rng.ts';
import { normaliseAnswer } from '../answerText.ts';
import type { TokenCounter } from '../countText.ts';
import { countBlocks } from '../countText.ts';
import { headerLine, openingBlock, pieceEnd } from '../template.ts';
import { withTextFlags } from '../textFlags.ts';
import type { EvidenceSource, Example, ExampleEvidence } from '../types.ts';

interface Donor {
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
  private first: Example | null = null;

  constructor(counter: TokenCounter, seed: number) {
    this.counter = counter;
    this.seed = seed;
  }

  /** Gives the examples that are ready now, in order; null stands for one without foreign evidence. */
  add(example: Example): { source: Example; result: Example | null }[] {
    const ready: { source: Example; result: Example | null }[] = [];
    if (this.pool.length === 0 && this.first === null) {
      this.first = example;
      return ready;
    }
    if (this.first !== null) {
      const held = this.first;
      this.first = null;
      this.remember(example);
      ready.push({ source: held, result: this.replace(held) });
      this.pool = [];
      this.remember(held);
    }
    ready.push({ source: example, result: this.replace(example) });
    this.remember(example);
    return ready;
  }

  /** The example still waiting when the set ends: it is alone. */
  finish(): { source: Example; result: Example | null }[] {
    const held = this.first;
    this.first = null;
    return held ? [{ source: held, result: null }] : [];
  }

  private remember(example: Example): void {
    const content = example.messages[0]!.content;
    const donors = example.evidence.map((piece) => {
      const text = content.slice(piece.start, piece.end);
      return { title: piece.title, text, normal: ` ${normaliseAnswer(text)} `, source: piece.source };
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

  private replace(example: Example): Example | null {
    const { counter } = this;
    const own = example.instanceId ?? example.question;
    const content = example.messages[0]!.content;
    // Runs share pages: the example's own and those that answer it are no foreign evidence.
    const seen = new Set(example.evidence.map((piece) => content.slice(piece.start, piece.end)));
    const answer = normaliseAnswer(example.answer);
    const holdsAnswer = ({ normal }: Donor): boolean =>
      answer.length >= leastAnswer && normal.includes(` ${answer} `);
    const donors = this.pool
      .filter((item) => item.key !== own)
      .flatMap((item) => item.donors)
      .filter((donor) => {
        const isNew = !seen.has(donor.text);
        seen.add(donor.text);
        return isNew && !holdsAnswer(donor);
      });
    if (donors.length === 0) return null;
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
    return withTextFlags({
      ...example,
      messages: [{ role: 'user', content: text }, ...example.messages.slice(1)],
      evidence,
      tokens: { ...example.tokens, prompt },
      flags: [
        ...new Set([
          ...example.flags,
          'foreign-evidence',
          ...(left > 16 ? ['foreign-evidence-shorter'] : []),
        ]),
      ].sort(),
      dropped: [],
      control: 'random-context',
    });
  }
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
