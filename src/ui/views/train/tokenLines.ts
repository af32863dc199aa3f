import type { MaskView } from '../../../workers/dataApi.ts';

/** Tokens [start, end) that stand in one line. */
export interface TokenLine {
  readonly start: number;
  readonly end: number;
}

/** Longest text that is drawn of one token. */
const longest = 40;

/** The text of a token as it is drawn: line breaks and tabs as signs, ids where there is no text. */
export function textOfToken(view: Pick<MaskView, 'text' | 'starts' | 'ids'>, index: number): string {
  const { starts, text, ids } = view;
  if (!starts) return `${ids[index] ?? ''} `;
  const piece = text.slice(starts[index], starts[index + 1]);
  // Part of a character: its last token has the text.
  if (piece === '') return '·';
  const shown = piece.length > longest ? `${piece.slice(0, longest)}…` : piece;
  return shown.replaceAll('\n', '↵').replaceAll('\t', '→').replaceAll('\r', '␍');
}

/** Lines of whole tokens: a line ends behind a line break of the text, or where `columns` characters are reached. */
export function linesOfTokens(view: Pick<MaskView, 'text' | 'starts' | 'ids'>, columns: number): TokenLine[] {
  const lines: TokenLine[] = [];
  let start = 0;
  let width = 0;
  for (let i = 0; i < view.ids.length; i++) {
    const length = textOfToken(view, i).length;
    if (i > start && width + length > columns) {
      lines.push({ start, end: i });
      start = i;
      width = 0;
    }
    width += length;
    const breaks = view.starts && view.text.slice(view.starts[i], view.starts[i + 1]).includes('\n');
    if (breaks) {
      lines.push({ start, end: i + 1 });
      start = i + 1;
      width = 0;
    }
  }
  if (start < view.ids.length) lines.push({ start, end: view.ids.length });
  return lines;
}

/** First tokens of the parts that are learnt. */
export function runsOfTargets(isTarget: Uint8Array): number[] {
  const runs: number[] = [];
  for (let i = 0; i < isTarget.length; i++) {
    if (isTarget[i] === 1 && isTarget[i - 1] !== 1) runs.push(i);
  }
  return runs;
}
