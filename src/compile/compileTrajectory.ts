import type { AgentKind, Trajectory } from '../trajectories/schema.ts';
import type { Gathered, Refusal } from './contextDocument.ts';
import { agentSftExample } from './control/agentSft.ts';
import { withMaskedChecks } from './control/alteredContext.ts';
import type { TokenCounter } from './countText.ts';
import { gatherSearch } from './evidenceSearch.ts';
import { gatherSql } from './evidenceSql.ts';
import { gatherSwe } from './evidenceSwe.ts';
import { excludedByFlag } from './excludeFlags.ts';
import { leakChecks } from './leaks.ts';
import { mergeEqualDocuments, mergeNearDocuments } from './mergeDuplicates.ts';
import { packExample, type Packed } from './pack.ts';
import { rationaleOf } from './rationale.ts';
import type { DatabaseCatalog } from './sql/catalog.ts';
import { assistantContent, assistantTurn, hasThinkTag } from './template.ts';
import { textFlags } from './textFlags.ts';
import type { CheckResult, CompileOptions, EvidenceRole, Example, Rejection } from './types.ts';
import { unverified, verifyByGroundTruth, verifyRecorded, type Verdict } from './verify.ts';

/** What compiling needs besides the trajectory. The same for all trajectories of a run. */
export interface CompileContext {
  readonly options: CompileOptions;
  readonly counter: TokenCounter;
  readonly catalog: DatabaseCatalog | null;
  /** sha256 of an input file, hex; '' where it is not known. */
  sha256Of(file: string): string;
}

/** Token totals of the arms made from one trajectory, for the ledger. */
export interface ArmTokens {
  readonly processed: number;
  readonly supervised: number;
}

/**
 * `pieces`: the texts of all evidence gathered, before distractors are chosen and controls applied, so that
 * decisions over the set are the same for every seed, order and control.
 */
export type CompileOutcome =
  | { readonly example: Example; readonly acc: ArmTokens | null; readonly pieces: readonly string[] }
  | { readonly rejection: Rejection };

/**
 * Compiles one trajectory into one long-context question-answer pair, or says why not: verify, gather evidence,
 * check, order, pack. Pure and deterministic; runs in any worker.
 */
export function compileTrajectory(trajectory: Trajectory, context: CompileContext): CompileOutcome {
  const kind = context.options.kindOverrides[trajectory.id] ?? trajectory.kind.kind;
  const reject = (refusal: Refusal): { rejection: Rejection } => ({
    rejection: {
      trajectoryId: trajectory.id,
      file: trajectory.source.file,
      record: trajectory.source.record,
      kind,
      stage: refusal.stage,
      code: refusal.code,
      reason: refusal.reason,
      ...(refusal.tokens === undefined ? {} : { tokens: refusal.tokens }),
    },
  });
  const built = buildExample(trajectory, kind, context);
  if (!built.ok) return reject(built.refusal);
  const { example, acc, pieces, altered } = built;
  // By the flags of the unaltered context, so that every arm of an experiment leaves out the same runs.
  const excluded = excludedByFlag(example, context.options);
  return excluded ? reject(excluded) : { example: withMaskedChecks(example, altered), acc, pieces };
}

type Built =
  | {
      readonly ok: true;
      readonly example: Example;
      readonly acc: ArmTokens | null;
      readonly pieces: readonly string[];
      readonly altered: ReadonlySet<EvidenceRole>;
    }
  | { readonly ok: false; readonly refusal: Refusal };

function buildExample(trajectory: Trajectory, kind: AgentKind, context: CompileContext): Built {
  const { options, counter } = context;
  if (kind === 'other') {
    const reason = `neither a search, SWE nor SQL run (${trajectory.kind.reason}); set its kind if you know better`;
    return { ok: false, refusal: { stage: 'other', code: 'kind-other', reason } };
  }
  const question = trajectory.task?.text.trim() ?? '';
  if (question === '')
    return {
      ok: false,
      refusal: { stage: 'other', code: 'no-question', reason: 'the task text was not found' },
    };
  const verdict = verify(trajectory, kind, options);
  if (verdict !== 'by-execution' && !verdict.ok) return verdict;
  const isVerified = verdict !== 'by-execution';

  let result;
  if (kind === 'sql') {
    result = gatherSql(trajectory, context.catalog, isVerified);
    if (!result.ok && result.refusal.code === 'not-verified' && options.acceptUnverified) {
      result = gatherSql(trajectory, context.catalog, true);
      if (result.ok)
        result = {
          ...result,
          gathered: { ...result.gathered, flags: [...result.gathered.flags, 'unverified'] },
        };
    }
  } else {
    result = kind === 'search' ? gatherSearch(trajectory) : gatherSwe(trajectory, options.sweAnswer);
  }
  if (!result.ok) return result;
  const equalMerged = mergeEqualDocuments(result.gathered.documents);
  const documents = kind === 'search' ? mergeNearDocuments(equalMerged) : equalMerged;
  const gathered: Gathered = { ...result.gathered, documents };
  const { answer } = gathered;
  const rationale = options.rationale === 'keep' ? rationaleOf(trajectory, kind, answer) : null;
  const assistant = assistantContent(rationale, answer);
  const packing = packExample({
    trajectoryId: trajectory.id,
    kind,
    question,
    assistant: assistantTurn(rationale, answer),
    documents: gathered.documents,
    options,
    counter,
  });
  if (!packing.ok) return packing;
  const { packed } = packing;
  const leaks = leakChecks(kind, question, answer, gathered.documents);
  const truncation = truncationCheck(gathered);
  const texts = textFlags([packed.content, assistant]);
  const verification: CheckResult[] = [
    ...(verdict === 'by-execution' ? [] : verdict.checks),
    ...gathered.checks,
    ...leaks.checks,
    truncation,
    ...texts.checks,
  ];
  const flags = [
    ...(verdict === 'by-execution' ? [] : verdict.flags),
    ...gathered.flags,
    ...leaks.flags,
    ...(truncation.status === 'warn' ? ['truncated-evidence'] : []),
    ...texts.flags,
    ...packed.flags,
    ...(hasThinkTag(answer) && options.control !== 'agent-sft' ? ['think-tags-in-answer'] : []),
    ...(rationale === null && options.rationale === 'keep' ? ['no-rationale'] : []),
    ...(counter.isExact ? [] : ['estimated-tokens']),
  ];
  const example = assemble({
    trajectory,
    kind,
    context,
    question,
    answer,
    rationale,
    assistant,
    packed,
    verification,
    flags,
    gathered,
  });
  const pieces = gathered.documents.flatMap((document) => document.windows.map((window) => window.text));
  const { altered } = packed;
  if (options.control !== 'agent-sft') return { ok: true, example, acc: null, pieces, altered };
  const acc = {
    processed: packed.promptTokens + packed.completionTokens,
    supervised: packed.completionTokens,
  };
  return { ok: true, example: agentSftExample(trajectory, example, counter), acc, pieces, altered };
}

/** Recorded outcome first, then the ground truth; SQL without a record is decided by running the gold SQL. */
function verify(trajectory: Trajectory, kind: AgentKind, options: CompileOptions): Verdict | 'by-execution' {
  const recorded = verifyRecorded(trajectory);
  if (recorded !== 'undecided') return recorded;
  if (kind === 'sql' && trajectory.groundTruth?.form === 'sql') return 'by-execution';
  const compared = verifyByGroundTruth(trajectory);
  if (compared) return compared;
  const why =
    trajectory.groundTruth?.form === 'patch'
      ? 'no test result is recorded and the patch differs from the gold patch, which proves nothing'
      : `neither outcome nor ground truth is in the log (${trajectory.outcome.reason})`;
  return unverified(trajectory, options, why);
}

function truncationCheck(gathered: Gathered): CheckResult {
  const cut = gathered.documents.find(
    (document) => document.role === 'gold' && document.windows.some((window) => window.isTruncated),
  );
  const check = 'complete-evidence';
  if (!cut) return { check, status: 'pass', reason: 'no gold piece was cut by its tool' };
  return { check, status: 'warn', reason: `the tool cut what the agent saw of "${cut.title}"` };
}

interface Parts {
  readonly trajectory: Trajectory;
  readonly kind: AgentKind;
  readonly context: CompileContext;
  readonly question: string;
  readonly answer: string;
  readonly rationale: string | null;
  readonly assistant: string;
  readonly packed: Packed;
  readonly verification: readonly CheckResult[];
  readonly flags: readonly string[];
  readonly gathered: Gathered;
}

/** The example in the key order in which it is written. */
function assemble(parts: Parts): Example {
  const { trajectory, context, packed } = parts;
  const { options } = context;
  return {
    id: trajectory.id,
    kind: parts.kind,
    messages: [
      { role: 'user', content: packed.content },
      { role: 'assistant', content: parts.assistant },
    ],
    question: parts.question,
    answer: parts.answer,
    rationale: parts.rationale,
    evidence: packed.evidence,
    order: options.order,
    seed: options.seed,
    tokens: {
      tokenizer: context.counter.name,
      prompt: packed.promptTokens,
      completion: packed.completionTokens,
    },
    verification: parts.verification,
    source: {
      file: trajectory.source.file,
      sha256: context.sha256Of(trajectory.source.file),
      record: trajectory.source.record,
      format: trajectory.format,
      trajectoryId: trajectory.id,
    },
    flags: [...new Set(parts.flags)].sort(),
    dropped: [...parts.gathered.dropped, ...packed.dropped],
    ...(options.control === 'none' ? {} : { control: options.control }),
    ...(trajectory.instanceId === null ? {} : { instanceId: trajectory.instanceId }),
  };
}
