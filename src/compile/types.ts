import type { JsonValue } from '../core/json.ts';
import type { AgentKind } from '../trajectories/schema.ts';

export type EvidenceRole = 'gold' | 'distractor';
export type EvidenceOrder =
  'shuffle' | 'chronological' | 'reverse' | 'gold-first' | 'gold-middle' | 'gold-last';
/** Which variant of the data is made from the same trajectories (method §5). */
type ControlKind = 'none' | 'agent-sft' | 'random-context' | 'evidence-mask';
export type SweAnswerForm = 'diff' | 'edited-code' | 'file-list';

export interface EvidenceMaskOptions {
  readonly unit: 'piece' | 'span';
  readonly target: 'gold' | 'distractor' | 'random';
  /** Share of the target's tokens, 0 … 1. */
  readonly share: number;
  /** Delete, or replace by neutral filler of the same token count. */
  readonly fill: 'filler' | 'delete';
}

/** Everything that decides the bytes of a compiled set, besides inputs and tokenizer. */
export interface CompileOptions {
  readonly budget: number;
  readonly seed: number;
  readonly order: EvidenceOrder;
  readonly distractors: 'all' | 'none' | number;
  /** Highest tier used: 1 = opened or visited without being needed, 2 = only returned. */
  readonly distractorTier: 1 | 2;
  readonly control: ControlKind;
  readonly mask: EvidenceMaskOptions | null;
  /** For `agent-sft`: which total is matched to the ACC set. */
  readonly match: 'processed' | 'supervised' | 'none';
  readonly sweAnswer: SweAnswerForm;
  readonly rationale: 'keep' | 'drop';
  /** Also compile runs whose outcome is not recorded (flagged), never those recorded as wrong. */
  readonly acceptUnverified: boolean;
  readonly perInstanceCap: number | null;
  /** False skips all token counting (budget then applies to an estimate, flagged). */
  readonly countTokens: boolean;
  /** Overrides of the inferred kind by trajectory id. */
  readonly kindOverrides: Readonly<Record<string, AgentKind>>;
  /** Examples that carry one of these flags are rejected (stage `other`, code = the flag). */
  readonly excludeFlags?: readonly string[];
}

/** A place a piece came from. `start`/`end` are the range in the string at (file, record, path). */
export interface EvidenceSource {
  readonly file: string;
  readonly record: number;
  readonly path: string;
  /** Model turn that saw it. */
  readonly turn: number;
  readonly start?: number;
  readonly end?: number;
  /**
   * `table`: the piece is the canonical rendering (compile/sql/renderTable) of the database table at `path`
   * (`/database/table`) of `file`. Absent: the piece is a range of the string at `path` of the record.
   */
  readonly rendering?: 'table';
}

/** One piece of the context: `content.slice(start, end)` of the user message is its text. */
export interface ExampleEvidence {
  readonly id: string;
  readonly role: EvidenceRole;
  readonly title: string;
  readonly start: number;
  readonly end: number;
  readonly source: EvidenceSource;
  /** Distractor tier: 1 = opened or visited without being needed, 2 = only returned. Absent for gold. */
  readonly tier?: 1 | 2;
  /** Ranges of the message content that an evidence mask replaced or cut; the text there is not the source's. */
  readonly masked?: readonly { readonly start: number; readonly end: number }[];
  /** Other places that showed (nearly) the same text and were merged into this piece. */
  readonly alsoAt?: readonly EvidenceSource[];
}

export interface CheckResult {
  readonly check: string;
  readonly status: 'pass' | 'warn' | 'fail' | 'skipped';
  readonly reason: string;
}

export interface ExampleMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string;
  /** Role mask of multi-turn controls: true = its tokens are targets. Absent in QA pairs (only the assistant is). */
  readonly train?: boolean;
}

/** One line of `examples.jsonl`. Offsets are UTF-16 code units into the user message's content. */
export interface Example {
  readonly id: string;
  readonly kind: AgentKind;
  readonly messages: readonly ExampleMessage[];
  readonly question: string;
  readonly answer: string;
  readonly rationale: string | null;
  readonly evidence: readonly ExampleEvidence[];
  readonly order: EvidenceOrder;
  readonly seed: number;
  readonly tokens: { readonly tokenizer: string; readonly prompt: number; readonly completion: number };
  readonly verification: readonly CheckResult[];
  readonly source: {
    readonly file: string;
    readonly sha256: string;
    readonly record: number;
    readonly format: string;
    readonly trajectoryId: string;
  };
  readonly flags: readonly string[];
  /** Pieces left out and why (over budget, distractor limit). */
  readonly dropped: readonly {
    readonly title: string;
    readonly role: EvidenceRole;
    readonly tokens: number;
    readonly reason: string;
  }[];
  /** The control this example belongs to; absent for plain ACC examples. */
  readonly control?: Exclude<ControlKind, 'none'>;
  readonly instanceId?: string;
}

/** Why a trajectory gave no example. `stage` is the step of the funnel that lost it. */
export interface Rejection {
  readonly trajectoryId: string;
  readonly file: string;
  readonly record: number;
  readonly kind: AgentKind;
  readonly stage:
    'verify' | 'evidence' | 'answer' | 'budget' | 'cap' | 'duplicate' | 'contaminated' | 'other';
  /** Stable kebab-case name of the cause. */
  readonly code: string;
  readonly reason: string;
  /** Tokens of the prompt, where it got as far as being packed; of question and gold alone, where these were too long. */
  readonly tokens?: number;
}

export interface CompileReport {
  readonly options: CompileOptions;
  readonly counts: Readonly<Record<string, number>>;
  readonly rejections: readonly Rejection[];
  readonly issues: JsonValue;
  /** Token totals of each arm made from the same trajectories (method §5.3). */
  readonly ledger?: readonly LedgerArm[];
}

/** Totals of one arm of an experiment. */
export interface LedgerArm {
  readonly arm: string;
  readonly examples: number;
  readonly processedTokens: number;
  readonly supervisedTokens: number;
  readonly meanLength: number;
  /** Passes over this arm that match the reference arm's total (1 for the reference itself). */
  readonly epochsToMatch: number;
}
