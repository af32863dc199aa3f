/** How a reply stands to the expected answer. */
export interface AnswerComparison {
  readonly verdict: 'equal' | 'contains' | 'differs';
  /** Overlap of words, harmonic mean of precision and recall, 0 … 1. */
  readonly wordF1: number;
}

/** Lower-case words without punctuation and English articles, as SQuAD's scoring script takes answers. */
function answerWords(text: string): string[] {
  const words =
    text
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.filter((word) => word !== 'a' && word !== 'an' && word !== 'the');
}

/** The reply without the reasoning between think tags; an unfinished reasoning leaves nothing. */
export function withoutReasoning(reply: string): string {
  const end = reply.lastIndexOf('</think>');
  if (end >= 0) return reply.slice(end + '</think>'.length).trim();
  const start = reply.indexOf('<think>');
  return (start >= 0 ? reply.slice(0, start) : reply).trim();
}

/** Compares by words, so that case, punctuation and articles do not matter. */
export function compareAnswer(reply: string, gold: string): AnswerComparison {
  const said = answerWords(withoutReasoning(reply));
  const wanted = answerWords(gold);
  const left = new Map<string, number>();
  for (const word of wanted) left.set(word, (left.get(word) ?? 0) + 1);
  let shared = 0;
  for (const word of said) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    shared++;
  }
  const wordF1 = shared === 0 ? 0 : (2 * shared) / (said.length + wanted.length);
  const saidText = ` ${said.join(' ')} `;
  const wantedText = ` ${wanted.join(' ')} `;
  const verdict =
    saidText === wantedText
      ? 'equal'
      : wanted.length > 0 && saidText.includes(wantedText)
        ? 'contains'
        : 'differs';
  return { verdict, wordF1 };
}
