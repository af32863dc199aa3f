import { urlKey } from '../trajectories/extract/documentKey.ts';
import type { Trajectory } from '../trajectories/schema.ts';
import { AnswerFinder, normaliseAnswer, yesNoOf } from './answerText.ts';
import {
  cleanTitle,
  looksByDocument,
  refuse,
  windowsFromLooks,
  type ContextDocument,
  type DroppedPiece,
  type GatherResult,
  type Look,
} from './contextDocument.ts';
import type { CheckResult } from './types.ts';

/** Characters of a normalised answer from which finding it in a text means something. */
const tellingLength = 3;

/**
 * Search runs: pages the agent visited are gold, documents only returned by a search are tier-2 distractors.
 * Two rules of ours, both flagged:
 * - `gold-from-results`: where no visited page holds the answer, returned documents that do hold it are gold
 *   (agents often answer from a result list without opening anything);
 * - `uncited-visited-distractors`: visited pages are tier-1 distractors when the final answer cites some visited
 *   pages by address and not these.
 */
export function gatherSearch(trajectory: Trajectory): GatherResult {
  const answer = answerOf(trajectory);
  if (answer === null)
    return refuse('answer', 'no-answer', 'there is neither a ground truth nor a final answer');
  const groups = looksByDocument(trajectory);
  if (groups.size === 0) {
    return refuse('evidence', 'no-documents', 'no search result or page text was found in the tool results');
  }
  const values = (trajectory.groundTruth?.form === 'text' ? trajectory.groundTruth.values : [answer])
    .map(normaliseAnswer)
    .filter((value) => value.length >= tellingLength);
  const isTelling = values.length > 0 && yesNoOf(answer) === null;
  const finder = new AnswerFinder(values);
  const holds = (text: string): boolean => finder.isIn(text);

  const visited: ContextDocument[] = [];
  const returned: ContextDocument[] = [];
  const dropped: DroppedPiece[] = [];
  for (const [key, looks] of groups) {
    const opened = looks.filter((look) => look.seen.how === 'visited' || look.seen.how === 'opened');
    const readable = opened.filter((look) => !look.isError);
    if (readable.length > 0) visited.push(documentOf(key, readable, 'gold', 0));
    else if (opened.length > 0) {
      dropped.push({
        title: titleOf(key, opened),
        role: 'distractor',
        tokens: 0,
        reason: 'the page gave an error',
      });
    } else returned.push(documentOf(key, looks, 'distractor', 2));
  }

  const flags: string[] = [];
  let gold = visited;
  let distractors = returned;
  const cited = citedDocuments(trajectory, visited);
  if (cited !== null) {
    gold = visited.filter((document) => cited.has(document.key));
    const rest = visited.filter((document) => !cited.has(document.key));
    distractors = [
      ...returned,
      ...rest.map((document) => ({ ...document, role: 'distractor' as const, tier: 1 as const })),
    ];
  }
  const goldHolds =
    isTelling && gold.some((document) => document.windows.some((window) => holds(window.text)));
  if (gold.length === 0 || (isTelling && !goldHolds)) {
    const promoted = isTelling
      ? distractors.filter((document) => document.windows.some((window) => holds(window.text)))
      : [];
    if (promoted.length > 0) {
      gold = [
        ...gold,
        ...promoted.map((document) => ({ ...document, role: 'gold' as const, tier: 0 as const })),
      ];
      distractors = distractors.filter((document) => !promoted.includes(document));
      flags.push('gold-from-results');
    }
  }
  if (gold.length === 0) {
    return refuse(
      'evidence',
      'no-gold',
      isTelling
        ? 'no page was visited and no returned document holds the answer'
        : 'no page was visited, and an answer this short cannot tell which returned document is evidence',
    );
  }
  if (distractors.some((document) => document.tier === 1)) flags.push('uncited-visited-distractors');
  const checks = [coverageCheck(isTelling, gold, holds)];
  if (checks[0]!.status === 'warn') flags.push('answer-not-in-evidence');
  return {
    ok: true,
    gathered: { documents: [...gold, ...distractors], answer, checks, flags, dropped },
  };
}

function answerOf(trajectory: Trajectory): string | null {
  const truth = trajectory.groundTruth;
  const text = truth?.form === 'text' ? truth.values[0] : trajectory.finalAnswer?.text;
  return text === undefined || text.trim() === '' ? null : text.trim();
}

function titleOf(key: string, looks: readonly Look[]): string {
  return cleanTitle(looks.find((look) => look.seen.title.trim() !== '')?.seen.title ?? '', key);
}

function documentOf(
  key: string,
  looks: readonly Look[],
  role: 'gold' | 'distractor',
  tier: 0 | 1 | 2,
): ContextDocument {
  const first = looks[0]!;
  return {
    key,
    noun: 'Document',
    title: titleOf(key, looks),
    role,
    tier,
    turn: first.turn,
    step: first.seen.stepIndex,
    windows: windowsFromLooks(looks),
  };
}

/** Keys of visited pages whose address the final answer cites; null when it cites none (then no rule can tell). */
function citedDocuments(trajectory: Trajectory, visited: readonly ContextDocument[]): Set<string> | null {
  const answer = trajectory.finalAnswer?.text ?? '';
  if (!answer.includes('http') || visited.length < 2) return null;
  const addresses = Array.from(answer.matchAll(/https?:\/\/[^\s<>"\])}]{1,2000}/gi), ([address]) =>
    urlKey(address.replace(/[.,;:!]+$/, '')),
  );
  const written = new Set(addresses);
  const cited = visited.filter(
    ({ key }) => /^https?:|\./.test(key) && (written.has(key) || holdsAddress(answer, bareAddress(key))),
  );
  return cited.length > 0 && cited.length < visited.length
    ? new Set(cited.map((document) => document.key))
    : null;
}

function bareAddress(key: string): string {
  return key.replace(/^https?:\/\/(?:www\.)?/, '').replace(/\/$/, '');
}

/** What stands before a longer address: a part of its host. `www.` makes none. */
const beganBefore = /(?:[\p{L}\p{N}-]|(?<!\bwww)\.)$/u;
/** What makes an address go on; a closing slash and a section do not. */
const goesOn = /^\/?(?:(?![.,;]https?:)[.,:;!(]*[\p{L}\p{N}_/~%?&=+@$-]|#[!/])/u;

/** True when the address stands in the text as it is, not as the beginning or end of another page's. */
function holdsAddress(text: string, address: string): boolean {
  for (let at = text.indexOf(address); at >= 0; at = text.indexOf(address, at + 1)) {
    const end = at + address.length;
    const isWhole = !beganBefore.test(text.slice(Math.max(0, at - 5), at));
    if (isWhole && !goesOn.test(text.slice(end, end + 20))) return true;
  }
  return false;
}

function coverageCheck(
  isTelling: boolean,
  gold: readonly ContextDocument[],
  holds: (text: string) => boolean,
): CheckResult {
  const check = 'evidence-coverage';
  if (!isTelling)
    return { check, status: 'skipped', reason: 'yes/no and very short answers stand in any text' };
  const holder = gold.find((document) => document.windows.some((window) => holds(window.text)));
  if (holder)
    return { check, status: 'pass', reason: `the answer stands in gold evidence ("${holder.title}")` };
  return {
    check,
    status: 'warn',
    reason: 'the words of the answer stand in no gold piece; it must be derived',
  };
}
