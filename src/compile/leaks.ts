import type { AgentKind } from '../trajectories/schema.ts';
import { AnswerFinder, containsWords, normaliseAnswer, yesNoOf } from './answerText.ts';
import type { ContextDocument } from './contextDocument.ts';
import type { CheckResult } from './types.ts';

/** Answers shorter than this (normalised) stand in any text by chance. */
const tellingLength = 4;

/** Whether the answer stands in the question, or in a distractor (an alternative proof). */
export function leakChecks(
  kind: AgentKind,
  question: string,
  answer: string,
  documents: readonly ContextDocument[],
): { checks: CheckResult[]; flags: string[] } {
  const wanted = normaliseAnswer(answer.slice(0, 2000));
  const names = ['answer-in-question', 'answer-in-distractor'];
  if (kind === 'swe' || wanted.length < tellingLength || yesNoOf(answer) !== null) {
    const reason = kind === 'swe' ? 'the answer is a change of files' : 'the answer is too short to tell';
    return { checks: names.map((check) => ({ check, status: 'skipped', reason })), flags: [] };
  }
  const flags: string[] = [];
  const checks: CheckResult[] = [];
  const inQuestion = containsWords(normaliseAnswer(question), wanted);
  if (inQuestion) flags.push('answer-in-question');
  checks.push({
    check: 'answer-in-question',
    status: inQuestion ? 'warn' : 'pass',
    reason: inQuestion
      ? 'the question already names the answer (a choice between options does)'
      : 'the question does not hold the answer',
  });
  if (kind === 'sql') {
    checks.push({
      check: 'answer-in-distractor',
      status: 'skipped',
      reason: 'tables share values by nature',
    });
    return { checks, flags };
  }
  const finder = new AnswerFinder([wanted]);
  const holder = documents.find(
    (document) =>
      document.role === 'distractor' && document.windows.some((window) => finder.isIn(window.text)),
  );
  if (holder) flags.push('answer-in-distractor');
  checks.push({
    check: 'answer-in-distractor',
    status: holder ? 'warn' : 'pass',
    reason: holder
      ? `a distractor holds the answer too ("${holder.title}")`
      : 'no distractor holds the answer',
  });
  return { checks, flags };
}
