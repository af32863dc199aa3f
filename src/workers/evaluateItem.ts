import type { Benchmark } from '../evaluate/benchmark.ts';
import { codePointsOf, matchingBlocks } from '../evaluate/difflib.ts';
import { gradeGraphWalks, type GraphWalksMode } from '../evaluate/graphwalks.ts';
import type { JournalEntry } from '../evaluate/journal.ts';
import type { DiffPart, ItemView } from './evaluateApi.ts';

/** Characters of a question that are shown; MRCR prompts may have millions. */
const shownQuestion = 4000;

/** The two texts cut where the reference's matching blocks begin and end. */
function diffOf(response: string, answer: string): { response: DiffPart[]; answer: DiffPart[] } {
  const [a, b] = [codePointsOf(response), codePointsOf(answer)];
  const blocks = matchingBlocks(a, b);
  const cut = (text: string, starts: readonly { at: number; size: number }[]): DiffPart[] => {
    const points = Array.from(text);
    const parts: DiffPart[] = [];
    let position = 0;
    const push = (end: number, matches: boolean): void => {
      if (end > position) parts.push({ text: points.slice(position, end).join(''), matches });
      position = Math.max(position, end);
    };
    for (const { at, size } of starts) {
      push(at, false);
      push(at + size, true);
    }
    push(points.length, false);
    return parts;
  };
  const byAnswer = [...blocks].sort((x, y) => x.bStart - y.bStart);
  return {
    response: cut(
      response,
      blocks.map(({ aStart, size }) => ({ at: aStart, size })),
    ),
    answer: cut(
      answer,
      byAnswer.map(({ bStart, size }) => ({ at: bStart, size })),
    ),
  };
}

/** One item as the reader sees it: response beside gold, what agrees and what does not. */
export function itemView(
  benchmark: Benchmark,
  row: unknown,
  entry: JournalEntry,
  mode: string,
  variant: number,
): ItemView {
  const { response } = entry;
  const gold = benchmark.gold(row, response, variant);
  const last = benchmark.isPrivate ? null : (benchmark.messages(row, variant).at(-1)?.content ?? '');
  let diff: ItemView['diff'] = null;
  let sets: ItemView['sets'] = null;
  if (gold.kind === 'text' && response !== null) {
    const { prefix } = gold;
    const rest = (text: string): string => (text.startsWith(prefix) ? text.slice(prefix.length) : text);
    diff = diffOf(rest(response), rest(gold.text));
  }
  if (gold.kind === 'set' && response !== null) {
    const { predicted, parsed } = gradeGraphWalks(response, gold.items, mode as GraphWalksMode);
    const [wanted, given] = [new Set(gold.items), new Set(predicted)];
    sets = {
      both: predicted.filter((item) => wanted.has(item)),
      missing: gold.items.filter((item) => !given.has(item)),
      extra: predicted.filter((item) => !wanted.has(item)),
      parsed,
    };
  }
  return {
    index: entry.index,
    seed: entry.seed,
    question: last === null ? null : last.length > shownQuestion ? `… ${last.slice(-shownQuestion)}` : last,
    questionLength: last?.length ?? 0,
    response,
    thinking: entry.thinking,
    finish: entry.finish,
    error: entry.error,
    gold,
    diff,
    sets,
    promptTokens: entry.promptTokens,
    completionTokens: entry.completionTokens,
    attempts: entry.attempts,
  };
}
