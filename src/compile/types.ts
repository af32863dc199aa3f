import type { JsonValue } from '../core/json.ts';
import type { AgentKind, TextRef } from '../trajectories/schema.ts';

export type EvidenceRole = 'gold' | 'distractor';
export type EvidenceOrder =
  'shuffle' | 'chronological' | 'reverse' | 'gold-first' | 'gold-middle' | 'gold-last';
/** Which variant of the data is made from the same trajectories (method §5). */
export type ControlKind = 'none' | 'agent-sft' | 'random-context' | 'evidence-mask';
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
}

/** One piece of the context: `content.slice(start, end)` of the user message is its text. */
export interface ExampleEvidence {
  readonly id: string;
  readonly role: EvidenceRole;
  readonly title: string;
  readonly start: number;
  readonly end: number;
  readonly source: EvidenceSource;
  /** Other places that showed (nearly) the same text and were merged into this piece. */
  readonly alsoAt?: readonly EvidenceSource[];
  readonly tokens?: number;
}

export interface CheckResult {
  readonly check: string;
  readonly status: 'pass' | 'warn' | 'fail' | 'skipped';
  readonly reason: string;
}

export interface ExampleMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string;
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
}

/** Why a trajectory gave no example. `stage` is the step of the funnel that lost it. */
export interface Rejection {
  readonly trajectoryId: string;
  readonly file: string;
  readonly record: number;
  readonly kind: AgentKind;
  readonly stage:
    'verify' | 'evidence' | 'answer' | 'budget' | 'cap' | 'duplicate' | 'contaminated' | 'other';
  readonly code: string;
  readonly reason: string;
}

export interface CompileReport {
  readonly options: CompileOptions;
  readonly counts: Readonly<Record<string, number>>;
  readonly rejections: readonly Rejection[];
  readonly issues: JsonValue;
}

/** A verbatim piece before it is placed in a context. */
export interface EvidencePiece {
  readonly id: string;
  readonly role: EvidenceRole;
  readonly title: string;
  readonly text: string;
  readonly span: TextRef;
  readonly turn: number;
}
