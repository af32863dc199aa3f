import type { CheckResult, Example, EvidenceRole } from '../types.ts';

/** Checks of the gathered context, by the role of the pieces they look at. */
const checksOf: Readonly<Record<EvidenceRole, readonly string[]>> = {
  gold: ['evidence-coverage', 'patch-files', 'hunk-context', 'sql-reexecution', 'complete-evidence'],
  distractor: ['answer-in-distractor'],
};

/** Flags that say how the context was gathered or what it lacks: nothing of it is left in a foreign one. */
const contextFlags = [
  'gold-from-results',
  'uncited-visited-distractors',
  'answer-not-in-evidence',
  'answer-in-distractor',
  'incomplete-table',
  'truncated-evidence',
  'hunk-lines-missing',
  'only-search-hits',
  'post-edit-content',
];

/**
 * An example whose context a mask altered: what was checked of pieces of the altered roles is not known of the text
 * that is written. Flags of what the evidence lacks stay, since masking adds nothing; a leak may be gone.
 */
export function withMaskedChecks(example: Example, altered: ReadonlySet<EvidenceRole>): Example {
  if (altered.size === 0) return example;
  return {
    ...example,
    verification: unknownChecks(example.verification, altered),
    flags: altered.has('distractor')
      ? example.flags.filter((flag) => flag !== 'answer-in-distractor')
      : example.flags,
  };
}

/** An example whose context is another's: neither checks nor flags of its own context say anything of it. */
export function withForeignChecks(example: Example): Example {
  return {
    ...example,
    verification: unknownChecks(example.verification, new Set(['gold', 'distractor'])),
    flags: example.flags.filter((flag) => !contextFlags.includes(flag)),
  };
}

function unknownChecks(checks: readonly CheckResult[], altered: ReadonlySet<EvidenceRole>): CheckResult[] {
  const unknown = new Set([...altered].flatMap((role) => checksOf[role]));
  return checks.map((result) =>
    unknown.has(result.check) && result.status !== 'skipped'
      ? {
          ...result,
          status: 'skipped',
          reason: `of the unaltered context: ${result.status}, ${result.reason}`,
        }
      : result,
  );
}
