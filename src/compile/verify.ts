import type { GroundTruth, Trajectory } from '../trajectories/schema.ts';
import { compareAnswers } from './answerText.ts';
import { refuse, type Refusal } from './contextDocument.ts';
import { samePatch } from './patch.ts';
import type { CheckResult, CompileOptions } from './types.ts';

export type Verdict =
  | { readonly ok: true; readonly checks: readonly CheckResult[]; readonly flags: readonly string[] }
  | { readonly ok: false; readonly refusal: Refusal };

/**
 * What the log and the ground truth say about the final answer. Recorded outcomes decide first; without one the
 * final answer is compared with the ground truth (text, patch). SQL is compared later, by running it.
 * `undecided` marks runs that only execution can still decide.
 */
export function verifyRecorded(trajectory: Trajectory): Verdict | 'undecided' {
  const { outcome } = trajectory;
  const reward = outcome.reward;
  const detail = outcome.reason || (reward === null ? 'no reason given' : `reward = ${reward}`);
  if (outcome.success === false)
    return refuse('verify', 'recorded-wrong', `the log records this run as not solved: ${detail}`);
  if (outcome.success === true) return pass(`recorded as solved: ${detail}`);
  if (reward !== null) {
    if (reward >= 1) return pass(`recorded reward ${reward}`);
    return refuse('verify', 'recorded-wrong', `recorded reward ${reward} is less than 1: ${detail}`);
  }
  return 'undecided';
}

function pass(reason: string): Verdict {
  return { ok: true, checks: [{ check: 'outcome', status: 'pass', reason }], flags: [] };
}

/** Compares answer and ground truth of a run without a recorded outcome. Null when there is nothing to compare. */
export function verifyByGroundTruth(trajectory: Trajectory): Verdict | null {
  const truth = trajectory.groundTruth;
  if (!truth || truth.values.length === 0) return null;
  if (truth.form === 'patch') {
    const patch = trajectory.patch?.text ?? null;
    if (patch === null) return refuse('answer', 'no-answer', 'the run ended without a patch');
    if (truth.values.some((value) => samePatch(patch, value))) {
      return answerPass(`the patch makes the same change as the gold patch (${truth.via})`);
    }
    return null;
  }
  if (truth.form !== 'text') return null;
  const answer = trajectory.finalAnswer?.text ?? '';
  if (answer.trim() === '') return refuse('answer', 'no-answer', 'the run ended without a final answer');
  const comparison = compareAnswers(answer, truth.values);
  if (comparison.equal) {
    const isCopy = mayBeCopy(trajectory, truth);
    const rule = isCopy ? 'word for word, so that it may be a copy of it' : comparison.rule;
    return answerPass(
      `final answer matches the ground truth (${truth.via}): ${rule}`,
      comparison.isLoose || isCopy ? ['loose-match'] : [],
    );
  }
  return refuse(
    'verify',
    'answer-differs',
    `the final answer ${quote(answer)} is not the ground truth ${quote(truth.values[0] ?? '')} (${comparison.rule})`,
  );
}

/** Logs call both the expected answer and what the run said `answer`; equal to a whole message it proves little. */
function mayBeCopy({ finalAnswer }: Trajectory, truth: GroundTruth): boolean {
  return (
    truth.via === 'answer' &&
    finalAnswer?.via === 'last assistant message' &&
    finalAnswer.text.trim() === truth.values[0]?.trim()
  );
}

function answerPass(reason: string, flags: readonly string[] = []): Verdict {
  return {
    ok: true,
    checks: [{ check: 'answer', status: flags.length > 0 ? 'warn' : 'pass', reason }],
    flags,
  };
}

/** The end of the line: nothing decides. Kept only when the options accept unverified runs, and flagged. */
export function unverified(trajectory: Trajectory, options: CompileOptions, why: string): Verdict {
  if (!options.acceptUnverified) {
    return refuse(
      'verify',
      'not-verified',
      `${why}; compile it with "accept unverified" if you trust the run`,
    );
  }
  const reason = `${why}; accepted because the options say so (${trajectory.outcome.reason})`;
  return { ok: true, checks: [{ check: 'outcome', status: 'skipped', reason }], flags: ['unverified'] };
}

/** A short quotation for a reason: one line, at most 80 characters. */
export function quote(text: string): string {
  const line = text.slice(0, 400).replace(/\s+/g, ' ').trim();
  return `"${line.length > 80 ? `${line.slice(0, 79)}…` : line}"`;
}
